"""A suggestion as it travels: the fields of a notice, and back. Any client of the proxy can take one apart again."""

from __future__ import annotations

from typing import Any, cast

from catalog.metrics import MaterializationSuggestion, Priority

#: Class 01, warnings, of which K is nobody's: a suggestion.
SQLSTATE = "01K01"
#: In the field that names the routine which an error comes of; the priority follows.
_ROUTINE = "kameleon_suggestion_"


def routine(suggestion: MaterializationSuggestion) -> str:
    return _ROUTINE + suggestion.priority


def suggestion_in(message: Any) -> MaterializationSuggestion | None:
    """What a notice suggests, as asyncpg gives it to a log listener; None for any other message."""
    if message.sqlstate != SQLSTATE:
        return None
    return MaterializationSuggestion(
        entity_name=message.table_name or "",
        reason=message.message,
        evidence=message.detail or "",
        action=message.hint or "",
        priority=cast(Priority, (message.server_source_function or "").removeprefix(_ROUTINE) or "low"),
    )
