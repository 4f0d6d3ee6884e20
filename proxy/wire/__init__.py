"""PostgreSQL's wire protocol as values and bytes: no sockets, no asyncio, nothing of ours above it.

* `framing`  - a frame is one type byte, a length that counts itself, and a body.
* `fields`   - the few field types that bodies are made of.
* `frontend` - what a client sends; `backend` - what a server sends. The same letter means different
  things in the two directions, so they never share a table.

Text is `bytes` here. It becomes `str` where the session's encoding is known, and nowhere else.
"""
