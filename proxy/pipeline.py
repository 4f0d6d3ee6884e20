"""The replies owed: what upstream still has to answer, in order, and what becomes of each answer.

Everything sent upstream that will be answered appends one `Owed`; every message that comes back is read against
the first of them. `EXPECTED` says which messages may come and what each does to the queue: that table is the
whole state machine. A message that the first entry does not expect means that the two sides have lost each
other, and the connection is given up rather than one client shown another answer's reply.

`Fate` says what becomes of an answer: forwarded, hidden, swallowed or replaced.
What the proxy adds of its own (a script that takes a message apart: `piecewise`) it writes while nothing is owed.

After an error in the extended protocol a server throws away what comes before the next Sync, and answers none of it
(`discard_to_sync`). During COPY FROM it takes a Sync for granted and does not answer it either (`copy_in_began`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from proxy.wire.backend import Backend

if TYPE_CHECKING:
    from proxy.statements import Run, Statement
    from proxy.texts import Text
    from proxy.timing import Subject


class Asked(IntEnum):
    """What was sent upstream."""

    QUERY = 0
    PARSE = 1
    BIND = 2
    DESCRIBE_STATEMENT = 3
    DESCRIBE_PORTAL = 4
    EXECUTE = 5
    CLOSE = 6
    SYNC = 7
    FUNCTION_CALL = 8
    #: Not a request: where a client's CopyDone or CopyFail stands among its messages.
    COPY_END = 9
    #: Bind, perhaps Describe, Execute and Sync that came in one go, about the unnamed portal: what drivers send to run
    #: a prepared statement. One entry does for all of it.
    CALL = 10


class Step(IntEnum):
    """What a message does to the first entry of the queue."""

    #: Part of the answer; more comes.
    STAY = 0
    #: One statement of a simple Query is complete; more statements or ReadyForQuery come.
    COMPLETE = 1
    #: The answer is complete.
    DONE = 2
    #: An error that ReadyForQuery follows.
    FAILED = 3
    #: An error after which everything up to Sync is thrown away.
    SKIP = 4
    #: COPY FROM begins: the client's CopyData is awaited.
    COPY_IN = 5
    #: ReadyForQuery: the answer is complete, and the transaction's state known.
    READY = 6


_ROWS: dict[int, Step] = {
    Backend.ROW_DESCRIPTION: Step.STAY,
    Backend.DATA_ROW: Step.STAY,
    Backend.COPY_OUT_RESPONSE: Step.STAY,
    Backend.COPY_BOTH_RESPONSE: Step.STAY,
    Backend.COPY_DATA: Step.STAY,
    Backend.COPY_DONE: Step.STAY,
    Backend.COPY_IN_RESPONSE: Step.COPY_IN,
}

EXPECTED: Final[Mapping[Asked, Mapping[int, Step]]] = MappingProxyType(
    {
        Asked.QUERY: {
            **_ROWS,
            Backend.COMMAND_COMPLETE: Step.COMPLETE,
            Backend.EMPTY_QUERY_RESPONSE: Step.COMPLETE,
            Backend.ERROR_RESPONSE: Step.FAILED,
            Backend.READY_FOR_QUERY: Step.READY,
        },
        Asked.PARSE: {Backend.PARSE_COMPLETE: Step.DONE, Backend.ERROR_RESPONSE: Step.SKIP},
        Asked.BIND: {Backend.BIND_COMPLETE: Step.DONE, Backend.ERROR_RESPONSE: Step.SKIP},
        Asked.DESCRIBE_STATEMENT: {
            Backend.PARAMETER_DESCRIPTION: Step.STAY,
            Backend.ROW_DESCRIPTION: Step.DONE,
            Backend.NO_DATA: Step.DONE,
            Backend.ERROR_RESPONSE: Step.SKIP,
        },
        Asked.DESCRIBE_PORTAL: {
            Backend.ROW_DESCRIPTION: Step.DONE,
            Backend.NO_DATA: Step.DONE,
            Backend.ERROR_RESPONSE: Step.SKIP,
        },
        Asked.EXECUTE: {
            **_ROWS,
            Backend.COMMAND_COMPLETE: Step.DONE,
            Backend.EMPTY_QUERY_RESPONSE: Step.DONE,
            Backend.PORTAL_SUSPENDED: Step.DONE,
            Backend.ERROR_RESPONSE: Step.SKIP,
        },
        Asked.CLOSE: {Backend.CLOSE_COMPLETE: Step.DONE, Backend.ERROR_RESPONSE: Step.SKIP},
        Asked.SYNC: {
            # A deferred constraint may fail as Sync commits; ReadyForQuery still follows.
            Backend.ERROR_RESPONSE: Step.FAILED,
            Backend.READY_FOR_QUERY: Step.READY,
        },
        Asked.FUNCTION_CALL: {
            Backend.FUNCTION_CALL_RESPONSE: Step.STAY,
            Backend.ERROR_RESPONSE: Step.FAILED,
            Backend.READY_FOR_QUERY: Step.READY,
        },
        # Not answered by upstream: it leaves the queue when its turn comes.
        Asked.COPY_END: {},
        Asked.CALL: {
            **_ROWS,
            Backend.BIND_COMPLETE: Step.STAY,
            Backend.NO_DATA: Step.STAY,
            Backend.COMMAND_COMPLETE: Step.COMPLETE,
            Backend.EMPTY_QUERY_RESPONSE: Step.COMPLETE,
            Backend.ERROR_RESPONSE: Step.SKIP,
            Backend.READY_FOR_QUERY: Step.READY,
        },
    }
)

#: Messages that may come at any time, whatever is owed.
ASYNCHRONOUS = frozenset({Backend.NOTICE_RESPONSE, Backend.PARAMETER_STATUS, Backend.NOTIFICATION_RESPONSE})


class Fate(IntEnum):
    """What becomes of the answer. FORWARD is 0 so that the relay's loop can test it as a truth value."""

    FORWARD = 0
    #: Sent by the proxy on the client's behalf: only an error is shown.
    HIDE = 1
    #: Sent by the proxy for itself: nothing is shown.
    SWALLOW = 2
    #: Sent instead of a statement that was refused: the error that comes is replaced by ours.
    REPLACE = 3
    #: One statement of a simple Query that was taken apart: shown, but for ReadyForQuery, and the completion where
    #: somebody wants it (`frames`).
    PART = 4


class Outcome(IntEnum):
    PENDING = 0
    DONE = 1
    FAILED = 2
    #: Never answered: an earlier message of the same pipeline failed.
    SKIPPED = 3


# Looking a member up in its enum takes several times as long as this.
_DONE, _COPY_END = Outcome.DONE, Asked.COPY_END
_EXPECTED = dict(EXPECTED)


class Owed:
    """One reply that upstream owes, and what the proxy needs to know when it comes."""

    # Defaults live in the class: most entries never set most of these, and one is made for every message.
    outcome = Outcome.PENDING
    #: perf_counter() when the first byte of it was sent.
    started = 0.0
    #: The statement being answered.
    subject: Subject = b""
    #: A simple Query that was rewritten: the client's text, should it have to be rewritten again.
    text: Text | None = None
    #: A simple Query of several statements: each of them, and which is being answered.
    runs: tuple[Run, ...] = ()
    at = 0
    #: How many messages of the answer have been shown, rows not counted.
    begun = 0
    #: Sent once more, after the client was shown what the rows are like.
    is_described = False
    #: CALL: how many messages it stands for, Sync not counted.
    size = 1
    #: The prepared statement, and when this message gives or takes a name, the one that had it before.
    statement: Statement | None = None
    previous: Statement | None = None
    renames = False
    #: Sent to parse this statement anew.
    renewed: Statement | None = None
    #: The script that sent it sends it again where it met a newer catalog than it was made for.
    is_retried = False
    #: What the client is shown before an error that comes instead of the answer.
    lead = b""
    #: SWALLOW: the frames that came, if somebody wants them.
    frames: list[bytes] | None = None
    #: The ErrorResponse that came, or the one to show instead (REPLACE).
    error: bytes | None = None
    #: REPLACE: it is shown whatever upstream says. The client does not know yet that its transaction has failed.
    is_first_told = False

    def __init__(self, asked: Asked, fate: Fate = Fate.FORWARD) -> None:
        self.asked = asked
        self.fate = fate
        self.expected = _EXPECTED[asked]

    @property
    def is_collected(self) -> bool:
        """Its rows are wanted whole, by the proxy itself."""
        return self.frames is not None and self.fate is Fate.SWALLOW

    @property
    def unanswered(self) -> int:
        """Of a discarded entry: how many messages it leaves without an answer."""
        return self.size - self.begun if self.asked is Asked.CALL else 1

    def __repr__(self) -> str:
        return f"<Owed {self.asked.name} {self.fate.name} {self.outcome.name}>"


class Pipeline:
    """The queue, and the rules that take entries out of its middle."""

    __slots__ = ("copying_in", "ignored_syncs", "queue", "skipping")

    def __init__(self) -> None:
        self.queue: deque[Owed] = deque()
        #: Upstream throws away what is sent until the next Sync.
        self.skipping = False
        #: Upstream reads CopyData; a Sync or Flush sent now is ignored there.
        self.copying_in = False
        #: Syncs that are taken to be read as part of the last COPY. If it failed first, they are answered after all.
        self.ignored_syncs = 0

    def pop(self) -> Owed:
        """The first entry has been answered."""
        queue = self.queue
        entry = queue.popleft()
        entry.outcome = _DONE
        while queue and queue[0].asked is _COPY_END:
            queue.popleft()
        return entry

    def discard_to_sync(self) -> list[Owed]:
        """The first entry failed: take out it and everything up to the next Sync, and return them in order.

        Without a Sync in the queue, what the client sends from now on is thrown away upstream until it sends one.
        """
        queue = self.queue
        discarded: list[Owed] = []
        while queue and queue[0].asked is not Asked.SYNC:
            entry = queue.popleft()
            entry.outcome = Outcome.SKIPPED if discarded else Outcome.FAILED
            discarded.append(entry)
            if entry.asked is Asked.CALL:
                # Its Sync is not thrown away.
                queue.appendleft(Owed(Asked.SYNC))
        self.skipping = not queue
        if self.copying_in:
            self.copying_in = False
        return discarded

    def copy_in_began(self) -> None:
        """CopyInResponse for the first entry: what was sent after it is read by upstream as part of the COPY.

        Syncs up to the client's CopyDone or CopyFail are never answered.
        """
        queue = self.queue
        first = queue.popleft()
        self.ignored_syncs = 0
        if first.asked is Asked.CALL:
            first.asked, first.expected = Asked.EXECUTE, EXPECTED[Asked.EXECUTE]
            self.ignored_syncs = 1
        while queue and queue[0].asked is Asked.SYNC:
            queue.popleft()
            self.ignored_syncs += 1
        if queue and queue[0].asked is Asked.COPY_END:
            queue.popleft()
        elif not queue:
            self.copying_in = True
        queue.appendleft(first)

    def copy_ended(self) -> None:
        """The client sent CopyDone or CopyFail."""
        if self.copying_in:
            self.copying_in = False
        elif self.queue:
            self.queue.append(Owed(Asked.COPY_END))

    def sync_sent(self) -> bool:
        """The client sent Sync. True when upstream owes a ReadyForQuery for it."""
        if self.copying_in:
            self.ignored_syncs += 1
            return False
        self.skipping = False
        return True

    def take_unowed_ready(self) -> bool:
        """ReadyForQuery that the first entry does not expect: true when it answers a Sync that crossed the failure of
        its COPY. The client may have gone on since."""
        if self.ignored_syncs:
            self.ignored_syncs -= 1
            if not self.queue:
                self.skipping = False
            return True
        return False
