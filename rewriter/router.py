"""The first sight of a statement: which road it takes.

Pass: it names no entity, so its bytes go on as they are, parsed or not.
Rewrite: queries and DML, alone or inside EXPLAIN, DECLARE, PREPARE, COPY, CREATE VIEW, CREATE TABLE AS; and the utility
statements that take tables.
DDL: `rewriter.ddl` decides.
What names an entity and cannot be understood, or cannot be had of documents, runs on the tables, which get their rows
first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from catalog.model import Names, Snapshot
from rewriter.bulk import LONG, bulk_insert
from rewriter.ddl import NAMING_NO_TABLE, all_names, ddl, inner_query, serve_by_tables
from rewriter.edits import Edit, in_order
from rewriter.errors import LexError, NeedsTable, RewriteError
from rewriter.lexer import PUNCTUATION, names_in, tokenize
from rewriter.mask import Mask
from rewriter.names import Resolver, unseen
from rewriter.parse import parse
from rewriter.parts import Unparsed
from rewriter.reader import is_balanced
from rewriter.rules import RULES
from rewriter.rules.copy import copy
from rewriter.rules.row_types import row_types
from rewriter.rules.storage_functions import STORAGE_FUNCTIONS, storage_functions
from rewriter.rules.utility import lock, truncate, vacuum
from rewriter.statement import Statement
from rewriter.statements import Kind, classify

_QUERIES = frozenset((Kind.SELECT, Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.MERGE))
#: Statements in which a system catalog is read through a view of ours. Not DDL: what it makes would depend on the view.
_READERS = frozenset((Kind.SELECT, Kind.DECLARE, Kind.PREPARE, Kind.COPY))
#: What keeps the rows of a query, and not the query, or writes by them; but not to a catalog.
_KEEPS_ANSWER = re.compile(
    r"\s*(?:EXPLAIN\s*(?:\([^()]*\bANALY[SZ]E\b[^()]*\)|\bANALY[SZ]E\b(?:\s+VERBOSE\b)?)\s*)?"
    r"(?:(?:INSERT\s+INTO|MERGE\s+INTO|(?:UPDATE|DELETE\s+FROM)(?:\s+ONLY)?)\s+(?!\"?pg_|\"?information_schema\b)"
    r"|CREATE\s+(?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED)\s+)*TABLE\b[^;]*\bAS\b)",
    re.IGNORECASE,
)
#: The catalogs that show statements' texts, and the prelude of their queries: the proxy puts the texts in its place.
_SHOWING_TEXTS = frozenset(("pg_prepared_statements", "pg_cursors"))
TELL_TEXTS = "SELECT what the client wrote"
#: Statements in which a function that tells of storage is told of the documents. Not DDL, likewise.
_CALLERS = _READERS | _QUERIES
#: What runs on the tables themselves where documents cannot serve it. Not VACUUM: a prelude would begin a transaction.
_SERVED_BY_TABLES = _CALLERS | {Kind.EXPLAIN, Kind.DDL}
_UTILITIES = {
    Kind.TRUNCATE: truncate,
    Kind.LOCK: lock,
    Kind.VACUUM: vacuum,
}


@dataclass(frozen=True, slots=True)
class Routed:
    kind: Kind
    edits: tuple[Edit, ...] = ()
    entities: tuple[int, ...] = ()
    prelude: str | None = None
    reached: tuple[int, ...] = ()  # entities that the routines it calls may come to


class QueryRouter:
    """Decides what happens to a statement, by the storage mode of the entities that it names.

    ==========================  ==========================================================================
    it names                    and
    ==========================  ==========================================================================
    no entity                   it passes: the client's own bytes go upstream
    dedicated entities only     it passes: they are ordinary tables, and PostgreSQL does the rest
    shared entities             queries and DML are rewritten for their views; DDL runs on their shells as it
                                was written, after a prelude where it must see rows; before the rest runs
                                as it was written, its entities become dedicated
    both                        each name goes by its own entity's storage
    ==========================  ==========================================================================

    An entity is told from other relations of its name by the session's search_path (`rewriter.names`). A router is for
    one snapshot, one session's names and one way to scan strings; when the catalog moves there is another.
    """

    __slots__ = ("_names", "_snapshot", "_standard_conforming_strings")

    def __init__(self, snapshot: Snapshot, names: Names, *, standard_conforming_strings: bool = True) -> None:
        self._snapshot = snapshot
        self._names = names
        self._standard_conforming_strings = standard_conforming_strings

    def route(self, sql: str) -> Routed:
        """Raises RewriteError for what must not be sent."""
        names_within = names_in(sql, self._standard_conforming_strings)
        routed = self._route(sql, names_within)
        called = self._snapshot.by_routine.keys() & names_within
        return replace(routed, reached=self._reached(sql, called)) if called else routed

    def _reached(self, sql: str, called: set[str]) -> tuple[int, ...]:
        try:
            tokens = tokenize(sql, self._standard_conforming_strings)
        except LexError:
            return ()
        found: dict[int, None] = {}
        for name, after in pairwise(tokens):
            if name.is_name and name.value in called and after.kind is PUNCTUATION and after.value == "(":
                for entity in self._snapshot.by_routine[name.value]:
                    if entity.is_unseen:
                        raise unseen(entity)
                    found[entity.entity_id] = None
        return tuple(found)

    def _route(self, sql: str, names_within: set[str]) -> Routed:
        kind = classify(sql)
        named = self._snapshot.by_name.keys() & names_within
        calls = kind in _CALLERS and not names_within.isdisjoint(STORAGE_FUNCTIONS)
        if not named and not calls and not _concerns_all(kind, names_within):
            return Routed(kind)
        if not named.isdisjoint(self._snapshot.catalogs) and (kind in _READERS or _KEEPS_ANSWER.match(sql) is not None):
            try:
                resolver = Resolver(self._snapshot, self._names, reads_catalogs=True)
                routed = _route(sql, kind, named, resolver, self._standard_conforming_strings)
                shows_texts = routed.edits and not named.isdisjoint(_SHOWING_TEXTS)
                return replace(routed, prelude=TELL_TEXTS) if shows_texts else routed
            except RewriteError:
                # What cannot be said of our views is left to be said of the catalogs themselves.
                pass
        resolver = Resolver(self._snapshot, self._names)
        try:
            return _route(sql, kind, named, resolver, self._standard_conforming_strings)
        except NeedsTable as error:
            if kind not in _SERVED_BY_TABLES:
                raise
            return _served_by_tables(sql, kind, resolver, self._standard_conforming_strings, error)

    def route_bulk(self, sql: str) -> Routed | None:
        """The short way for a long INSERT ... VALUES; None for anything else."""
        if len(sql) < LONG or classify(sql) is not Kind.INSERT:
            return None
        bulk = bulk_insert(sql, Resolver(self._snapshot, self._names), self._standard_conforming_strings)
        return Routed(Kind.INSERT, in_order(bulk.edits), tuple(bulk.entities)) if bulk is not None else None


def _concerns_all(kind: Kind, names_within: set[str]) -> bool:
    """REASSIGN OWNED, which names no table."""
    return kind is Kind.DDL and not names_within.isdisjoint(NAMING_NO_TABLE)


def _route(sql: str, kind: Kind, named: set[str], resolver: Resolver, standard_conforming_strings: bool) -> Routed:
    try:
        tokens = tokenize(sql, standard_conforming_strings)
    except LexError:
        return Routed(kind)  # PostgreSQL refuses it before it looks at any name
    while tokens and tokens[-1].value == ";" and tokens[-1].kind is PUNCTUATION:
        tokens.pop()
    while tokens and tokens[0].value == ";" and tokens[0].kind is PUNCTUATION:  # empty statements
        del tokens[0]
    statement = Statement(sql, tokens, resolver, standard_conforming_strings)
    if not is_balanced(tokens, statement.closing):
        return Routed(kind)  # left for PostgreSQL to refuse, in its own words
    try:
        if named or kind not in _CALLERS:
            _rewrite(statement, kind, frozenset(named))
        if kind in _CALLERS:
            storage_functions(statement)
            if named:
                row_types(statement)
    except (Unparsed, RecursionError) as error:
        refusal = _not_understood(statement, named, error)
        if refusal is not None:
            raise refusal from error
        return Routed(kind)
    return Routed(kind, in_order(statement.edits), tuple(statement.entities), statement.prelude)


def _served_by_tables(
    sql: str, kind: Kind, resolver: Resolver, standard_conforming_strings: bool, error: NeedsTable
) -> Routed:
    """The statement as it was written, behind a prelude that moves what it names in shared storage to dedicated."""
    statement = Statement(sql, tokenize(sql, standard_conforming_strings), resolver, standard_conforming_strings)
    names = error.named if error.named is not None else all_names(statement)
    entities = {entity.entity_id: entity for entity in map(resolver.shared, names) if entity is not None}
    if not entities:
        raise error
    return Routed(kind, (), tuple(entities), serve_by_tables(list(entities.values()), error))


def _rewrite(statement: Statement, kind: Kind, named: frozenset[str]) -> None:
    if kind is Kind.DDL:
        query = inner_query(statement)
        if query is not None and not statement.words(query[0], "execute"):
            _query(statement, *query, named)
        else:
            ddl(statement)
    elif kind in _UTILITIES:
        _UTILITIES[kind](statement)
    elif kind is Kind.COPY and statement.word(1) != "(":
        copy(statement)
    else:
        query = _query_within(statement, kind)
        if query is None:
            return  # names that are not relations: a cursor, a channel, a setting
        if statement.word(query[0]) in ("create", "execute", "declare", "refresh"):
            _explained(statement, query, named)
        else:
            _query(statement, *query, named)


def _query(statement: Statement, first: int, end: int, named: frozenset[str]) -> None:
    skeleton = Mask(statement.tokens, statement.closing, named).skeleton(first, end)
    tree = parse(skeleton, statement.tokens)
    try:
        for rule in RULES:
            rule(statement, tree)
    except NeedsTable as error:
        items = (item for scope in tree.scopes for item in scope.items if not item.is_cte)
        error.named = [statement.parts(item.relation.chain) for item in items if item.relation is not None]
        raise


def _query_within(statement: Statement, kind: Kind) -> tuple[int, int] | None:
    """The query or DML statement that this statement is, or runs, as a token range."""
    end = len(statement.tokens)
    if kind in _QUERIES:
        return 0, end
    if kind is Kind.COPY:
        return 2, statement.partner(1)
    if kind is Kind.EXPLAIN:
        token = 1
        while statement.word(token) in ("analyze", "analyse", "verbose"):
            token += 1
        if statement.word(token) == "(" and statement.word(token + 1) not in ("select", "with", "values", "table", "("):
            token = statement.partner(token) + 1
        return token, end
    if kind is Kind.PREPARE:
        token = 2
        if statement.word(token) == "(":
            token = statement.partner(token) + 1
        return (token + 1, end) if statement.word(token) == "as" else None
    if kind is Kind.DECLARE:
        for token in range(2, end):
            if statement.word(token) == "for":
                return token + 1, end
    return None


def _explained(statement: Statement, query: tuple[int, int], named: frozenset[str]) -> None:
    """EXPLAIN CREATE TABLE AS, CREATE MATERIALIZED VIEW, DECLARE CURSOR: the query within what is explained."""
    first, end = query
    if statement.word(first) in ("execute", "refresh"):
        return
    opening = "for" if statement.word(first) == "declare" else "as"
    for token in range(first, end):
        if statement.word(token) == opening:
            if statement.word(token + 1) == "execute":
                return
            if statement.word(end - 1) == "data":
                end -= 2 if statement.word(end - 2) == "with" else 3
            _query(statement, token + 1, end, named)
            break
    analyzes = {"analyze", "analyse"} & {statement.word(token) for token in range(1, first)}
    if analyzes and statement.edits and "materialized" in (statement.word(first + 1), statement.word(first + 2)):
        # it makes the view, over what it reads
        raise statement.needs_table(
            first,
            "EXPLAIN ANALYZE CREATE MATERIALIZED VIEW is not supported over a shared entity",
            hint="EXPLAIN ANALYZE its query, and create the view by itself.",
        )


def _not_understood(statement: Statement, named: set[str], error: Exception) -> NeedsTable | None:
    """If a name of the statement that was not understood may mean a shared entity."""
    for token in range(len(statement.tokens)):
        if not statement.is_name(token) or statement.tokens[token].value not in named:
            continue
        chain = statement.chain(token)
        if statement.word(token - 1) == "." and statement.is_name(token - 2):
            chain = statement.chain(token - 2)
            if statement.word(token - 3) == "." and statement.is_name(token - 4):
                chain = statement.chain(token - 4)
        assert chain is not None
        parts = statement.parts(chain)
        candidates = [parts[:length] for length in range(1, len(parts) + 1)]
        for candidate in candidates:
            entity = statement.resolver.shared(candidate)
            if entity is not None:
                place = error.token if isinstance(error, Unparsed) else token
                return statement.needs_table(
                    place or token,
                    f'this statement names the shared entity "{entity.name}" in a way that is not understood',
                    hint="Check its syntax, or write it in a simpler form.",
                )
    return None
