"""Authentication, relayed message by message: PostgreSQL decides, and the proxy learns no secret.

Only one thing is changed on the way. SCRAM-SHA-256-PLUS is taken off the list that upstream offers, since it binds the
login to a TLS connection, and there are two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.errors import ClientViolation, UpstreamViolation
from proxy.transport import Channel, FrameTooLong
from proxy.wire.backend import (
    Authentication,
    AuthenticationRequest,
    Backend,
    BackendKeyData,
    Diagnostic,
    ParameterStatus,
)
from proxy.wire.fields import MalformedMessage
from proxy.wire.frontend import Frontend

# PostgreSQL's own bound on a password or token message (PG_MAX_AUTH_TOKEN_LENGTH).
_TOKEN_LIMIT = 65_535
# Of what upstream says before its first ReadyForQuery. It is trusted, but it cannot be meant to be more.
_UPSTREAM_LIMIT = 1024 * 1024

_CHANNEL_BINDING = b"SCRAM-SHA-256-PLUS"
_WANTS_ANSWER = frozenset(
    {
        Authentication.CLEARTEXT_PASSWORD,
        Authentication.MD5_PASSWORD,
        Authentication.GSS,
        Authentication.GSS_CONTINUE,
        Authentication.SSPI,
        Authentication.SASL,
        Authentication.SASL_CONTINUE,
    }
)


@dataclass
class Login:
    """What upstream told during a login that it accepted."""

    key: BackendKeyData | None = None
    parameters: dict[bytes, bytes] = field(default_factory=dict)
    #: ReadyForQuery has been read, and is the caller's to send.
    ready: bytes = b""


async def relay_login(client: Channel, upstream: Channel) -> Login | None:
    """From the StartupMessage, which has been sent, to ReadyForQuery. None when upstream refused; it has said so."""
    login = Login()
    said: list[bytes] = []  # one write per round trip, as PostgreSQL does it
    while True:
        kind, frame = await _from_upstream(upstream)
        if kind == Backend.AUTHENTICATION:
            request = AuthenticationRequest.decode(frame[5:])
            if request.code == Authentication.SASL:
                frame = without_channel_binding(request).encode()
            said.append(frame)
            if request.code in _WANTS_ANSWER:
                client.write(b"".join(said))
                said.clear()
                upstream.write(await _answer(client))
            continue
        if kind == Backend.ERROR_RESPONSE:
            client.write(b"".join(said) + explained(client, upstream, frame))
            return None
        if kind == Backend.READY_FOR_QUERY:
            client.write(b"".join(said))
            login.ready = frame
            return login
        if kind == Backend.BACKEND_KEY_DATA:
            login.key = BackendKeyData.decode(frame[5:])
        elif kind == Backend.PARAMETER_STATUS:
            status = ParameterStatus.decode(frame[5:])
            login.parameters[status.name] = status.value
        elif kind not in (Backend.NOTICE_RESPONSE, Backend.NEGOTIATE_PROTOCOL_VERSION):
            raise UpstreamViolation(f"upstream sent an unexpected message of type {chr(kind)!r} during login")
        said.append(frame)


def without_channel_binding(request: AuthenticationRequest) -> AuthenticationRequest:
    mechanisms = [name for name in request.payload.split(b"\0") if name and name != _CHANNEL_BINDING]
    return AuthenticationRequest(request.code, b"".join(name + b"\0" for name in mechanisms) + b"\0")


def explained(client: Channel, upstream: Channel, error: bytes) -> bytes:
    """A client that could bind its TLS connection says so in SCRAM (`y`), and a server that can bind its own takes that
    for a downgrade attack. Both are right, and what they say is signed: the proxy can only tell what helps."""
    if client.tls is None or upstream.tls is None:
        return error
    diagnostic = Diagnostic.decode(Backend.ERROR_RESPONSE, error[5:])
    if diagnostic.sqlstate != b"28000" or b"channel binding" not in diagnostic.fields.get("M", b""):
        return error
    hint = (
        "The client and the proxy both speak TLS. Connect with channel_binding=disable, or let the proxy reach "
        "PostgreSQL by a unix socket or without TLS."
    )
    fields = {**diagnostic.fields, "H": hint.encode()}
    return Diagnostic(Backend.ERROR_RESPONSE, fields).encode()


async def _from_upstream(upstream: Channel) -> tuple[int, bytes]:
    try:
        return await upstream.read_message(_UPSTREAM_LIMIT)
    except (FrameTooLong, MalformedMessage) as error:
        raise UpstreamViolation(f"upstream broke the protocol during login: {error}") from error


async def _answer(client: Channel) -> bytes:
    try:
        kind, frame = await client.read_message(_TOKEN_LIMIT)
    except FrameTooLong as error:
        raise ClientViolation("invalid length of an authentication message") from error
    if kind != Frontend.PASSWORD:
        raise ClientViolation(f"expected password response, got message type {kind}")
    return frame
