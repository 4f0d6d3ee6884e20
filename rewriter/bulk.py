"""Long INSERT ... VALUES, by its head alone.

A bulk load of thousands of rows needs no parse: a plain INSERT changes in its target's name only. This looks at the
words in front of VALUES and makes sure that nothing behind it could matter; if not so, the statement is parsed.
"""

from __future__ import annotations

import re

from rewriter.errors import LexError
from rewriter.lexer import Token, names_in, tokenize
from rewriter.names import Resolver
from rewriter.parts import Relation, Unparsed
from rewriter.reader import Reader
from rewriter.rules.columns import field_of, replace_target
from rewriter.statement import Statement

LONG = 4096  # characters; shorter statements are quick enough to parse, and may come again
_LONGEST_HEAD = 32_768

_VALUES = re.compile(r"\bVALUES\b", re.IGNORECASE)
_RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)
# With none of these words behind VALUES, the rows hold no query and no ON CONFLICT follows them.
_WORDS_THAT_MATTER = ("select", "table", "with", "conflict")


def head_end(sql: str) -> int | None:
    """Where INSERT ... VALUES ends, if a VALUES comes soon enough."""
    found = _VALUES.search(sql, 0, _LONGEST_HEAD)
    return found.end() if found is not None else None


def bulk_insert(sql: str, resolver: Resolver, standard_conforming_strings: bool) -> Statement | None:
    """The statement with its edits made; None when it has to be parsed."""
    end = head_end(sql)
    if end is None:
        return None
    try:
        tokens = tokenize(sql[:end], standard_conforming_strings)
        relation, columns = _read_head(tokens)
    except (LexError, Unparsed):
        return None
    if not _rows_are_plain(sql[end:], standard_conforming_strings):
        return None
    statement = Statement(sql, tokens, resolver, standard_conforming_strings)
    entity = resolver.entity(statement.parts(relation.chain))
    if entity is None:
        return statement
    statement.name(entity.entity_id)
    if not entity.is_shared:
        return statement
    if not entity.is_table:
        return None
    fields = entity.fields if columns is None else [field_of(statement, entity, token) for token in columns]
    if any(field.generated or field.identity == "a" for field in fields):
        return None  # each row has to say DEFAULT there
    replace_target(statement, relation, entity.insert_view)
    return statement


def _read_head(tokens: list[Token]) -> tuple[Relation, list[int] | None]:
    """INSERT INTO name [AS alias] [(columns)] VALUES, and no word more."""
    reader = Reader(tokens)
    end = len(tokens)
    token = reader.expect(reader.expect(0, end, "insert"), end, "into")
    chain = reader.chain(token, end)
    relation = Relation(chain, chain.first, chain.end)
    token = chain.end
    if reader.is_(token, end, "as"):
        relation.alias = token + 1
        token += 2
    columns = None
    if reader.is_(token, end, "("):
        close = reader.close(token, end)
        columns = list(range(token + 1, close, 2))
        if any(not tokens[column].is_name or tokens[column + 1].value not in (",", ")") for column in columns):
            raise Unparsed(token)
        token = close + 1
    if reader.expect(token, end, "values") != end:
        raise Unparsed(token)
    return relation, columns


def _rows_are_plain(text: str, standard_conforming_strings: bool) -> bool:
    lowered = text.lower()
    words = [word for word in _WORDS_THAT_MATTER if word in lowered]
    if words and not names_in(text, standard_conforming_strings).isdisjoint(words):
        return False
    if "returning" not in lowered:
        return True
    found = [match.end() for match in _RETURNING.finditer(text)]
    return len(found) <= 1 and all(_names_columns_only(text[end:], standard_conforming_strings) for end in found)


def _names_columns_only(text: str, standard_conforming_strings: bool) -> bool:
    """Whether RETURNING is without schema.table.column: that would have to be shortened."""
    try:
        tokens = tokenize(text, standard_conforming_strings)
    except LexError:
        return False
    return all(before.value != "." or after.value != "." for before, after in zip(tokens[1:], tokens[3:], strict=False))
