"""Edits to a client's text, and the way back from a position in the edited text to the client's own.

>>> edits = (Edit(14, 20, "kameleon.kdb_read_17 AS orders"),)
>>> apply("SELECT * FROM orders WHERE x", edits)
'SELECT * FROM kameleon.kdb_read_17 AS orders WHERE x'
>>> original_position(edits, 52)
28
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class Edit(NamedTuple):
    """Characters [start, end) of the client's text become `replacement`; start == end inserts."""

    start: int
    end: int
    replacement: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """`edits` are in order and do not overlap."""
    pieces = []
    position = 0
    for edit in edits:
        pieces.append(text[position : edit.start])
        pieces.append(edit.replacement)
        position = edit.end
    pieces.append(text[position:])
    return "".join(pieces)


def in_order(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Edits sorted by place; several insertions at one place keep the order they were made in."""
    ordered = tuple(sorted(edits, key=lambda edit: (edit.start, edit.end)))
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise AssertionError(f"edits overlap: {before} and {after}")
    return ordered


def original_position(edits: Iterable[Edit], position: int) -> int:
    """Where a 1-based position of the edited text lies in the client's; inside a replacement: where that begins.

    A replacement that keeps the client's words at its end or its start maps those words onto themselves only
    roughly: to the start of what was replaced. That is where the client wrote the name.
    """
    offset = position - 1
    shift = 0  # edited offset = original offset + shift, up to here
    for edit in edits:
        start = edit.start + shift
        if offset < start:
            break
        if offset < start + len(edit.replacement):
            return edit.start + 1
        shift += len(edit.replacement) - (edit.end - edit.start)
    return offset - shift + 1
