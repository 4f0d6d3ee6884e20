"""Asks the database for the facts that advice is made of, and writes down what was suggested."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from catalog.metrics import EntityStats, MaterializationPolicy, QueryMetrics
from catalog.model import Snapshot
from catalog.suggestion_engine import Advice, EntityState, SuggestionEngine
from catalog.uses import EntityUse

_ADD = "SELECT kameleon.add_suggestion($1, $2, $3, $4, $5, $6, $7, $8, $9)"


async def read_state(
    connection: asyncpg.Connection[Any],
    entity_id: int,
    columns: Collection[str],
    search_path: str,
    *,
    tested: Collection[str] | None = None,
    compared: Collection[str] = (),
    way_back: bool = False,
) -> EntityState | None:
    """None for an entity that is gone. `columns`: those that are read; `tested`: of these, the ones in conditions;
    `compared`: those of whose values more is to be told. `way_back`: tell whether it can be shared."""
    text = await connection.fetchval(
        "SELECT kameleon.entity_facts($1, $2, $3, $4, $5, $6)",
        entity_id,
        sorted(columns),
        None if tested is None else sorted(tested),
        sorted(compared),
        search_path,
        way_back,
        timeout=10,
    )
    return None if text is None else _state(entity_id, json.loads(text))


async def _read_used(
    connection: asyncpg.Connection[Any], entity_id: int, uses: Sequence[EntityUse], search_path: str
) -> EntityState | None:
    """For all the ways in which a statement uses one entity."""
    tested = None
    if all(use.tested is not None for use in uses):
        tested = frozenset().union(*(use.tested or () for use in uses))
    return await read_state(
        connection,
        entity_id,
        frozenset().union(*(use.fields for use in uses)),
        search_path,
        tested=tested,
        compared=frozenset().union(*(_compared(use) for use in uses)),
    )


def _compared(use: EntityUse) -> frozenset[str]:
    return use.equal | use.ranges | {*use.order} | {join.column for join in use.joins}


def _state(entity_id: int, raw: dict[str, Any]) -> EntityState:
    earlier = raw["earlier"] or {}
    return EntityState(
        entity_id=entity_id,
        name=raw["name"],
        storage_mode=raw["storage_mode"],
        rows=raw["rows"],
        row_us=raw["row_us"],
        document_us=raw["document_us"],
        tested_us=raw["tested_us"],
        sampled=raw["sampled"],
        distinct=raw["distinct"],
        frequent=raw["frequent"],
        unfit=frozenset(raw["unfit"]),
        indexes=tuple(map(tuple, raw["indexes"])),
        partial=tuple(map(tuple, raw["partial"])),
        can_be_shared=raw["can_be_shared"],
        moved_at=None if raw["moved_at"] is None else datetime.fromisoformat(raw["moved_at"]),
        quoted=raw["quoted"],
        rows_before=earlier.get("rows"),
        days_before=earlier.get("days", 0),
    )


async def advise_query(
    connection: asyncpg.Connection[Any],
    policy: MaterializationPolicy,
    metrics: QueryMetrics,
    uses: Sequence[EntityUse],
    search_path: str,
    shape_id: int | None = None,
) -> tuple[Advice, ...]:
    """What would make a statement faster. `search_path`: the session's, for the names in what is suggested.

    Raises: asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError.
    """
    used: dict[int, list[EntityUse]] = {}
    for use in uses:
        used.setdefault(use.entity_id, []).append(use)
    states = [await _read_used(connection, entity_id, each, search_path) for entity_id, each in used.items()]
    found = SuggestionEngine(policy).evaluate_query(metrics, [each for each in states if each is not None], uses)
    await remember(connection, found, shape_id)
    return found


async def review_entities(
    connection: asyncpg.Connection[Any],
    policy: MaterializationPolicy,
    snapshot: Snapshot,
    stats_of: Callable[[int], Awaitable[EntityStats]],
) -> tuple[Advice, ...]:
    """What the use of the entities over the policy's windows suggests.

    Raises: asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError.
    """
    await connection.execute("SELECT kameleon.note_sizes()")
    hours = max(policy.join_frequency_window_hours, policy.access_frequency_window_hours)
    rows = await connection.fetch("SELECT kameleon.entities_to_review($1), now()", timedelta(hours=hours))
    engine = SuggestionEngine(policy)
    found: list[Advice] = []
    for entity_id, now in rows:
        entity = snapshot.entities.get(entity_id)
        stats = await stats_of(entity_id)
        if entity is None or not engine.is_worth_a_look(entity.storage_mode, stats):
            continue
        columns = [field.name for field in entity.fields]
        state = await read_state(connection, entity_id, columns, "pg_catalog", way_back=not entity.is_shared)
        if state is not None:
            found += engine.evaluate_entity(state, stats, now)
    await remember(connection, found)
    return tuple(found)


async def claim(connection: asyncpg.Connection[Any], advice: Advice, pause: float) -> bool:
    """Whether a client may be told of it: nobody was, by any proxy, in the last so many seconds.

    Raises: asyncpg.PostgresError, asyncpg.InterfaceError, OSError.
    """
    claimed: bool = await connection.fetchval(
        "SELECT kameleon.claim_telling($1, $2, $3, $4)",
        advice.entity_id,
        advice.kind,
        list(advice.columns),
        timedelta(seconds=pause),
    )
    return claimed


async def remember(connection: asyncpg.Connection[Any], advice: Sequence[Advice], shape_id: int | None = None) -> None:
    """For the view kameleon.suggestions."""
    for each in advice:
        told = each.suggestion
        await connection.execute(
            _ADD,
            each.entity_id,
            each.kind,
            list(each.columns),
            told.reason,
            told.evidence,
            told.priority,
            each.gain,
            each.spent_ms,
            shape_id,
        )
