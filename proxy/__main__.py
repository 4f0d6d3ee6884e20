"""`python -m proxy` is `kameleon`."""

from proxy.cli import main

main()
