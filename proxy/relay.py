"""The conversation between a client and upstream, once the client has logged in. No sockets here.

Bytes come in by `receive_client` and `receive_upstream`, bytes go out by the two writers given, and what takes time
(asking the store to refresh, closing) goes to the `Shell`. Both directions are walked frame by frame:

* Frames that nobody needs are not looked into: a run of them is forwarded as the very chunk that came. What is
  larger than its chunk is passed on as it comes (`frontend.STREAMED`, `backend.STREAMED`).
* For each message of the client, `simple_query` or `extended_query` decides: forward it as it is (None), send
  something else (bytes), send something first (Before), or hold it and everything behind it until a script is through
  (Hold).
* A *script* is a generator that sends messages of the proxy's own and yields the `Owed` it waits for. There is at
  most one; while it runs the client's messages wait, except what COPY FROM needs.
* For each message of upstream, the pipeline's first entry says what it is and whose.

The loops of the two `receive_*` methods are the product's hot path; they are written for speed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from catalog.bodies import QUESTION
from proxy import extended_query, notices, retry, simple_query, standstill
from proxy.errors import ClientViolation, ProxyError, UpstreamViolation, as_response
from proxy.knowledge import NO_ROW
from proxy.pipeline import ASYNCHRONOUS, Asked, Fate, Outcome, Owed, Pipeline, Step
from proxy.refusal import is_stand_in
from proxy.statements import Run, Statements
from proxy.timing import Passed, is_quick
from proxy.translate import translate_diagnostic
from proxy.verdicts import Before, Refresh, Script, Settled, Verdict, Work
from proxy.wire import backend, frontend
from proxy.wire.backend import (
    Backend,
    CommandComplete,
    Diagnostic,
    ParameterDescription,
    ParameterStatus,
    ReadyForQuery,
)
from proxy.wire.fields import MalformedMessage
from proxy.wire.framing import HEADER_SIZE, unpack_header
from proxy.wire.frontend import FLUSH, LENGTH_LIMITS, PORTAL, SYNC, Describe, Execute, Frontend
from rewriter import Kind

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.tally import Caller
    from proxy.texts import Facts
    from proxy.timing import Subject, Timings


class Shell(Protocol):
    """What the relay needs done by somebody who can wait."""

    def refresh(self, whole: bool = True) -> None:
        """Refresh the store, or only take up what others have changed; then call `relay.refreshed()`."""

    def work(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it; then call `relay.worked()`."""

    def answer(self, question: str) -> None:
        """Rewrite a body that the database asks for, and write it down for it."""

    def hold_upstream(self, held: bool) -> None: ...

    def hold_client(self, held: bool) -> None: ...

    def close(self) -> None:
        """Write out what was written, then end both connections."""

    def idle(self) -> None:
        """Nothing is owed and no transaction is open."""


class Pace(Protocol):
    """Who says from how many seconds on a statement is slow."""

    slow_after: float


class _NoPace:
    slow_after = float("inf")


_NO_PACE = _NoPace()
#: More than this in memory for a client whose messages wait, and it is not read from until they are looked at.
_HELD_BYTES = 256 * 1024

#: What stands instead of a message is put into its chunk, unless that is longer than this.
_SPLICED = 16 * 1024

# Plain integers: comparing with a member of an enum costs the loops several times as much.
_QUERY = int(Frontend.QUERY)
_PARSE = int(Frontend.PARSE)
_BIND = int(Frontend.BIND)
_DESCRIBE = int(Frontend.DESCRIBE)
_EXECUTE = int(Frontend.EXECUTE)
_SYNC = int(Frontend.SYNC)
_DATA_ROW = int(Backend.DATA_ROW)
_COPY_DATA = int(Backend.COPY_DATA)  # the same letter in both directions
_ROW_DESCRIPTION = int(Backend.ROW_DESCRIPTION)
_PARAMETER_DESCRIPTION = int(Backend.PARAMETER_DESCRIPTION)
_IDLE = backend.IDLE
_FAILING_ROW = re.compile(r"row (\d{1,10})", re.ASCII)
_NOTHING: dict[int, Step] = {}
_STAY, _COMPLETE, _READY, _DONE, _COPY_IN = Step.STAY, Step.COMPLETE, Step.READY, Step.DONE, Step.COPY_IN

_NEVER_ANSWERED = frozenset({Frontend.COPY_DONE, Frontend.COPY_FAIL, Frontend.FLUSH, Frontend.TERMINATE})
#: What may pass while a script runs, if it runs a COPY FROM.
_COPY_MESSAGES = _NEVER_ANSWERED | {Frontend.COPY_DATA, Frontend.SYNC}
_OWED_SYNC = Owed(Asked.SYNC)
# What follows Bind where all of it is one call: Describe of the unnamed portal, Execute of all its rows, Sync.
_REST = Execute(b"").encode() + SYNC
_REST_DESCRIBED = Describe(PORTAL, b"").encode() + _REST
_REST_OF_CALL = (_REST_DESCRIBED, _REST)
_ASKED_EXECUTE = Asked.EXECUTE
#: Behind an Execute: its answer comes without our doing.
_ENDS_CYCLE = (SYNC, FLUSH)
_TIMED = frozenset({Asked.QUERY, Asked.EXECUTE, Asked.CALL})
_SHOWN = frozenset({Fate.FORWARD, Fate.PART})
#: Seconds, of a statement whose answer came together with the one before it.
_NO_TIME = 1e-6
#: The SQLSTATE field of the database's word that this session changed an entity.
_PRIVATE_INFO = b"CKDB01\0"
#: What rows come behind. (Not CopyOutResponse, which is not held back when it comes again.)
_BEFORE_ROWS = frozenset({Backend.BIND_COMPLETE, Backend.ROW_DESCRIPTION, Backend.NO_DATA})


def _follows_no_row(data: bytes, before: int, pos: int) -> bool:
    """Whether the message at `before` comes right before the one at `pos`, and is of those that rows come behind."""
    if before < 0 or data[before] not in _BEFORE_ROWS:
        return False
    length: int = unpack_header(data, before)[1]
    return before + 1 + length == pos


class Relay:
    __slots__ = (
        "_awaited",
        "_awaits_settled",
        "_awaits_store",
        "_awaits_work",
        "_block",
        "_client_buffer",
        "_client_held",
        "_client_missing",
        "_client_streaming",
        "_cycle",
        "_free",
        "_is_apart",
        "_pace",
        "_record",
        "_refusal",
        "_script",
        "_slow",
        "_tries",
        "_unflushed",
        "_upstream_buffer",
        "_upstream_held",
        "_upstream_missing",
        "_upstream_streaming",
        "caller",
        "careful",
        "caught_up",
        "closing",
        "has_bound",
        "held",
        "in_extended",
        "is_muted",
        "knowledge",
        "last_change",
        "locked",
        "pipeline",
        "shell",
        "statements",
        "status",
        "tell_when_idle",
        "terminated",
        "timings",
        "told",
        "upstream_said_why",
        "used",
        "write_client",
        "write_upstream",
    )

    def __init__(
        self,
        write_client: Callable[[bytes], None],
        write_upstream: Callable[[bytes], None],
        shell: Shell,
        timings: Timings,
        knowledge: Knowledge | None,
        caller: Caller,
    ) -> None:
        self.write_client = write_client
        self.write_upstream = write_upstream
        self.shell = shell
        self.timings = timings
        self._record = timings.append
        #: Whose statements these are.
        self.caller = caller
        #: When upstream was last known to be through with a statement: the next one begins then, if it was sent before.
        self._free = 0.0
        #: Behind that was a Sync or Flush: what came in the same chunk as its answer had no part in its time.
        self._is_apart = True
        #: Upstream may be keeping the answer to an Execute to itself, up to the next Sync or Flush.
        self._unflushed = False
        #: None where Kameleon is not installed: then nothing is rewritten.
        self.knowledge = knowledge
        self.pipeline = Pipeline()
        self.statements = Statements()
        #: The transaction's state, as the last ReadyForQuery told it.
        self.status = _IDLE
        #: Messages of the extended protocol have been sent since the last Sync.
        self.in_extended = False
        #: One of them was Bind: there is a portal that a Sync would end.
        self.has_bound = False
        #: The latest message after which names may mean something else.
        self.last_change: Owed | None = None
        #: Something is going on that even a statement that looks harmless must be checked for.
        self.careful = False
        self._refusal: bytes | None = None
        #: The next refusal is final: it does not come of an older catalog than upstream's.
        self.caught_up = False
        #: The extended protocol's latest messages, if nothing was going on when they began.
        self._cycle: retry.Cycle | None = None
        #: The BEGIN of a transaction in which nothing else has been done yet.
        self._block: bytes | None = None
        #: How often what is being answered has been sent again.
        self._tries = 0
        #: Entities that the transaction has used, and those whose tables it has locked (`analysis`).
        self.used: set[int] = set()
        self.locked: set[int] = set()
        #: Moves whose switch it has put off (`standstill`).
        self.held: set[int] = set()
        self.terminated = False
        self.closing = False
        self.upstream_said_why = False
        self.tell_when_idle = False

        #: Statements that took long, and are to be looked at before the next ReadyForQuery; and who says what is long.
        self._slow: list[notices.Slow] | None = None
        self._pace: Pace = _NO_PACE if knowledge is None else knowledge.database.advising
        #: The client wants no suggestions in this transaction.
        self.is_muted = False
        #: What the client has been advised of.
        self.told: set[notices.Reason] = set()

        self._script: Script | None = None
        self._awaited: Owed | None = None
        self._awaits_settled = False
        self._awaits_store = False
        self._awaits_work = False
        # Chunks not yet looked at, and how many bytes must be there before it is worth it to look.
        self._client_buffer: list[bytes] = []
        self._client_held = 0
        self._client_missing = 0
        self._upstream_buffer: list[bytes] = []
        self._upstream_missing = 0
        self._upstream_held = False
        # Bytes still to come of a frame that is passed on as it comes; upstream's are negative when swallowed.
        self._client_streaming = 0
        self._upstream_streaming = 0

    @property
    def is_idle(self) -> bool:
        return self.status == _IDLE and not self.pipeline.queue and not self.in_extended and self._script is None

    @property
    def mid_frame(self) -> bool:
        """The client has a part of a message, and an error would be read as the rest of it."""
        return self._upstream_streaming > 0

    @property
    def encoding(self) -> str:
        return (self.knowledge.encoding if self.knowledge is not None else None) or "utf-8"

    # --- from the client ---

    def receive_client(self, data: bytes) -> None:
        if self.in_extended and self._cycle is not None:
            begun, pos = self._cycle
            self._cycle = (begun[pos:] + data, 0) if len(begun) + len(data) <= retry.LONGEST_KEPT else None
        try:
            self._walk_client(data)
        except Exception as error:
            self._give_up(error, ClientViolation)

    def _walk_client(self, data: bytes) -> None:
        if self.closing:
            return
        if self._client_streaming:
            size = len(data)
            if size <= self._client_streaming:
                self._client_streaming -= size
                self.write_upstream(data)
                return
            rest = self._client_streaming
            self._client_streaming = 0
            self.write_upstream(data[:rest])
            data = data[rest:]
        if self._client_buffer or self._script is not None:
            self._client_buffer.append(data)
            self._client_held += len(data)
            if self._script is not None and not self.pipeline.copying_in:
                if self._client_held > _HELD_BYTES:
                    self.shell.hold_client(True)
                return
            if self._client_held < self._client_missing:
                return
            data = self._take_client_buffer()

        pipeline = self.pipeline
        # in a block whose first statement has been answered
        moves = (
            self.status != _IDLE
            and self._block is None
            and self.knowledge is not None
            and self.knowledge.database.store.moves
        )
        now = perf_counter()
        end = len(data)
        start = pos = 0  # what lies between them is to be forwarded as it is
        while end - pos >= HEADER_SIZE:
            kind, length = unpack_header(data, pos)
            after = pos + 1 + length
            limit = LENGTH_LIMITS.get(kind)
            if limit is None:
                self._forward(data, start, pos)
                raise ClientViolation(f"invalid frontend message type {kind}")
            if not 4 <= length <= limit:
                self._forward(data, start, pos)
                raise ClientViolation("invalid message length")
            if self._script is not None and kind not in _COPY_MESSAGES:
                break  # COPY FROM inside a script: anything else waits

            verdict: Verdict = None
            extended = False
            if after > end and kind not in frontend.STREAMED:
                self._client_missing = after - pos
                break
            if moves and kind in standstill.KINDS:
                assert self.knowledge is not None
                verdict = standstill.needed(self, self.knowledge, kind, data[pos + 5 : after])
            if verdict is not None:
                pass
            elif kind == _QUERY:
                if not (pipeline.skipping or pipeline.copying_in):
                    verdict = simple_query.on_query(self, data[pos + 5 : after - 1], now)
            elif kind == _SYNC:
                if pipeline.sync_sent():
                    self.in_extended = self.has_bound = self._unflushed = False
                    pipeline.queue.append(_OWED_SYNC)
            elif kind == _COPY_DATA:
                pass
            elif kind in _NEVER_ANSWERED:
                if kind == Frontend.TERMINATE:
                    self.terminated = True
                elif kind != Frontend.FLUSH:
                    pipeline.copy_ended()
            elif pipeline.skipping or pipeline.copying_in:
                pass
            elif kind == _BIND:
                portal_end = data.find(0, pos + 5, after)
                name_end = data.find(0, portal_end + 1, after)
                if portal_end < 0 or name_end < 0:
                    if after > end:
                        self._client_missing = end - pos + 1
                        break
                    raise MalformedMessage("a string is not terminated")
                portal, name = data[pos + 5 : portal_end], data[portal_end + 1 : name_end]
                rest = 0  # bytes behind it that make it a call
                if not portal and data.startswith(_REST_OF_CALL, after):
                    rest = len(_REST) if data.startswith(_REST, after) else len(_REST_DESCRIBED)
                if (
                    rest
                    and not self._unflushed
                    and extended_query.on_call(self, name, 2 if rest == len(_REST) else 3, now)
                ):
                    if self._nothing_done():
                        self._keep_cycle(data, pos)
                    self.in_extended = self.has_bound = False
                    pos = after + rest
                    continue
                extended = True
                verdict = extended_query.on_bind(self, portal, name)
            elif kind == _EXECUTE:
                extended = True
                verdict = extended_query.on_execute(self, data[pos + 5 : after], now)
                if verdict is None and (self._unflushed or not data.startswith(_ENDS_CYCLE, after)):
                    verdict = self._flushed(data[pos:after], data.startswith(_ENDS_CYCLE, after))
            elif kind == _DESCRIBE:
                extended = True
                verdict = extended_query.on_describe(self, data[pos + 5 : after])
            elif kind == _PARSE:
                extended = True
                verdict = extended_query.on_parse(self, data[pos + 5 : after])
            elif kind == Frontend.FUNCTION_CALL:
                self.in_extended = False
                pipeline.queue.append(Owed(Asked.FUNCTION_CALL))
            else:
                extended = True
                verdict = extended_query.on_close(self, data[pos + 5 : after])

            if verdict is not None:
                if isinstance(verdict, bytes) and after <= end <= _SPLICED:
                    # One write for all of it: the peer wakes up once.
                    data = data[:pos] + verdict + data[after:]
                    after = pos + len(verdict)
                    end = len(data)
                else:
                    self._forward(data, start, pos)
                    start = pos
                    if isinstance(verdict, bytes):
                        self.write_upstream(verdict)
                        start = after
                    elif isinstance(verdict, Before):
                        self.write_upstream(verdict.sent_first)
                    else:
                        if verdict.consumes:
                            pos = after
                        self._keep_client(data[pos:])
                        self._run(verdict.script)
                        return
            if extended:
                if self._nothing_done():
                    self.in_extended = True
                    self._keep_cycle(data, pos)
                if kind == _BIND:
                    self.has_bound = True
            elif kind == _QUERY:
                self.in_extended = self.has_bound = False
                self._tries = 0
            if after > end:
                self._client_streaming = after - end
                self._forward(data, start, end)
                return
            pos = after
        self._forward(data, start, pos)
        if pos < end:
            self._keep_client(data[pos:])

    def _flushed(self, execute: bytes, is_last: bool) -> bytes | None:
        """In the middle of a pipeline: Flush around it, so that its answer comes by itself and can be timed."""
        if not self.timings.is_precise:
            return None
        if is_quick(self.pipeline.queue[-1].subject):
            self._unflushed = not is_last
            return None
        before = FLUSH if self._unflushed else b""
        self._unflushed = False
        return before + execute + (b"" if is_last else FLUSH)

    def _nothing_done(self) -> bool:
        """Whether a cycle begins with the last message, or what came before has been answered and bound nothing."""
        return not self.in_extended or (not self.has_bound and self._is_first())

    def _is_first(self) -> bool:
        """Before the last message's own entry is only what the proxy sent for it."""
        queue = self.pipeline.queue
        return len(queue) <= 1 or all(entry.fate in retry.UNSEEN for entry in islice(queue, len(queue) - 1))

    def _keep_cycle(self, data: bytes, pos: int) -> None:
        is_free = self.status == _IDLE or self._block is not None
        kept = len(data) <= retry.LONGEST_KEPT and is_free and self._is_first()
        self._cycle = (data, pos) if kept else None
        self._tries = 0

    def _forward(self, data: bytes, start: int, end: int) -> None:
        if start == 0 and end == len(data):
            if end:
                self.write_upstream(data)
        elif start < end:
            self.write_upstream(data[start:end])

    def _keep_client(self, rest: bytes) -> None:
        if rest:
            self._client_buffer.append(rest)
            self._client_held += len(rest)

    def _take_client_buffer(self) -> bytes:
        data = b"".join(self._client_buffer)
        self._client_buffer.clear()
        if self._client_held > _HELD_BYTES:
            self.shell.hold_client(False)
        self._client_held = self._client_missing = 0
        return data

    # --- from upstream ---

    def receive_upstream(self, data: bytes) -> None:
        try:
            self._walk_upstream(data)
        except Exception as error:
            self._give_up(error, UpstreamViolation)

    def _walk_upstream(self, data: bytes) -> None:
        if self.closing:
            return
        start = pos = 0  # what lies between them is to be forwarded as it is
        before = -1  # where the last message began that is no row
        streaming = self._upstream_streaming
        if streaming:
            size = len(data)
            pos = abs(streaming)
            if size <= pos:
                if streaming > 0:
                    self._upstream_streaming = streaming - size
                    self.write_client(data)
                else:
                    self._upstream_streaming = streaming + size
                return
            if streaming < 0:
                start = pos
                self._upstream_streaming = 0
        elif self._upstream_buffer or self._upstream_held:
            self._upstream_buffer.append(data)
            if self._upstream_held:
                return
            self._upstream_missing -= len(data)
            if self._upstream_missing > 0:
                return
            data = b"".join(self._upstream_buffer)
            self._upstream_buffer.clear()

        # All that came in one chunk is taken to have been complete at once.
        now = perf_counter()
        queue = self.pipeline.queue
        head = queue[0] if queue else None
        expected = _NOTHING if head is None else head.expected
        # What answers the first entry goes to the client: rows are most frames of most chunks.
        shown = head is not None and not head.fate
        end = len(data)
        last = end - HEADER_SIZE
        while pos <= last:
            kind, length = unpack_header(data, pos)
            after = pos + 1 + length
            if shown and (kind == _DATA_ROW or kind == _COPY_DATA):  # noqa: SIM109 - a set costs each row a tenth
                pos = after
                continue
            if not pos + HEADER_SIZE <= after <= end:
                if after <= end:
                    raise UpstreamViolation("upstream sent an invalid message length")
                if kind not in backend.STREAMED or head is None or head.is_collected:
                    self._upstream_missing = after - end
                    break

            step = expected.get(kind)
            replaced: bytes | None = None  # None: as it came
            if step is None:
                if kind in ASYNCHRONOUS:
                    replaced = self._on_asynchronous(kind, data, pos, after, head)
                elif kind == Backend.ERROR_RESPONSE:
                    replaced = self._on_error_out_of_turn(data[pos:after])
                elif kind == Backend.READY_FOR_QUERY and self.pipeline.take_unowed_ready():
                    self.status = ReadyForQuery.decode(data[pos + 5 : after]).status
                else:
                    self._write_client(data, start, pos)
                    raise UpstreamViolation(f"upstream sent an unexpected message of type {chr(kind)!r}")
            else:
                assert head is not None
                if step is _STAY:
                    head.begun += 1
                    if kind == _ROW_DESCRIPTION:
                        replaced = b"" if head.is_described else self._row_description(data[pos:after])
                    elif kind == _PARAMETER_DESCRIPTION and head.statement is not None and not head.fate:
                        # should it have to be parsed again, it is parsed for the types that the client goes by
                        head.statement.param_types = ParameterDescription.decode(data[pos + 5 : after]).types
                        head.statement.types_known = True
                elif step is _COMPLETE:
                    if shown:
                        self._block = None
                    if self.knowledge is not None and self.knowledge.command_tag is not None:
                        replaced = self._told_tag(kind)
                    if head.runs:
                        hidden = self._on_run_complete(head, data[pos + 5 : after - 1], now)
                        replaced = replaced if hidden is None else hidden
                    elif shown:
                        started = head.started
                        if started < self._free:
                            started = self._free
                            if started >= now:
                                started = now - _NO_TIME
                        self._free = now
                        self._is_apart = True
                        self._record((head.subject, started, now, data[pos + 5 : after - 1], self.caller))
                        if now - started > self._pace.slow_after:
                            self._note_slow(head.subject, now - started, data[pos + 5 : after - 1], head)
                elif step is _READY:
                    if after != pos + HEADER_SIZE + 1:
                        raise MalformedMessage("ReadyForQuery has one byte")
                    status = data[pos + 5]
                    knowledge = self.knowledge
                    if knowledge is not None and knowledge.failing_row is not NO_ROW:
                        knowledge.failing_row = NO_ROW
                    if knowledge is not None and status == _IDLE:
                        if knowledge.touched or knowledge.is_behind:
                            self._write_client(data, start, pos)
                            self._hold_upstream(data[pos:])
                            return
                        if knowledge.changed_in_transaction:
                            knowledge.transaction_ended()
                    if status != self.status and self.status == _IDLE and shown:
                        self._block = retry.opening(head)
                    self.status = status
                    self.pipeline.pop()
                    if status == _IDLE and self.held:
                        self.held.clear()
                    if status == _IDLE and (self.used or self.locked) and not queue:
                        self.used.clear()
                        self.locked.clear()
                    if self._slow is not None and status == _IDLE and shown and not queue and self._script is None:
                        slow, self._slow = self._slow, None
                        if slow and not self.is_muted:
                            self._write_client(data, start, pos)
                            start = after
                            self._run(notices.tell(self, slow))
                    if self.is_muted and status == _IDLE and not queue:
                        self.is_muted = False
                elif step is _DONE:
                    if head.asked is _ASKED_EXECUTE:
                        if shown:
                            self._block = None
                        if self.knowledge is not None and self.knowledge.command_tag is not None:
                            replaced = self._told_tag(kind)
                        if shown:
                            self.timed(head.subject, head.started, data[pos + 5 : after - 1], now, head)
                    elif kind == _ROW_DESCRIPTION:
                        replaced = self._row_description(data[pos:after])
                        if head.statement is not None and not head.fate:
                            head.statement.described = replaced or data[pos:after]
                    self.pipeline.pop()
                elif step is _COPY_IN:
                    self.pipeline.copy_in_began()
                    expected = head.expected
                else:
                    replaced = self._on_error(head, step, data[pos:after], _follows_no_row(data, before, pos))
                    shown = not head.fate

                if not shown and (replaced is None or kind == _ROW_DESCRIPTION):
                    hidden = self._hide(head, kind, data[pos:after])
                    replaced = replaced if hidden is None else hidden

            if replaced is not None:
                if replaced and after <= end <= _SPLICED:
                    # One write for all of it: the peer wakes up once.
                    data = data[:pos] + replaced + data[after:]
                    after = pos + len(replaced)
                    end = len(data)
                    last = end - HEADER_SIZE
                else:
                    self._write_client(data, start, pos)
                    if replaced:
                        self.write_client(replaced)
                    start = min(after, end)
            if after > end:
                # A large row or the like: the rest of it goes the way of its beginning.
                self._write_client(data, start, end)
                self._upstream_streaming = after - end if replaced is None else end - after
                return
            before, pos = pos, after
            if step is _STAY or step is _COMPLETE:
                continue
            if head is not None and head.outcome:
                if (self._awaited is not None and self._awaited.outcome) or (self._awaits_settled and not queue):
                    self._write_client(data, start, pos)
                    start = pos
                    self._advance()
                    if self._upstream_held or self.closing:
                        self._upstream_buffer.append(data[pos:])
                        return
            elif head is not None or not queue:
                continue
            head = queue[0] if queue else None
            expected = _NOTHING if head is None else head.expected
            shown = head is not None and not head.fate

        if pos > end:
            # Rows that pass are not checked one by one for reaching beyond the chunk.
            self._write_client(data, start, end)
            self._upstream_streaming = pos - end
            return
        self._write_client(data, start, pos)
        if pos < end:
            rest = data[pos:]
            self._upstream_buffer.append(rest)
            if len(rest) < HEADER_SIZE:
                self._upstream_missing = HEADER_SIZE - len(rest)
        if self._client_buffer and self._script is not None and self.pipeline.copying_in:
            self._walk_client(self._take_client_buffer())
        if self.tell_when_idle and not queue and self.is_idle:
            self.shell.idle()

    def _write_client(self, data: bytes, start: int, end: int) -> None:
        self._upstream_streaming = 0  # the rest of a row, if it began with one, is among it
        if start == 0 and end == len(data):
            if end:
                self.write_client(data)
        elif start < end:
            self.write_client(data[start:end])

    def _hide(self, head: Owed, kind: int, message: bytes) -> bytes | None:
        """What is shown of a message that answers something the proxy sent: mostly nothing."""
        fate = head.fate
        if kind == Backend.ERROR_RESPONSE or fate is Fate.REPLACE:
            return None  # decided by `_on_error`; what else a stand-in gets (ReadyForQuery) is the client's
        if fate is Fate.PART:
            if kind == Backend.READY_FOR_QUERY:
                return b""
            if head.frames is None or head.expected.get(kind) is not _COMPLETE:
                return None
        if head.frames is not None:
            head.frames.append(message)
        return b""

    def _on_asynchronous(self, kind: int, data: bytes, pos: int, after: int, head: Owed | None) -> bytes | None:
        knowledge = self.knowledge
        if kind == Backend.PARAMETER_STATUS:
            status = ParameterStatus.decode(data[pos + 5 : after])
            self.caller = self.caller.changed(status.name, status.value)
            if knowledge is not None:
                knowledge.parameter_changed(status.name, status.value)
            return None
        if kind == Backend.NOTIFICATION_RESPONSE or knowledge is None:
            return None
        if data.find(_PRIVATE_INFO, pos, after) >= 0:
            notice = Diagnostic.decode(kind, data[pos + 5 : after])
            if notice.sqlstate == b"KDB01":
                said = notice.fields.get("M", b"").decode("ascii", "replace")
                if said.startswith(QUESTION):
                    self.shell.answer(said.removeprefix(QUESTION))
                    return b""
                row = _FAILING_ROW.fullmatch(said)
                if row is not None:
                    knowledge.failing_row = int(row[1]), notice.fields.get("D", b"")
                    return b""
                knowledge.touch(said)
                self.careful = True
                return b""
        if head is not None and head.fate is Fate.SWALLOW:
            return b""
        return translate_diagnostic(data[pos:after], knowledge, *self._subject(head))

    def _on_error_out_of_turn(self, message: bytes) -> bytes | None:
        """Nothing is owed: upstream is about to close, and says why."""
        self.upstream_said_why = True
        return None

    def _told_tag(self, kind: int) -> bytes | None:
        """The CommandComplete that the database said in band that the client should get."""
        knowledge = self.knowledge
        if kind != Backend.COMMAND_COMPLETE or knowledge is None or knowledge.command_tag is None:
            return None
        told = CommandComplete(knowledge.command_tag).encode()
        knowledge.command_tag = None
        return told

    def timed(self, subject: Subject, started: float, tag: bytes | None, now: float, owed: Owed | None = None) -> None:
        """A statement is complete, or has failed (`tag` is None)."""
        is_apart = owed is not None and not owed.runs and self.timings.is_precise and not is_quick(subject)
        started = max(started, self._free)
        if started >= now and (is_apart or self._is_apart):
            started = now - _NO_TIME
        self._free = now
        self._is_apart = is_apart
        self.timings.append((subject, started, now, tag, self.caller))
        if owed is not None and owed.runs:
            # upstream does not tell the statements of a Query apart: each may have taken as long as all so far
            started = owed.started
        if now - started > self._pace.slow_after and tag:
            self._note_slow(subject, now - started, tag, owed)

    def _note_slow(self, subject: Subject, seconds: float, tag: bytes, owed: Owed | None) -> None:
        slow = self._slow = self._slow or []
        if self.knowledge is not None and len(slow) < notices.MOST_SLOW and notices.names_entities(subject):
            statement = None if owed is None else owed.statement
            if isinstance(subject, Passed):
                param_types = subject.param_types
            else:
                param_types = () if statement is None else statement.param_types
            slow.append(notices.slow_statement(subject, seconds, tag, self.knowledge, param_types))

    def _on_run_complete(self, head: Owed, tag: bytes, now: float) -> bytes | None:
        run = head.runs[head.at] if head.at < len(head.runs) else head.runs[-1]
        head.at += 1
        if run.ours:
            return b""
        self.timed(run.subject, head.started, tag, now, head)
        return None

    def _row_description(self, message: bytes) -> bytes | None:
        return None if self.knowledge is None else self.knowledge.row_descriptions.replacement(message)

    def shown_row_description(self, message: bytes) -> bytes:
        return self._row_description(message) or message

    def _subject(self, head: Owed | None) -> tuple[Subject, tuple[Run, ...]]:
        if head is None:
            return b"", ()
        if head.statement is not None and head.asked is not Asked.QUERY:
            return head.statement.subject, ()
        return head.subject, head.runs

    def _on_error(self, head: Owed, step: Step, message: bytes, no_row: bool) -> bytes | None:
        """An ErrorResponse for the first entry. Returns what the client is shown for it; None: as it came.

        `no_row`: whether it is known that none of its rows came before.
        """
        fatal = b"VFATAL\0" in message or b"VPANIC\0" in message
        refused = head.error if head.fate is Fate.REPLACE else None
        run = head.runs[min(head.at, len(head.runs) - 1)] if head.runs else None
        if run is not None:
            refused = run.refused
        if head.asked in _TIMED and head.fate in _SHOWN and (run is None or not run.ours):
            self.timed(head.subject if run is None else run.subject, head.started, None, perf_counter())
        shown: bytes | None = None
        if fatal:
            self.upstream_said_why = True
        elif refused is not None and (head.is_first_told or is_stand_in(message)):
            shown = refused
            self.timings.refused += 1
        elif head.fate is Fate.SWALLOW:
            shown = b""
        elif self.knowledge is not None:
            shown = translate_diagnostic(message, self.knowledge, *self._subject(head))
        if head.fate is not Fate.REPLACE:
            head.error = message
        discarded: list[Owed] = []
        if step is Step.SKIP:
            discarded = self.pipeline.discard_to_sync()
            self.statements.take_back(discarded)
        else:
            self.pipeline.copying_in = False
            if head.renames:
                self.statements.take_back([head])
        if (
            self.knowledge is not None
            and head.fate <= Fate.HIDE
            and (retry.is_stale(message, self.knowledge) or retry.met_other_storage(message, self.knowledge))
        ):
            unanswered = [entry for entry in discarded if entry.fate not in retry.UNSEEN]
            shown = self._on_stale(self.knowledge, head, message, unanswered, no_row)
        return head.lead + (message if shown is None else shown) if head.lead else shown

    def _on_stale(
        self, knowledge: Knowledge, head: Owed, error: bytes, discarded: list[Owed], no_row: bool
    ) -> bytes | None:
        """The statement was made for another catalog than upstream's, or it met the guard for another reason."""
        is_synced = len(self.pipeline.queue) == 1
        if self.status != _IDLE and self._block is None:
            if retry.is_no_news(error, knowledge):
                if self._script is None and is_synced and not head.runs:
                    head.fate = Fate.SWALLOW
                    self._run(retry.look(self, knowledge, head, error))
                    return b""
                return translate_diagnostic(error, knowledge, *self._subject(head))
            # before the client can try again, the catalog is read again
            knowledge.is_behind = True
            return retry.conflict(error, knowledge)
        if retry.again_later(self, head):
            head.fate, head.lead = Fate.SWALLOW, b""
            return b""
        no_row = no_row or (not head.begun and head.asked is not _ASKED_EXECUTE)
        nothing_else = is_synced or (self.pipeline.skipping and not self.pipeline.queue)
        if self._script is None and nothing_else and (no_row or retry.is_stale(error, knowledge)) and self.count_try():
            text = retry.text_of(head, knowledge)
            is_single = not head.runs or (len(head.runs) == 2 and head.runs[0].ours)
            if text is not None and is_single and (not head.begun or (no_row and not head.runs)):
                head.fate = Fate.SWALLOW
                self._run(retry.query(self, knowledge, head, text, error, self._block))
                return b""
            if self._cycle is not None:
                begun = None if self._block is not None else retry.led_by_opening(self._cycle, self.statements)
                if begun is not None:
                    self._block, self._cycle = begun
                statement = head.statement or head.renewed or retry.named(self._cycle, self.statements)
                again = None if statement is None else retry.of_cycle(self._cycle, statement, discarded, is_synced)
                if again is not None:
                    self._run(retry.pipeline(self, knowledge, again, error, self._block))
                    return b""
        if retry.is_news(error, knowledge):
            knowledge.is_behind = True
            return retry.conflict(error, knowledge)
        return translate_diagnostic(error, knowledge, *self._subject(head))

    def count_try(self) -> bool:
        """Whether the client's messages may be tried once more."""
        self._tries += 1
        return self._tries <= retry.MOST_TRIES

    # --- scripts, and waiting for the store ---

    @property
    def ends_matter(self) -> bool:
        """Names mean something else once the transaction that is open has ended."""
        knowledge = self.knowledge
        return knowledge is not None and (knowledge.changed_in_transaction or self.status == backend.FAILED_TRANSACTION)

    def note_change(self, owed: Owed, facts: Facts) -> None:
        """Names may mean something else once this has been answered."""
        knowledge = self.knowledge
        if knowledge is not None and (
            facts.changes_names or (knowledge.changed_in_transaction and facts.kind is Kind.TRANSACTION)
        ):
            self.last_change = owed
            self.careful = True
            # of DDL it is told which entities it changes
            knowledge.spoil(is_undone=facts.kind is not Kind.DDL or facts.several)

    def note_move(self, owed: Owed) -> None:
        """It moves tables: what comes behind it is looked at once this has been answered."""
        assert self.knowledge is not None
        self.last_change = owed
        self.careful = True
        self.knowledge.spoil()

    def refuse_next(self, shown: bytes) -> None:
        """The message that is looked at again after the script is to fail with this error."""
        self._refusal = shown
        self.careful = True

    @property
    def has_failed_untold(self) -> bool:
        """Of a refusal that was taken: the transaction has failed by a question of ours."""
        return self.status == backend.FAILED_TRANSACTION

    def take_refusal(self) -> bytes | None:
        shown, self._refusal = self._refusal, None
        return shown

    def inject(self, messages: bytes, *owed: Owed) -> None:
        self.pipeline.queue.extend(owed)
        self.write_upstream(messages)

    def _run(self, script: Script) -> None:
        self._script = script
        self._advance()

    def _advance(self) -> None:
        """Let the script go on until it waits for something that is not there yet."""
        while self._script is not None:
            self._awaited = None
            self._awaits_settled = False
            try:
                wait = next(self._script)
            except StopIteration:
                self._script = None
                break
            if isinstance(wait, Settled):
                if self.pipeline.queue:
                    self._awaits_settled = True
                    return
                continue
            if isinstance(wait, Refresh):
                self._awaits_store = True
                self.shell.refresh(wait.whole)
                return
            if isinstance(wait, Work):
                self._awaits_work = True
                self.shell.work(wait.work)
                return
            if wait.outcome is Outcome.PENDING:
                self._awaited = wait
                return
        if self._client_buffer and not self.closing:
            self._walk_client(self._take_client_buffer())

    def _hold_upstream(self, rest: bytes) -> None:
        """Entities changed, or were found changed, in a transaction that has just ended: nobody is told so before the
        store knows them."""
        self._upstream_held = True
        self._upstream_buffer.append(rest)
        self.shell.hold_upstream(True)
        self.shell.refresh()

    def refreshed(self) -> None:
        """The store is as new as the moment at which it was asked for."""
        if self.closing:
            return
        if self._upstream_held:
            self._upstream_held = False
            self.shell.hold_upstream(False)
            if self.knowledge is not None:
                self.knowledge.committed()
            data = b"".join(self._upstream_buffer)
            self._upstream_buffer.clear()
            self.receive_upstream(data)
        elif self._awaits_store:
            self._awaits_store = False
            try:
                self._advance()
            except Exception as error:
                self._give_up(error, ClientViolation)

    def worked(self) -> None:
        """What a script asked to be done is done."""
        if self._awaits_work and not self.closing:
            self._awaits_work = False
            try:
                self._advance()
                if self.tell_when_idle and self.is_idle:
                    self.shell.idle()
            except Exception as error:
                self._give_up(error, ClientViolation)

    # --- the end ---

    def _give_up(self, error: Exception, violation: type[ProxyError]) -> None:
        """Whatever went wrong, the other sessions go on, and this client is told."""
        if isinstance(error, ProxyError):
            self.fail(error)
        elif isinstance(error, MalformedMessage):
            self.fail(violation(f"invalid message format: {error}"))
        else:
            log.error("session failed", exc_info=error)
            self.fail(ProxyError("internal error of the proxy, which has it in its log"))

    def fail(self, error: ProxyError) -> None:
        """The session cannot go on. The client is told why, unless that would be read as a part of a row."""
        if self.closing:
            return
        self.closing = True
        if not self.mid_frame:
            self.write_client(as_response(error, self.encoding))
        self.shell.close()
