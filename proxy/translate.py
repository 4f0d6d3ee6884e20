"""An error or notice about our views and tables, as PostgreSQL would have said it about the client's own table.

SQLSTATE and severity are PostgreSQL's and stay. Changed are: the position, which points into the text that was sent;
the names of relations, constraints and columns; the words where a view or a sub-field stands for a table or a column;
the expression in a unique violation's DETAIL; and the context lines that our triggers and rules leave.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from catalog.model import Entity, Index
from catalog.quoting import quote_name, quote_value
from catalog.store import STALE_SQLSTATE
from proxy.knowledge import NO_ROW
from proxy.wire.backend import Backend, Diagnostic
from rewriter import Rewritten, original_position

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.statements import Run
    from proxy.timing import Subject

_OURS = (
    b"kdb_",
    b"kameleon",
    b"EventTriggerInvoke ",
    STALE_SQLSTATE.encode(),
    b"cannot PREPARE a transaction that has executed",
    b"RExecOpenScanRelation\0",
)

# kameleon.kdb_write_17_3, kdb_rec_17, and whatever else carries an entity's number; columns and foreign keys carry one
# of their own.
_OBJECT = re.compile(
    r'(?:kameleon\.|"kameleon"\.)?(?P<quote>"?)kdb_(?P<what>[a-z]+)_(?P<id>\d+)(?:_(?P<number>\d+)(?:_\d+)?)?(?P=quote)'
)
# What a foreign key's trigger asks or does, as PostgreSQL shows it in the context.
_KEY_QUERY = re.compile(r'SQL statement "(?:SELECT 1 FROM|UPDATE|DELETE FROM) ONLY "kameleon"\."kdb_records_')
_QUOTED_OBJECT = re.compile(r'(?P<schema>"kameleon"\.)?"kdb_(?:records|column)_(?P<id>\d+)_(?P<number>\d+)(?:_\d+)?"')
_VIEW_WORD = re.compile(r"\b(?:view|materialized view|foreign table)(?= (?:kameleon\.)?\"?kdb_[a-z]+_(?P<id>\d+))")
_SUBFIELD = re.compile(r'\bsubfield (?="[^"]*" is of type)')
_WRITE_VIEW = re.compile(r"\bkdb_write_(?P<id>\d+)_")
_NO_SUCH_FIELD = re.compile(
    r'cannot assign to field "(?P<field>.*)" of column "kdb_rec" because there is no such column in data type '
    r'(?:"?kameleon"?\.)?"?kdb_rec_(?P<id>\d+)"?'
)
_ASSIGNMENT = re.compile(r'kdb_rec\.(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)\s*=\s*')
# Functions that are called in the place of PostgreSQL's.
_STAND_IN = re.compile(r"\bkameleon\.(?=(?:pg|brin|gin)_\w+\()")
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_NOTIFIED = "cannot PREPARE a transaction that has executed LISTEN"
_CASCADES = "drop cascades to "
# The block that runs before a statement of the client's calls a function of ours, in its only line.
_PRELUDE = re.compile(r"^(?=.* inline_code_block )(?=.* 1 )(?=.* PERFORM\b)")
FOREIGN_KEY_VIOLATION = "23503"
DEPENDENT_OBJECTS_STILL_EXIST = "2BP01"
PRIVILEGE_NOT_REVOKED = "01006"
#: Violations that COPY meets as it writes a batch: by then the line's text is gone.
_BATCHED = frozenset({"23505", "23P01"})
_COPY_LINE = re.compile(r"(COPY .*?, line \d+): .*", re.DOTALL)
# How PostgreSQL prints a field's expression: (data ->> 'id'::text), ((data ->> 'id'::text))::integer.
_FIELD = re.compile(r"\(?data ->> '((?:[^']|'')*)'::text\)?")
_CAST_OR_DOUBLED = re.compile(r"\((\w+)\)::[a-z_]+(?: [a-z]+)*(?:\([\d,]+\))?|\((\(\w+\))\)")


def translate_diagnostic(
    message: bytes, knowledge: Knowledge, subject: Subject, runs: tuple[Run, ...] = ()
) -> bytes | None:
    """The frame to show for it: None as it came, empty for one that is not to be shown."""
    moved = bool(runs) or isinstance(subject, Rewritten)
    if not moved and not any(mark in message for mark in _OURS):
        return None
    came = Diagnostic.decode(message[0], message[5:])
    fields = {code: value.decode(knowledge.codec, "surrogateescape") for code, value in came.fields.items()}
    if moved and "P" in fields:
        _move_position(fields, subject, runs)
    if any(mark in message for mark in _OURS):
        if came.kind == Backend.NOTICE_RESPONSE and (
            _is_our_debugging(fields) or _is_of_our_privileges(fields) or not _leave_out_cascades(fields)
        ):
            return b""
        _translate_fields(fields, knowledge)
    shown = {code: text.encode(knowledge.codec, "surrogateescape") for code, text in fields.items()}
    return None if shown == came.fields else Diagnostic(came.kind, shown).encode()


def _move_position(fields: dict[str, str], subject: Subject, runs: tuple[Run, ...]) -> None:
    position = int(fields["P"])
    offset = 0
    if runs:
        # In the order in which they were sent: the last that begins before the position holds it.
        run = next((run for run in reversed(runs) if run.sent_offset < position), runs[0])
        if run.ours:
            del fields["P"]
            return
        subject, offset, position = run.subject, run.offset, position - run.sent_offset
    if isinstance(subject, Rewritten):
        if subject.sql.startswith("kdb_rec.", position - 1):
            fields["M"] = _SUBFIELD.sub("column ", fields.get("M", ""))
        assignment = _ASSIGNMENT.match(subject.sql, position - 1)
        if assignment is not None and fields.get("C") == "42804":
            # Of a column PostgreSQL points at the value that does not fit, of a sub-field at the sub-field.
            position = assignment.end() + 1
        position = original_position(subject.edits, position)
    fields["P"] = str(offset + position)


def _translate_fields(fields: dict[str, str], knowledge: Knowledge) -> None:
    relation = _named(fields.get("t", ""), knowledge) if fields.get("s") == "kameleon" else None
    if relation is not None:
        _translate_constraint(fields, relation)
        fields["s"], fields["t"] = relation.schema, relation.name
        if fields.get("c") in ("data", "kdb_rec", "kdb_keys", "kdb_parts", "kdb_paths", "kdb_data"):
            del fields["c"]
    elif fields.get("s") == "kameleon":
        for code in "stcn":
            fields.pop(code, None)
    _translate_foreign_key(fields, knowledge)
    if fields.get("C") == "44000":
        view = _WRITE_VIEW.search(fields.get("M", ""))
        through = knowledge.snapshot.entities.get(int(view["id"])) if view is not None else None
        if view is not None and (through is None or through.writes_documents):
            _tell_failing_row(fields, int(view["id"]), knowledge)
    tables = unscanned_tables(fields, knowledge)
    if tables:
        fields |= _refusal_of(tables)
    if fields.get("C") == STALE_SQLSTATE:
        # The statement came by a road on which the proxy does not see it: out of a function, for one.
        fields["C"] = "0A000"
    if fields.get("M", "").startswith(_NOTIFIED) and knowledge.touched:
        fields["M"] = "cannot PREPARE a transaction that has changed tables which Kameleon keeps"
        fields["D"] = "Such a change is notified of at COMMIT, and PREPARE TRANSACTION allows no notification."
        fields["H"] = "Make the change in a transaction of its own."
    no_such_field = _NO_SUCH_FIELD.search(fields.get("M", ""))
    if no_such_field is not None:
        entity = knowledge.snapshot.entities.get(int(no_such_field["id"]))
        table = entity.name if entity is not None else "?"
        fields["M"] = f'column "{no_such_field["field"]}" of relation "{table}" does not exist'
        fields.pop("H", None)
        fields.pop("D", None)
    if "W" in fields:
        _translate_context(fields, knowledge)
    if any(mark in fields.get("q", "") for mark in ("kdb_", "kameleon.")):
        fields.pop("q")
        fields.pop("p", None)
    if fields.get("C") == DEPENDENT_OBJECTS_STILL_EXIST and "D" in fields:
        # What is told of ours is told of the client's own objects, too.
        lines = fields["D"].split("\n")
        fields["D"] = "\n".join([line for line in lines if "kdb_" not in line] or lines)
    # VACUUM, ANALYZE and CLUSTER name the schema, whatever the search path.
    with_schema = fields.get("V") == "INFO"
    for code in "MDH":
        if code in fields:
            fields[code] = _translate_text(fields[code], knowledge, with_schema=with_schema)


def _tell_failing_row(fields: dict[str, str], view: int, knowledge: Knowledge) -> None:
    """PostgreSQL tells of the document; the row was told just before, to a session that may read it."""
    told_of, row = knowledge.failing_row
    knowledge.failing_row = NO_ROW
    introduction = fields.pop("D", "").partition("(")[0]
    if told_of == view and row and introduction:
        fields["D"] = f"{introduction}({row.decode(knowledge.codec, 'surrogateescape')})."


def unscanned_tables(fields: dict[str, str], knowledge: Knowledge) -> list[Entity]:
    """The table that is not scanned while its rows are documents (ONLY): PostgreSQL takes it for a materialized view.

    Its name is all that the error tells, in whatever language: tables of several schemas may be meant.
    """
    if fields.get("R") != "ExecOpenScanRelation" or fields.get("C") != "55000":
        return []
    by_name = knowledge.snapshot.by_name
    told = fields.get("M", "")
    named = max((name for name in by_name if name in told and _is_quoted(name, told)), key=len, default="")
    tables = [entity for entity in by_name.get(named, {}).values() if entity.is_table]
    return [] if any(entity.has_namesake for entity in tables) else tables


def _is_quoted(name: str, text: str) -> bool:
    return re.search(rf"[^\w\s]\s?{re.escape(name)}\s?[^\w\s]", text) is not None


def _refusal_of(tables: list[Entity]) -> dict[str, str]:
    """What the guard says of it (kameleon.refuse_shell)."""
    names = [quote_value(".".join(map(_as_written, (each.schema, each.name)))) for each in tables]
    calls = " or ".join(f"CALL kameleon.materialize_entity({name})" for name in names)
    return {
        "C": STALE_SQLSTATE,
        "M": f'table "{tables[0].name}" is kept in shared storage and cannot be used here',
        "D": "The statement reached the table itself, not its documents: it stands in a function, or the connection is "
        "not Kameleon's.",
        "H": "Use the table in statements of the client's own, through Kameleon's port; or make it an ordinary table: "
        f"{calls}.",
        "s": tables[0].schema,
        "t": tables[0].name,
    }


def _as_written(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) is not None else quote_name(name)


def _translate_text(text: str, knowledge: Knowledge, *, with_schema: bool = False) -> str:
    text = _STAND_IN.sub("", text)
    if "kdb_" not in text:
        return text
    entities = knowledge.snapshot.entities

    def word(found: re.Match[str]) -> str:
        entity = entities.get(int(found["id"]))
        return "table" if entity is None or entity.is_table or entity.is_catalog else entity.kind

    text = _VIEW_WORD.sub(word, text)

    def replace(found: re.Match[str]) -> str:
        entity = entities.get(int(found["id"]))
        quote = found["quote"]
        if found["what"] == "index":
            return found[0]
        part = _part(found, entity)
        if part is not None:
            return f"{quote}{part}{quote}"
        if entity is not None and with_schema and found[0].startswith("kameleon."):
            return f"{entity.schema}.{entity.name}"
        return f"{quote}{entity.name if entity is not None else 'table'}{quote}"

    # A list of objects names the table once, however many of ours stand for it.
    lines = [line for line in text.split("\n") if not line.startswith("privileges for column kdb_")]
    return "\n".join(dict.fromkeys(_OBJECT.sub(replace, line) for line in lines))


def _translate_foreign_key(fields: dict[str, str], knowledge: Knowledge) -> None:
    """Of a violation: one that stands for another may be the documents' or a table's own."""
    found = _OBJECT.fullmatch(fields.get("n", ""))
    if found is not None and found["what"] == "foreign":
        fields["n"] = _part(found, knowledge.snapshot.entities.get(int(found["id"]))) or fields["n"]


def _translate_constraint(fields: dict[str, str], entity: Entity) -> None:
    name = fields.get("n", "")
    index = _index(name, entity)
    if index is None:
        return
    fields["M"] = fields.get("M", "").replace(f'"{index.child_name}"', f'"{index.name}"')
    fields["n"] = index.name
    detail = fields.get("D", "")
    key = _key_end(detail)
    if key is None:
        return
    columns = ", ".join(index.columns) if index.columns else _over_columns(detail[5 : key - 1])
    fields["D"] = f"Key ({columns}){detail[key:]}"


def _over_columns(expressions: str) -> str:
    """Expressions over the document as expressions over columns, as near as text alone gets to it."""
    text = _FIELD.sub(r"\1", expressions)
    while (shorter := _CAST_OR_DOUBLED.sub(r"\1\2", text)) != text:
        text = shorter
    return text


def _key_end(detail: str) -> int | None:
    """`Key (<expressions>)=(<values>) ...` -> the offset after the first list."""
    if not detail.startswith("Key ("):
        return None
    depth = 0
    quoted = False
    for offset in range(4, len(detail)):
        character = detail[offset]
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return offset + 1
    return None


def _index(name: str, entity: Entity) -> Index | None:
    for index in entity.indexes:
        if index.child_name == name:
            return index
    return None


def _translate_context(fields: dict[str, str], knowledge: Knowledge) -> None:
    """Lines of functions and statements of ours go; those of the client's own functions stay."""
    kept: list[str] = []
    was_ours = False
    for line in fields["W"].split("\n"):
        if was_ours and _PRELUDE.match(line) is not None:
            continue
        was_ours = False
        if line.startswith("COPY "):
            line = _translate_text(line, knowledge)
            if fields.get("C") == FOREIGN_KEY_VIOLATION:
                continue  # COPY has them checked when all its rows are there
            if fields.get("C") in _BATCHED:
                line = _COPY_LINE.sub(r"\1", line)
        elif _KEY_QUERY.match(line) is not None:
            line = _translate_key_query(line, knowledge)
        elif "kameleon." in line or "kdb_" in line:
            was_ours = True
            continue
        kept.append(line)
    if kept:
        fields["W"] = "\n".join(kept)
    else:
        del fields["W"]


def _translate_key_query(line: str, knowledge: Knowledge) -> str:
    def replace(found: re.Match[str]) -> str:
        entity = knowledge.snapshot.entities.get(int(found["id"]))
        if entity is None:
            return found[0]
        if found["schema"]:
            return f"{_quoted(entity.schema)}.{_quoted(entity.name)}"
        return _quoted(_column(entity, int(found["number"])) or "?")

    return _QUOTED_OBJECT.sub(replace, line)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _part(found: re.Match[str], entity: Entity | None) -> str | None:
    """The column or foreign key that one of ours stands for."""
    if entity is None or found["number"] is None:
        return None
    if found["what"] == "column":
        return _column(entity, int(found["number"]))
    if found["what"] == "foreign":
        return next((key.name for key in entity.foreign_keys if key.child_name == found[0].strip('"')), None)
    return None


def _column(entity: Entity, attnum: int) -> str | None:
    return next((field.name for field in entity.fields if field.attnum == attnum), None)


def _is_our_debugging(fields: dict[str, str]) -> bool:
    """What PostgreSQL says below NOTICE of what our functions do, and of the objects that go along with a table."""
    if fields.get("V") != "DEBUG":
        return False
    message = fields.get("M", "")
    innermost = fields.get("W", "").split("\n", 1)[0]
    return (
        # names its function by number: another one's is left out with ours
        message.startswith("EventTriggerInvoke ")
        or (message.startswith("drop auto-cascades to ") and ("kdb_" in message or "kameleon" in message))
        or "kdb_" in innermost
        or "kameleon." in innermost
    )


def _is_of_our_privileges(fields: dict[str, str]) -> bool:
    """DROP OWNED takes from a role what it has been granted. Where it may not, the table is told of as well."""
    return fields.get("C") == PRIVILEGE_NOT_REVOKED and _OBJECT.search(fields.get("M", "")) is not None


def _leave_out_cascades(fields: dict[str, str]) -> bool:
    """`drop cascades to ...` less what is ours. False when nothing is left to tell."""
    message = fields.get("M", "")
    if fields.get("R") == "ExecuteTruncateGuts":
        return "kdb_" not in message  # of documents; that of their table is told of as well
    if not message.startswith(_CASCADES):
        return True
    if not message.endswith(" other objects"):
        return "kdb_" not in message
    lines = fields.get("D", "").split("\n")
    kept = [line for line in lines if "kdb_" not in line]
    if not kept:
        return False
    if len(kept) == 1:
        fields["M"] = kept[0]
        del fields["D"]
    else:
        fields["M"] = f"{_CASCADES}{len(kept)} other objects"
        fields["D"] = "\n".join(kept)
    return True


def _named(relation: str, knowledge: Knowledge) -> Entity | None:
    found = _OBJECT.fullmatch(relation)
    return None if found is None else knowledge.snapshot.entities.get(int(found["id"]))
