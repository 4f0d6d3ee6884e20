"""Reads tests/rewriter/fixtures: what a client sends, and what becomes of it.

    -- title: the client's alias is kept
    SELECT * FROM orders o
    -- becomes
    SELECT * FROM kameleon.kdb_read_17 o

Instead of "becomes": `-- unchanged`, or `-- refused: SQLSTATE message` in the files that end in `__invalid.sql`. There
`-- detail:`, `-- hint:` and `-- at:` may follow (the client's text from the error's position on). Further marks are
`-- prelude:`, the statement to be run before; `-- entities:`, the names of the entities in an unchanged statement;
`-- fails:`, the SQLSTATE with which PostgreSQL refuses the rewritten statement, as it would refuse the client's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "fixtures"
_MARK = re.compile(r"^-- (title|becomes|unchanged|refused|detail|hint|at|prelude|entities|fails)(?::[ ]?(.*))?$")


@dataclass
class Case:
    file: str
    title: str
    sql: str = ""
    expected: str | None = None  # None: unchanged, or refused
    marks: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.file}: {self.title}"


def cases(*, invalid: bool) -> list[Case]:
    found: list[Case] = []
    for path in sorted(FOLDER.glob("*.sql")):
        if path.stem.endswith("__invalid") is invalid:
            found += _read(path)
    return found


def _read(path: Path) -> list[Case]:
    found: list[Case] = []
    lines: list[str] = []
    takes = ""

    def finish() -> None:
        text = "\n".join(lines).strip("\n")
        if takes == "title":
            found[-1].sql = text
        elif takes == "becomes":
            found[-1].expected = text
        elif text.strip():
            raise ValueError(f"{path.name}: text under {takes}: {text!r}")
        lines.clear()

    for line in path.read_text(encoding="utf-8").splitlines():
        mark = _MARK.match(line)
        if mark is None:
            lines.append(line)
            continue
        if takes:
            finish()
        else:
            lines.clear()  # what stands in front of the first case is a comment
        takes = mark.group(1)
        if takes == "title":
            found.append(Case(path.stem, mark.group(2)))
        else:
            found[-1].marks[takes] = mark.group(2) or ""
    finish()
    return found
