"""Any bytes, from either side, cut anywhere: the relay forwards, waits, or refuses with a FATAL error; it never fails.

And whatever is well-formed comes out on the other side the same, however its bytes were cut.
"""

from __future__ import annotations

import re
from itertools import pairwise

import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.startup import CancelRequest, StartupMessage
from proxy.wire import backend, frontend
from proxy.wire.backend import Backend, Diagnostic
from proxy.wire.fields import MalformedMessage
from proxy.wire.framing import frame
from proxy.wire.frontend import LENGTH_LIMITS, Frontend
from tests.playbook import READY, Playbook, as_bytes, done, entity, error, frames, playbook, row

FAST = settings(max_examples=300, deadline=None)

bodies = st.binary(max_size=60)
client_frames = st.builds(frame, st.sampled_from(sorted(LENGTH_LIMITS)), bodies)
upstream_frames = st.builds(frame, st.sampled_from(sorted(Backend)), bodies)
junk = st.binary(max_size=40)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(bounds)]


def refused_properly(script: Playbook) -> bool:
    """The last thing the client got is a FATAL error about the protocol, and the session is closed."""
    sent = frames(as_bytes(script._sent_to_client))
    if not script.shell.closed or not sent or sent[-1][0] != Backend.ERROR_RESPONSE:
        return False
    fields = Diagnostic.decode(Backend.ERROR_RESPONSE, sent[-1][1]).fields
    return fields["V"] == b"FATAL" and fields["C"] == b"08P01"


def survived(script: Playbook, logs: list) -> None:
    """Nothing failed inside the relay, and what ended was ended in the proper way."""
    assert not [entry for entry in logs if entry["log_level"] == "error"], logs
    if script.relay.closing:
        assert refused_properly(script) or script.relay.mid_frame


@FAST
@given(st.lists(st.one_of(client_frames, junk), max_size=8).map(b"".join), st.lists(st.integers(0, 400), max_size=4))
@example(b"Q\0\0\0\x04", [])
@example(b"Q\0\0\0\x05\0" * 3, [7])
@example(b"P\0\0\0\x06\0\0", [])
@example(b"B\0\0\0\x04S\0\0\0\x04", [])
@example(b"C\0\0\0\x04", [])
def test_any_bytes_of_a_client(data: bytes, places: list[int]):
    with structlog.testing.capture_logs() as logs:
        script = playbook(entity())
        for piece in cut(data, places):
            script.relay.receive_client(piece)
    survived(script, logs)


@FAST
@given(
    st.lists(st.one_of(upstream_frames, junk), max_size=8).map(b"".join),
    st.lists(st.integers(0, 400), max_size=4),
    st.sampled_from(
        [
            b"",
            frontend.Query(b"SELECT * FROM orders").encode(),
            as_bytes([frontend.Parse(b"", b"SELECT 1"), frontend.Bind(b"", b""), frontend.Execute(b""), frontend.SYNC]),
            frontend.Query(b"CREATE TABLE t (a int); SELECT 1").encode(),
        ]
    ),
    st.booleans(),
)
@example(b"E\0\0\0\x04", [], b"", True)
@example(b"E\0\0\0\x05\0", [], frontend.Query(b"SELECT 1").encode(), True)
@example(b"T\0\0\0\x06\xff\xff", [], frontend.Query(b"SELECT 1").encode(), True)
@example(b"Z\0\0\0\x04", [], frontend.Query(b"SELECT 1").encode(), True)
@example(b"S\0\0\0\x04", [], b"", True)
@example(b"N\0\0\0\x0eCKDB01\0kdb_", [], b"", True)
def test_any_bytes_of_upstream(data: bytes, places: list[int], asked: bytes, names_known: bool):
    with structlog.testing.capture_logs() as logs:
        script = playbook(entity(), names_known=names_known)
        script.relay.receive_client(asked)
        for piece in cut(data, places):
            script.relay.receive_upstream(piece)
    survived(script, logs)


@FAST
@given(bodies)
def test_any_body(body: bytes):
    """A decoder gives a message or MalformedMessage, never anything else."""
    decoders = [
        *(
            each.decode
            for each in (frontend.Query, frontend.Parse, frontend.Describe, frontend.Execute, frontend.Close)
        ),
        *(each.decode for each in (backend.AuthenticationRequest, backend.BackendKeyData, backend.ParameterStatus)),
        *(each.decode for each in (backend.CommandComplete, backend.ReadyForQuery, backend.RowDescription)),
        *(each.decode for each in (backend.ParameterDescription, backend.DataRow, backend.NegotiateProtocolVersion)),
        lambda data: Diagnostic.decode(Backend.ERROR_RESPONSE, data),
        lambda data: StartupMessage.decode(b"\0\3\0\0" + data),
        CancelRequest.decode,
    ]
    for decode in decoders:
        try:
            message = decode(body)
        except MalformedMessage:
            continue
        assert message == message


statements = st.sampled_from([b"SELECT 1", b"SELECT * FROM orders", b"", b"INSERT INTO orders VALUES ($1)"])
names = st.sampled_from([b"", b"s"])
cycle = st.builds(
    lambda sql, name, rows: [
        (frontend.Parse(name, sql).encode(), b"1\0\0\0\4"),
        (frontend.Bind(b"", name).encode(), b"2\0\0\0\4"),
        (frontend.Describe(frontend.PORTAL, b"").encode(), b"n\0\0\0\4"),
        (frontend.Execute(b"").encode(), as_bytes([*[row("x" * each) for each in rows], done("SELECT 1")])),
        (frontend.Close(frontend.STATEMENT, name).encode(), b"3\0\0\0\4"),
    ],
    statements,
    names,
    st.lists(st.integers(0, 300), max_size=5),
)


@FAST
@given(st.lists(cycle, min_size=1, max_size=4), st.data())
def test_pipelines_with_errors_cut_anywhere(cycles: list, data: st.DataObject):
    """Whatever fails, wherever the bytes are cut: a cycle gets its answers up to its one error, and ReadyForQuery."""
    asked: list[bytes] = []
    came: list[bytes] = []
    for messages in cycles:
        failing = data.draw(st.one_of(st.none(), st.integers(0, len(messages) - 1)))
        asked += [message for message, _ in messages] + [frontend.SYNC]
        came += [answer for _, answer in messages[: len(messages) if failing is None else failing]]
        if failing is not None:
            came.append(error("22012", "division by zero").encode())
        came.append(READY.encode())
    script = playbook(entity())
    for piece in cut(b"".join(asked), data.draw(st.lists(st.integers(0, 2000), max_size=5))):
        script.relay.receive_client(piece)
    rewritten = re.sub(rb"kameleon\.kdb_[a-z]+_17(_3)? AS ", b"", as_bytes(script._sent_to_upstream))
    assert [kind for kind, _ in frames(as_bytes(script._sent_to_upstream))] == [
        kind for kind, _ in frames(b"".join(asked))
    ]
    assert rewritten.count(b"orders") == b"".join(asked).count(b"orders")
    for piece in cut(b"".join(came), data.draw(st.lists(st.integers(0, 2000), max_size=5))):
        script.relay.receive_upstream(piece)
    script.to_client(*came)
    assert script.relay.is_idle
    assert script.relay.statements.by_name.keys() <= {b"", b"s"}


@FAST
@given(st.lists(st.sampled_from([Frontend.QUERY, Frontend.SYNC, Frontend.FLUSH]), max_size=6))
def test_simple_queries_are_answered_in_order(kinds: list[Frontend]):
    script = playbook(entity())
    sent = [frontend.Query(b"SELECT 1").encode() if kind is Frontend.QUERY else frame(kind, b"") for kind in kinds]
    came = [
        as_bytes([done("SELECT 1"), READY]) if kind is Frontend.QUERY else READY.encode()
        for kind in kinds
        if kind is not Frontend.FLUSH
    ]
    script.client(*sent).to_upstream(*sent).upstream(*came).to_client(*came)
    assert script.relay.is_idle
