"""The proxy: client connections in front of one PostgreSQL server.

The words of the package:

* *client*: whoever connected to our port; *upstream*: the PostgreSQL server behind us.
* *session*: one client's life, with its one upstream connection (`session`, `startup`, `upstream`).
* *wire*: messages and framing, without I/O (`wire/`); *pipeline*: the replies owed to the client.
* *embedded*: the PostgreSQL that `kameleon serve` runs by itself when it is given no upstream (`embedded`).

`cli` builds the settings (`settings`) once, and everything below is handed what it needs.
"""
