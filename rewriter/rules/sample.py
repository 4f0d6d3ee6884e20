"""TABLESAMPLE, which PostgreSQL takes of tables only: the rows at the places that a sample of the documents gives."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.lexer import quote
from rewriter.parts import SYSTEM_COLUMNS, Relation, Sample
from rewriter.rules.columns import target_name
from rewriter.statement import Statement

_METHODS = ("bernoulli", "system")


def sample(statement: Statement, entity: Entity, relation: Relation, sample: Sample) -> None:
    """FROM orders o TABLESAMPLE system (5)  ->  FROM (SELECT kdb_row."id", kdb_row."name"
    FROM kameleon.sampled_rows(17, 'system', (5)::real) AS kdb_sample (place)
    JOIN kameleon.kdb_write_17_3 AS kdb_row ON kdb_row.ctid = kdb_sample.place) AS o"""
    method = statement.tokens[sample.method.end - 1].value
    if method not in _METHODS or sample.argument + 1 == statement.partner(sample.argument):
        raise statement.needs_table(
            sample.method.first,
            f'TABLESAMPLE {method} is not supported on the shared entity "{entity.name}"',
            hint="Its methods are BERNOULLI and SYSTEM.",
        )
    columns = [quote(field.name) for field in entity.fields]
    if relation.with_system_columns:
        columns += sorted(SYSTEM_COLUMNS)
    listed = ", ".join(f"kdb_row.{column}" for column in columns)
    head = f"(SELECT {listed} FROM kameleon.sampled_rows({entity.entity_id}, '{method}', ("
    names = ""
    if relation.alias is not None and statement.word(relation.alias + 1) == "(":
        names = " " + statement.text(relation.alias + 1, statement.partner(relation.alias + 1) + 1)
    called = target_name(statement, relation)
    statement.replace(relation.start, sample.argument + 1, head)
    close = statement.partner(sample.argument)
    place = f"JOIN {entity.write_view} AS kdb_row ON kdb_row.ctid = kdb_sample.place"
    tail = f" AS kdb_sample (place) {place}) AS {called}{names}"
    if sample.seed is None:
        statement.replace(close, close + 1, ")::real)" + tail)
    else:
        statement.replace(close, sample.seed + 1, ")::real, (")
        statement.replace(sample.end - 1, sample.end, ")::float8)" + tail)
