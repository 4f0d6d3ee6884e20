"""What * gives of relations that are joined by the names of their columns: merged ones come first, and once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.model import Field
from rewriter.lexer import quote
from rewriter.parse import Item
from rewriter.rules.columns import target_name
from rewriter.statement import Statement

_JOINS = frozenset(("natural", "cross", "inner", "left", "right", "full", "outer", "join"))


@dataclass(frozen=True, slots=True)
class _Column:
    field: Field
    text: str
    is_either: bool = False  # of a FULL JOIN: the value of the side that has one


def joined_columns(statement: Statement, items: Iterable[Item], first: int, end: int) -> list[str] | None:
    """The columns of the relations in FROM, tokens [first, end); None where they are not known here.

    a JOIN b USING (id)  ->  a."id", a."name", b."note"
    """
    starts = {item.relation.start: item for item in items if item.relation is not None}
    columns: list[str] = []
    for start, stop in statement.items(first, end):
        joined = _joined(statement, starts, start, stop)
        if joined is None:
            return None
        columns += [f"{each.text} AS {quote(each.field.name)}" if each.is_either else each.text for each in joined]
    return columns


def _joined(statement: Statement, starts: dict[int, Item], token: int, end: int) -> list[_Column] | None:
    """Of relations joined one after the other; joins in parentheses, sub-selects and functions are not known."""
    joined, token = _relation(statement, starts, token)
    while joined is not None and token < end:
        words = set()
        while statement.word(token) in _JOINS:
            words.add(statement.word(token))
            token += 1
        if "join" not in words:
            return None
        right, token = _relation(statement, starts, token)
        if right is None:
            return None
        names: list[str] | None = []
        if "natural" in words:
            given = {column.field.name for column in right}
            names = [column.field.name for column in joined if column.field.name in given]
        elif "cross" not in words:
            names, token = _condition(statement, token, end)
        joined = None if names is None else _merged(joined, right, names, words)
    return joined


def _relation(statement: Statement, starts: dict[int, Item], token: int) -> tuple[list[_Column] | None, int]:
    item = starts.get(token)
    relation = item.relation if item is not None else None
    if item is None or relation is None or item.is_cte or relation.sample is not None:
        return None, token
    end = relation.end if relation.alias is None else relation.alias + 1
    entity = statement.resolver.entity(statement.parts(relation.chain))
    if entity is None or entity.is_catalog or (relation.alias is not None and statement.word(end) == "("):
        return None, token
    name = target_name(statement, relation)
    return [_Column(field, f"{name}.{quote(field.name)}") for field in entity.fields], end


def _condition(statement: Statement, token: int, end: int) -> tuple[list[str] | None, int]:
    """USING (names), or ON, which merges none."""
    if statement.words(token, "using", "("):
        close = statement.partner(token + 1)
        names = [statement.tokens[name].value for name, _ in statement.items(token + 2, close)]
        return (None if statement.word(close + 1) == "as" else names), close + 1
    if statement.word(token) != "on":
        return None, token
    while token < end and not (statement.word(token) in _JOINS and statement.word(token + 1) != "("):
        token = statement.partner(token) + 1 if statement.word(token) in ("(", "[") else token + 1
    return [], token


def _merged(left: list[_Column], right: list[_Column], names: list[str], words: set[str]) -> list[_Column] | None:
    """None where PostgreSQL gives the merged column another type than it has on the side that it is taken from."""
    merged = []
    for name in names:
        of_left = [column for column in left if column.field.name == name]
        of_right = [column for column in right if column.field.name == name]
        if len(of_left) != 1 or len(of_right) != 1 or of_left[0].field.type_name != of_right[0].field.type_name:
            return None
        column = of_right[0] if "right" in words else of_left[0]
        if "full" in words:
            column = _Column(column.field, f"COALESCE({of_left[0].text}, {of_right[0].text})", is_either=True)
        merged.append(column)
    return merged + [column for column in left + right if column.field.name not in names]
