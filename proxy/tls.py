"""TLS as a layer of bytes, and the contexts for both sides.

`TlsLayer` is an `ssl.SSLObject` between two memory buffers: bytes in, bytes out, no socket. Doing it here rather than
with `loop.start_tls` lets a direct TLS handshake begin with bytes that have been read already, and makes it
certain that nothing sent before the handshake is ever taken for a part of what follows it.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

#: Required of clients that begin with TLS at once, so that one port cannot be mistaken for another protocol's.
ALPN: Final = "postgresql"

_READ = 256 * 1024
_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class TlsLayer:
    def __init__(self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._unsent: list[bytes] = []
        self.established = False
        #: The peer has said that nothing more comes.
        self.ended = False

    @property
    def alpn(self) -> str | None:
        return self._object.selected_alpn_protocol()

    def start(self) -> None:
        self._shake()

    def receive(self, data: bytes) -> bytes:
        """Bytes from the socket -> clear text. Raises ssl.SSLError when the peer breaks the protocol."""
        self._incoming.write(data)
        if not self.established and not self._shake():
            return b""
        clear: list[bytes] = []
        try:
            while chunk := self._object.read(_READ):
                clear.append(chunk)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.ended = True
        if self._unsent:
            unsent, self._unsent = self._unsent, []
            for part in unsent:
                self.send(part)
        return clear[0] if len(clear) == 1 else b"".join(clear)

    def send(self, data: bytes) -> None:
        if not data:
            return
        try:
            # A memory buffer takes everything; only a renegotiation could want to read first.
            self._object.write(data)
        except ssl.SSLWantReadError:
            self._unsent.append(data)

    def take_output(self) -> bytes:
        return self._outgoing.read()

    def close(self) -> None:
        if not self.established or self.ended:
            return
        try:
            self._object.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLError):
            return  # our close_notify is in the buffer; the peer's answer is not waited for

    def _shake(self) -> bool:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.established = True
        return True


def server_context(cert: Path, key: Path | None, ca: Path | None, min_version: str) -> ssl.SSLContext:
    """For clients: our certificate; with `ca`, theirs is required and checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[min_version]
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols([ALPN])
    # As PostgreSQL: sessions are not resumed, and one connection does not shake hands twice.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    if ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca)
    return context


def client_context(sslmode: str, ca: Path | None, min_version: str) -> ssl.SSLContext:
    """For upstream, as libpq's sslmode: verify-ca and verify-full check the certificate; require, too, given a `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[min_version]
    context.set_alpn_protocols([ALPN])
    context.check_hostname = sslmode == "verify-full"
    if sslmode in ("verify-ca", "verify-full") or (ca is not None and sslmode == "require"):
        context.verify_mode = ssl.CERT_REQUIRED
        if ca is None:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            context.load_verify_locations(ca)
    else:
        context.verify_mode = ssl.CERT_NONE
    return context
