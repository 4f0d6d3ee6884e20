"""Reads the case files: SQL with directives in comments. README.md beside this file describes the format."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

CASES = Path(__file__).parent / "cases"

HEADERS = {"settings", "user", "modes"}
FLAGS = {"batch", "pipeline", "ordered", "unordered", "shape"}
VALUES = {"params", "types", "copy", "copy fail", "fetch", "only", "session", "modes", "refused", "prepare", "execute"}

DIRECTIVE = re.compile(r"^-- (?P<name>[a-z]+(?: [a-z]+)?)(?:: ?(?P<value>.*))?$")
DOLLAR_TAG = re.compile(r"\$(?:[A-Za-z_]\w*)?\$")
PARAMETER = re.compile(r"\s*(?:'(?P<quoted>(?:[^']|'')*)'|(?P<bare>[^,]*?))\s*(?:,|$)")


@dataclass
class Step:
    """One thing to run on both sides."""

    line: int
    sql: str
    batch: bool = False  # the whole text in one simple Query
    pipeline: list[str] = field(default_factory=list)  # each by the extended protocol; "" stands for a Sync
    order: bool | None = None  # whether the order of rows counts; None: where the text says ORDER BY
    shape: bool = False  # rows and their number do not count
    params: list[list[str | None]] = field(default_factory=list)  # one execution for each
    types: list[str] = field(default_factory=list)
    prepare: str = ""  # the name of a prepared statement that is only parsed and described
    execute: str = ""  # the name of the one that is bound and executed; the text is only shown
    copy: bytes = b""
    copy_failure: str | None = None
    fetch: list[int] = field(default_factory=list)  # the row limits of successive Executes on one portal
    refused: str = ""  # the SQLSTATE with which the proxied side refuses it; the direct side does not see it
    since: int = 0  # the PostgreSQL version it needs
    session: str | None = None  # not SQL: what follows runs in this session
    session_settings: dict[str, str] = field(default_factory=dict)
    modes: list[str] = field(default_factory=list)

    @property
    def ordered(self) -> bool:
        if self.order is not None:
            return self.order
        return re.search(r"\border\s+by\b", self.sql, re.IGNORECASE) is not None


@dataclass
class CaseFile:
    name: str
    user: str = "parity_owner"
    settings: list[str] = field(default_factory=lambda: ["default"])
    modes: list[str] = field(default_factory=lambda: ["simple", "extended", "binary"])
    steps: list[Step] = field(default_factory=list)


def case_files() -> list[CaseFile]:
    return [read_case_file(path) for path in sorted(CASES.rglob("*.sql"))]


def read_case_file(path: Path) -> CaseFile:
    case = CaseFile(str(path.relative_to(CASES).with_suffix("")))
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        header = DIRECTIVE.match(line)
        if header and not block and not case.steps and header["name"] in HEADERS and header["value"]:
            _read_header(case, header["name"], header["value"])
        elif line.strip() or _inside_dollars(block):
            block.append((number, line))
            if not _whole_block(block) and _ends_statement(block):
                _read_block(path, case, block)
                block = []
        else:
            _read_block(path, case, block)
            block = []
    assert not block, f"{path}: the last statement is not finished"
    return case


def _read_header(case: CaseFile, name: str, value: str) -> None:
    words = re.split(r"[,\s]+", value.strip())
    if name == "user":
        (case.user,) = words
    else:
        setattr(case, name, words)


def _whole_block(block: list[tuple[int, str]]) -> bool:
    """Whether only a blank line ends this block."""
    return any(line in ("-- batch", "-- pipeline") for _, line in block)


def _inside_dollars(block: list[tuple[int, str]]) -> bool:
    text = "\n".join(line for _, line in block)
    at = 0
    while opened := DOLLAR_TAG.search(text, at):
        closed = text.find(opened[0], opened.end())
        if closed < 0:
            return True
        at = closed + len(opened[0])
    return False


def _ends_statement(block: list[tuple[int, str]]) -> bool:
    last = block[-1][1]
    if last.lstrip().startswith("--"):
        return last.startswith("-- session: ")
    return last.rstrip().endswith(";") and not _inside_dollars(block)


def _read_block(path: Path, case: CaseFile, block: list[tuple[int, str]]) -> None:
    step: Step | None = None
    sql: list[str] = []
    start = 0
    for number, line in block:
        directive = DIRECTIVE.match(line) if not sql else None
        name = directive["name"] if directive else ""
        if directive and (name in FLAGS if directive["value"] is None else name in VALUES):
            step = step or Step(number, "")
            _read_directive(step, name, directive["value"] or "")
        elif directive and directive["value"] is not None:
            raise AssertionError(f"{path}:{number}: unknown directive {name!r}; a comment begins with a capital letter")
        elif sql or not re.match(r"^--( |$)", line) or (step and step.batch):
            start = start or number
            sql.append(line)
    if step is None and not sql:
        return
    step = step or Step(start, "")
    step.line = start or step.line
    assert sql or step.session, f"{path}:{step.line}: directives without a statement"
    pipelined = bool(step.pipeline)
    text = "\n".join(sql).rstrip()
    step.sql = text if step.batch or pipelined else text.removesuffix(";")
    if pipelined:
        step.pipeline = _pipelined_statements(sql)
    case.steps.append(step)


def _read_directive(step: Step, name: str, value: str) -> None:
    match name:
        case "batch" | "shape":
            setattr(step, name, True)
        case "pipeline":
            step.pipeline = [""]
        case "ordered" | "unordered":
            step.order = name == "ordered"
        case "params":
            step.params.append(read_parameters(value))
        case "types" | "modes":
            setattr(step, name, re.split(r",\s*", value))
        case "copy":
            step.copy += value.encode() + b"\n"
        case "copy fail":
            step.copy_failure = value
        case "fetch":
            step.fetch = [int(word) for word in value.split(",")]
        case "refused" | "prepare" | "execute":
            setattr(step, name, value)
        case "only":
            step.since = int(value)
        case "session":
            step.session, *settings = value.split()
            step.session_settings = dict(setting.split("=", 1) for setting in settings)


def read_parameters(text: str) -> list[str | None]:
    """`1, 'it''s', null` as a list."""
    found: list[str | None] = []
    at = 0
    while at < len(text) or text[at - 1 : at] == ",":
        match = PARAMETER.match(text, at)
        assert match, f"cannot read parameters {text!r}"
        if match["quoted"] is not None:
            found.append(match["quoted"].replace("''", "'"))
        else:
            found.append(None if match["bare"].lower() == "null" else match["bare"])
        if match.end() == len(text) and not match[0].rstrip().endswith(","):
            break
        at = match.end()
    return found


def _pipelined_statements(lines: list[str]) -> list[str]:
    statements: list[str] = []
    current: list[str] = []
    for line in lines:
        if line.strip() == "-- sync":
            statements.append("")
            continue
        current.append(line)
        if line.rstrip().endswith(";"):
            statements.append("\n".join(current).rstrip().removesuffix(";"))
            current = []
    assert not current, f"a pipelined statement does not end: {current}"
    return statements
