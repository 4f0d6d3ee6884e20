"""Every statement is timed: from its first byte sent upstream to the message that completes it.

The relay appends a bare tuple, which costs it a fraction of a microsecond; what is worth knowing about the statement
(its kind, its shape, the rows its command tag tells) is worked out when somebody reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter, time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import rewriter
from rewriter import lexer

if TYPE_CHECKING:
    from proxy.texts import Texts
    from rewriter import Rewritten

#: A statement longer than this is remembered by its beginning, so that a history of 10 MB scripts stays small.
LONGEST_REMEMBERED = 2048


class Passed(NamedTuple):
    """A statement that was passed on as it came and mentions dedicated entities."""

    sql: bytes
    texts: Texts


#: A statement: the client's bytes, or what the rewriter made of them.
Subject: TypeAlias = "bytes | Passed | Rewritten"
#: (statement, perf_counter at its first byte, perf_counter at its completion, command tag or None after an error).
#: An empty query and a portal that stopped at its row limit have an empty tag.
Sample: TypeAlias = "tuple[Subject, float, float, bytes | None]"


@dataclass(frozen=True, slots=True)
class StatementTiming:
    entities: tuple[int, ...]
    kind: rewriter.Kind
    shape: str
    rows: int | None
    duration_ms: float
    #: Seconds since the epoch, when the statement was sent.
    started_at: float
    tag: str
    failed: bool


class Timings:
    """The latest statements of all sessions. `append` is the deque's own, for the relay's loop."""

    def __init__(self, history: int) -> None:
        self._samples: deque[Sample] = deque(maxlen=history)
        self.append = self._samples.append
        # perf_counter has no fixed origin; one pair of readings ties it to the calendar.
        self._epoch = time() - perf_counter()

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[StatementTiming]:
        # A copy: statements go on being timed while somebody reads.
        for sample in tuple(self._samples):
            yield self._timing(sample)

    def take(self) -> list[StatementTiming]:
        """What was timed since the last `take`, oldest first."""
        samples = tuple(self._samples)
        self._samples.clear()
        return [self._timing(sample) for sample in samples]

    def _timing(self, sample: Sample) -> StatementTiming:
        subject, started, ended, tag = sample
        entities: tuple[int, ...] = ()
        if isinstance(subject, bytes | Passed):
            sql = subject if isinstance(subject, bytes) else subject.sql
            text = sql[:LONGEST_REMEMBERED].decode("utf-8", "replace")
            kind, shape = rewriter.classify(text), _shape_of(text)
            if isinstance(subject, Passed):
                entities = subject.texts.entities_named(text)
        else:
            kind, shape, entities = subject.kind, subject.shape, subject.entities
        return StatementTiming(
            entities=entities,
            kind=kind,
            shape=shape,
            rows=rows_of(tag or b""),
            duration_ms=(ended - started) * 1000,
            started_at=self._epoch + started,
            tag=(tag or b"").decode("ascii", "replace"),
            failed=tag is None,
        )


def rows_of(tag: bytes) -> int | None:
    """`INSERT 0 5`, `SELECT 3`, `COPY 12` -> the last number; None where the tag has none."""
    last = tag.rpartition(b" ")[2]
    return int(last) if last.isdigit() else None


def _shape_of(text: str) -> str:
    shaped = lexer.shape(text)
    if shaped is None:
        return text
    return shaped[0].replace(lexer.LITERAL_MARK, "?").replace(lexer.COMMENT_MARK, "").strip()
