"""Functions that tell how large a relation is, or maintain an index: those of an entity would look at its shell, which
is empty. And those that print the body of a routine: of one that reads entities they would print what it runs, which
nobody wrote.

SELECT pg_total_relation_size('orders')  ->  SELECT kameleon.pg_total_relation_size('orders')
"""

from __future__ import annotations

from rewriter.statement import Statement

STORAGE_FUNCTIONS = frozenset(
    (
        "pg_relation_size",
        "pg_table_size",
        "pg_indexes_size",
        "pg_total_relation_size",
        "pg_stat_get_live_tuples",
        "pg_stat_get_dead_tuples",
        "pg_stat_get_numscans",
        "brin_summarize_new_values",
        "brin_summarize_range",
        "brin_desummarize_range",
        "gin_clean_pending_list",
        "pg_get_functiondef",
        "pg_get_function_sqlbody",
    )
)


def storage_functions(statement: Statement) -> None:
    for token in range(len(statement.tokens) - 1):
        if (
            statement.is_name(token)
            and statement.tokens[token].value in STORAGE_FUNCTIONS
            and statement.word(token + 1) == "("
            and not statement.is_edited(token)
        ):
            if statement.word(token - 1) != ".":
                if statement.resolver.catalog_comes_first:
                    statement.insert_before(token, "kameleon.")
            elif statement.tokens[token - 2].value == "pg_catalog" and not statement.is_edited(token - 2):
                statement.replace(token - 2, token - 1, "kameleon")
