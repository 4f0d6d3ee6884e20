"""How a conversation begins: the packets without a type byte, before login.

A client may ask for TLS or GSSAPI encryption, or begin with TLS at once, and then either sends its StartupMessage or a
CancelRequest. `receive_startup` answers the questions and returns what the client is here for.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import Final, Self

from proxy.errors import ClientViolation, ProxyError
from proxy.tls import ALPN
from proxy.transport import Channel
from proxy.wire.fields import INT32, UINT32, MalformedMessage, read_cstring

CANCEL_REQUEST: Final = (1234 << 16) | 5678
SSL_REQUEST: Final = (1234 << 16) | 5679
GSSENC_REQUEST: Final = (1234 << 16) | 5680

#: One byte answers an encryption request; no message of the protocol, though the letters look like some.
ENCRYPTION_ACCEPTED: Final = b"S"
ENCRYPTION_REFUSED: Final = b"N"

_TLS_HANDSHAKE: Final = 0x16
_LONGEST_CANCEL_KEY: Final = 256

#: The values of `replication=` that mean no; anything else starts a walsender, or is refused by PostgreSQL.
_FALSE = re.compile(rb"(?i:0|f|fa|fal|fals|false|n|no|of|off)\Z")


@dataclass(frozen=True, slots=True)
class StartupMessage:
    """The client's own bytes, and its parameters in the order in which they came."""

    version: int
    parameters: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def decode(cls, body: bytes) -> Self:
        version = UINT32.unpack_from(body)[0]
        parameters = []
        position = 4
        while position < len(body) and body[position]:
            name, position = read_cstring(body, position)
            value, position = read_cstring(body, position)
            parameters.append((name, value))
        if position != len(body) - 1:
            raise MalformedMessage("invalid startup packet layout: expected terminator as last byte")
        return cls(version, tuple(parameters))

    def encode(self) -> bytes:
        body = b"".join(b"%b\0%b\0" % pair for pair in self.parameters)
        return _packet(UINT32.pack(self.version) + body + b"\0")

    def get(self, name: bytes) -> bytes | None:
        # PostgreSQL lets a later parameter win.
        found = None
        for key, value in self.parameters:
            if key == name:
                found = value
        return found

    @property
    def user(self) -> bytes:
        return self.get(b"user") or b""

    @property
    def database(self) -> bytes:
        return self.get(b"database") or self.user

    @property
    def is_replication(self) -> bool:
        value = self.get(b"replication")
        return value is not None and _FALSE.match(value) is None

    def with_default_storage(self, storage: str) -> StartupMessage:
        """Ask for new tables to be kept in this storage, unless the client asks for something itself."""
        setting = b"kameleon.default_storage"
        for name, value in self.parameters:
            if name.lower() == setting or (name == b"options" and setting in value.lower()):
                return self
        return StartupMessage(self.version, (*self.parameters, (setting, storage.encode())))

    def proxied(self) -> StartupMessage:
        """The database may ask, by messages to the session: they are heard."""
        return StartupMessage(self.version, (*self.parameters, (b"kameleon.proxied", b"on")))


@dataclass(frozen=True, slots=True)
class CancelRequest:
    pid: int
    key: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        if not 9 <= len(body) <= 8 + _LONGEST_CANCEL_KEY:
            raise MalformedMessage("invalid length of cancel request packet")
        return cls(INT32.unpack_from(body, 4)[0], body[8:])

    def encode(self) -> bytes:
        return _packet(UINT32.pack(CANCEL_REQUEST) + INT32.pack(self.pid) + self.key)


def ssl_request() -> bytes:
    return _packet(UINT32.pack(SSL_REQUEST))


def _packet(body: bytes) -> bytes:
    return INT32.pack(len(body) + 4) + body


async def receive_startup(
    client: Channel, tls: ssl.SSLContext | None, max_packet: int
) -> StartupMessage | CancelRequest:
    """What the client is here for, after TLS where it asked for it. Raises ProxyError for what cannot be served."""
    if await client.peek() == _TLS_HANDSHAKE and tls is not None:
        await client.start_tls(tls, server_side=True)
        assert client.tls is not None
        if client.tls.alpn != ALPN:
            raise ClientViolation("received direct SSL connection request without ALPN protocol negotiation extension")
    asked_ssl = asked_gss = False
    while True:
        length = INT32.unpack(await client.read_exactly(4))[0]
        if not 8 <= length <= max_packet:
            raise ClientViolation("invalid length of startup packet")
        body = await client.read_exactly(length - 4)
        code = UINT32.unpack_from(body)[0]
        try:
            if code == CANCEL_REQUEST:
                return CancelRequest.decode(body)
            if code == SSL_REQUEST and not asked_ssl and client.tls is None:
                asked_ssl = True
                await _answer_ssl_request(client, tls)
            elif code == GSSENC_REQUEST and not asked_gss and client.tls is None:
                asked_gss = True
                _refuse_glued(client, "GSSAPI encryption")
                client.write(ENCRYPTION_REFUSED)
            elif code >> 16 != 3:
                raise ProxyError(
                    f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}: server supports 3.0 to 3.2",
                    sqlstate="0A000",
                )
            else:
                return StartupMessage.decode(body)
        except MalformedMessage as error:
            raise ClientViolation(str(error)) from error


async def _answer_ssl_request(client: Channel, tls: ssl.SSLContext | None) -> None:
    _refuse_glued(client, "SSL")
    if tls is None:
        client.write(ENCRYPTION_REFUSED)
        return
    client.write(ENCRYPTION_ACCEPTED)
    await client.start_tls(tls, server_side=True)


def _refuse_glued(client: Channel, what: str) -> None:
    """Bytes sent before our answer are clear text that would pass for encrypted: somebody is in the middle."""
    if client.unread:
        raise ClientViolation(
            f"received unencrypted data after {what} request",
            detail="This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
        )
