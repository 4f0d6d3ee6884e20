"""Assignments to parts of columns: a[1], c.f, cs[2].f.

The write view's record is empty where a row has a value, so a part of it cannot be assigned to in place. It is assigned
to in an element of kdb_parts, one for each, and kdb_paths tells what part it is.
"""

from __future__ import annotations

from catalog.model import Field, Path
from rewriter.parts import Unparsed
from rewriter.rules.columns import name_target
from rewriter.statement import Statement


def is_part(target: tuple[int, int]) -> bool:
    return target[1] > target[0] + 1


class ColumnParts:
    """Those of one list of columns. `row`: what the statement calls the row as it was, if there was one."""

    def __init__(self, statement: Statement, row: str | None = None) -> None:
        self._statement = statement
        self._row = row
        self._paths: list[str] = []

    def add(self, target: tuple[int, int], field: Field) -> None:
        """a[1]  ->  kdb_parts[1].a[1]"""
        self._paths.append(self._path(field, *target))
        place = f"kdb_parts[{len(self._paths)}]."
        if field.parts.field is None:
            name_target(self._statement, target[0], field, place)
        else:
            self._statement.replace(target[0], target[0] + 1, place + field.parts.field)
        if self._row is not None and () not in field.parts.json:
            self._write_bounds(*target)

    @property
    def are_any(self) -> bool:
        return bool(self._paths)

    def literal(self) -> str:
        return self._statement.keys_literal(self._paths)

    def _path(self, field: Field, first: int, end: int) -> str:
        """{a,[1]} or {c,.f}, as kameleon.assign_part reads it; subscripts that follow each other are one step."""
        statement = self._statement
        steps = [field.written]
        path: Path = ()
        token = first + 1
        while token < end:
            if path in field.parts.whole:
                raise statement.needs_table(
                    first,
                    f'documents take what is assigned to here of column "{field.name}" as a whole only',
                    hint="Assign the whole column.",
                )
            if statement.word(token) == "." and statement.is_name(token + 1):
                steps.append("." + statement.tokens[token + 1].value)
                path += (steps[-1],)
                token += 2
            elif statement.word(token) == "[":
                brackets = self._brackets(token, end)
                if path in field.parts.json:
                    self._make_keys(brackets)
                    steps.append(f"->{len(brackets)}")
                else:
                    is_slice = any(self._colon(opening + 1, close) is not None for opening, close in brackets)
                    steps.append(f"[{len(brackets)}{':' if is_slice else ''}]")
                path += ("[]",)
                token = brackets[-1][1] + 1
            else:
                raise Unparsed(token)
        return "{" + ",".join(map(_element, steps)) + "}"

    def _brackets(self, token: int, end: int) -> list[tuple[int, int]]:
        found = []
        while token < end and self._statement.word(token) == "[":
            close = self._statement.partner(token)
            found.append((token, close))
            token = close + 1
        return found

    def _make_keys(self, brackets: list[tuple[int, int]]) -> None:
        """j[-1]  ->  j[kameleon.json_step(-1)]: where there is no value yet, a subscript may have no meaning."""
        for opening, close in brackets:
            if self._colon(opening + 1, close) is None:  # of a slice PostgreSQL says that jsonb has none
                self._statement.insert_after(opening, "kameleon.json_step(")
                self._statement.insert_before(close, ")")

    def _colon(self, first: int, end: int) -> int | None:
        token = first
        while token < end:
            word = self._statement.word(token)
            if word in ("(", "["):
                token = self._statement.partner(token)
            elif word == ":":
                return token
            token += 1
        return None

    def _write_bounds(self, first: int, end: int) -> None:
        """a[:2]  ->  a[array_lower(orders.a, 1):2]: a bound left out is that of the array as it was."""
        statement = self._statement
        array = f"{self._row}.{statement.text(first, first + 1)}"
        for dimension, (opening, close) in enumerate(self._brackets(first + 1, end), 1):
            colon = self._colon(opening + 1, close)
            if colon == opening + 1:
                statement.insert_after(opening, f"pg_catalog.array_lower({array}, {dimension})")
            if colon is not None and colon == close - 1:
                statement.insert_before(close, f"pg_catalog.array_upper({array}, {dimension})")


def _element(step: str) -> str:
    return '"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
