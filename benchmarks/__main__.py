"""`python -m benchmarks`: run everything, print the table."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import data, ddl, idle_clients, metrics, migration, rewrites, select_only, servers, streaming
from benchmarks.report import Row, print_table

PARTS = ("select", "stream", "idle", "rewrite", "ddl", "migrate", "metrics")


def main(
    quick: Annotated[bool, typer.Option(help="Short and few rounds: a first impression in a minute.")] = False,
    only: Annotated[str, typer.Option(help=f"Parts to run, separated by commas, of {', '.join(PARTS)}.")] = "",
    rounds: Annotated[int, typer.Option(help="How often each measurement is repeated.")] = 0,
) -> None:
    parts = only.split(",") if only else list(PARTS)
    if not set(parts) <= set(PARTS):
        raise typer.BadParameter(f"the parts are {', '.join(PARTS)}", param_hint="--only")
    rounds = rounds or (1 if quick else 6)
    streamed = 200_000 if quick else 1_000_000
    started = time.monotonic()
    progress = Console(stderr=True)
    with servers.running() as running:
        progress.print("filling tables")
        data.fill(running, streamed if "stream" in parts else 1000)
        work: dict[str, Callable[[], Iterator[Row]]] = {
            # The clients' memory first: the proxy has not been stretched by anything else yet.
            "idle": lambda: idle_clients.measure(running, 200 if quick else 1000),
            "select": lambda: select_only.measure(running, rounds, 1 if quick else 2),
            "stream": lambda: streaming.measure(running, rounds, streamed),
            "rewrite": lambda: rewrites.measure(running, rounds),
            "ddl": lambda: ddl.measure(running, rounds),
            "metrics": lambda: metrics.measure(
                running, rounds, 1 if quick else 2, 8 if quick else 30, 1_000_000 if quick else 10_000_000
            ),
            "migrate": lambda: migration.measure(running, min(rounds, 3), streamed, 2 if quick else 8),
        }
        done: dict[str, list[Row]] = {}
        for part, measure in work.items():
            if part in parts:
                done[part] = []
                for row in measure():
                    progress.print(f"measured: {row.title.strip()}")
                    done[part].append(row)
        version = running.postgres.version
    rows = [row for part in PARTS for row in done.get(part, [])]
    seconds = time.monotonic() - started
    print_table(
        rows,
        f"PostgreSQL {version}, Python {platform.python_version()}, {rounds} rounds in turn, medians; {seconds:.0f} s.",
    )


typer.run(main)
