"""RowDescription: columns of our views as the columns of the client's own table.

Drivers look up a column's table and number to learn whether it may be null, or to make a result updatable; a whole-row
value carries its type's OID. Both are those of the shell table, which PostgreSQL's catalogs describe.

A description is looked up by its bytes: the same statement gives the same description every time.
"""

from __future__ import annotations

from dataclasses import replace

from catalog.model import Entity, Snapshot
from proxy.wire.backend import Column, RowDescription

_REMEMBERED = 2000


class RowDescriptions:
    """Of one snapshot."""

    __slots__ = ("_of_row_array", "_of_row_type", "_seen", "snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._seen: dict[bytes, bytes | None] = {}
        self._of_row_array = {
            oid: entity.row_array for entity in snapshot.entities.values() for oid in entity.view_row_arrays if oid
        }
        self._of_row_type = {
            oid: entity for entity in snapshot.entities.values() for oid in entity.view_row_types if oid
        }

    def replacement(self, message: bytes) -> bytes | None:
        """What the client gets for it; None when nothing is to be changed."""
        try:
            return self._seen[message]
        except KeyError:
            return self._look(message)

    def shown(self, message: bytes) -> bytes:
        """The same; the message itself when nothing is to be changed."""
        return self.replacement(message) or message

    def _look(self, message: bytes) -> bytes | None:
        shown = self._translate(message)
        seen = None if shown is message else shown
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[message] = seen
        return seen

    def _translate(self, message: bytes) -> bytes:
        columns = RowDescription.decode(message[5:]).columns
        shown = tuple(map(self._column, columns))
        return message if shown == columns else RowDescription(shown).encode()

    def _column(self, column: Column) -> Column:
        array = self._of_row_array.get(column.type_oid)
        if array is not None:
            return replace(column, type_oid=array)
        whole = self._of_row_type.get(column.type_oid)
        if whole is not None:
            # a whole row comes from column 0 of its table
            return replace(column, type_oid=whole.row_type, table=whole.relid, attnum=0)
        entity = self.snapshot.relation(column.table) if column.table else None
        if entity is None or column.table == entity.relid:
            return column
        number = column.attnum
        if column.table == entity.write_oid and entity.is_view and entity.writes_documents:
            number -= _OURS_FIRST
        is_write_view = column.table == entity.write_oid and not entity.is_view
        table, attnum = _origin(entity, number, is_write_view=is_write_view)
        modifier = column.type_modifier
        if is_write_view and modifier == -1 and number <= len(entity.fields):
            modifier = entity.fields[number - 1].base_modifier
        return replace(column, table=table, attnum=attnum, type_modifier=modifier)


_SYSTEM_COLUMNS = 6
#: With these the write view of a client's view begins.
_OURS_FIRST = 5


def _origin(entity: Entity, number: int, *, is_write_view: bool) -> tuple[int, int]:
    """A view has just the table's columns that are not dropped, in order. Behind them the write view has the system
    columns, in the order of their negative numbers; what comes then is ours."""
    if 1 <= number <= len(entity.fields):
        return entity.relid, entity.fields[number - 1].attnum
    behind = number - len(entity.fields)
    if is_write_view and 1 <= behind <= _SYSTEM_COLUMNS:
        return entity.relid, -behind
    return 0, 0
