"""Every statement is timed: from its first byte sent upstream to the message that completes it.

A server runs the statements of a pipeline one after the other, so a statement begins, at the earliest, when the one
before it is complete. The relay appends a bare tuple, which costs it a fraction of a microsecond; `tally` makes
something of them, a moment later.

What is complete is told when upstream flushes its answers, which in a pipeline may be at its end only. So the relay
puts a Flush around an Execute in the middle of a pipeline, unless statements of its shape are known to be quick
(`is_quick`): for those, many of which come at once, a Flush each would cost more than they do. Statements whose
answers come in one chunk share its time (`tally`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from proxy.tally import Caller
    from proxy.texts import Facts, Texts
    from rewriter import Rewritten

#: A statement longer than this is remembered by its beginning, so that a queue of 10 MB scripts stays small.
LONGEST_REMEMBERED = 2048


class Passed(NamedTuple):
    """A statement that was passed on as it came."""

    sql: bytes
    texts: Texts
    facts: Facts
    #: Of EXECUTE: the prepared statement, whose entities these are.
    executed: Passed | Rewritten | None = None
    #: What the client said of its parameters' types.
    param_types: tuple[int, ...] = ()


#: A statement: the client's bytes, where nobody needs to know more of it, or what was made of them.
Subject: TypeAlias = "bytes | Passed | Rewritten"
#: (statement, perf_counter at its first byte, perf_counter at its completion, command tag or None after an error, whose
#: it is). An empty query and a portal that stopped at its row limit have an empty tag.
Sample: TypeAlias = "tuple[Subject, float, float, bytes | None, Caller]"


class Timings:
    """Samples that wait to be looked at: at most `limit`, what comes on top is counted in `dropped`."""

    def __init__(self, limit: int, wake: Callable[[], object] | None = None, *, is_precise: bool = True) -> None:
        """`wake` is called when the first sample comes. `is_precise`: answers in pipelines are flushed to be timed."""
        self.is_precise = is_precise
        self._samples: list[Sample] = []
        self._limit = limit
        self._wake = wake
        self.dropped = 0
        #: Statements that the proxy refused itself: they are not timed, but counted.
        self.refused = 0

    def append(self, sample: Sample) -> None:
        samples = self._samples
        if not samples:
            if self._wake is not None:
                self._wake()
        elif len(samples) >= self._limit:
            self.dropped += 1
            return
        samples.append(sample)

    def __len__(self) -> int:
        return len(self._samples)

    def take(self) -> list[Sample]:
        """What came since the last `take`, oldest first."""
        samples, self._samples = self._samples, []
        return samples


def is_quick(subject: Subject) -> bool:
    """Whether statements of this shape are known to take so little time that it need not be known of each."""
    if isinstance(subject, Passed):
        return subject.facts.is_quick
    return not isinstance(subject, bytes) and subject.is_quick
