"""A connection to the PostgreSQL server behind the proxy: opened, with TLS where it is asked for, and cancelled."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from proxy.dsn import Dsn
from proxy.errors import UpstreamUnreachable
from proxy.startup import ENCRYPTION_ACCEPTED, CancelRequest, ssl_request
from proxy.tls import client_context
from proxy.transport import Channel, ConnectionEnded

_CANCEL_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """Where it is, and how it is spoken to."""

    dsn: Dsn
    sslmode: str
    tls: ssl.SSLContext | None

    @classmethod
    def from_dsn(cls, dsn: Dsn) -> UpstreamAddress:
        """Raises ssl.SSLError for authorities that cannot be read."""
        sslmode = dsn.sslmode or "prefer"
        # allow: TLS only where the server insists, which a proxy that relays logins learns too late.
        if dsn.is_unix or sslmode in ("disable", "allow"):
            return cls(dsn, "disable", None)
        authorities = None if dsn.sslrootcert is None else Path(dsn.sslrootcert)
        return cls(dsn, sslmode, client_context(sslmode, authorities, dsn.ssl_min_protocol_version or "TLSv1.2"))

    async def connect(self) -> Channel:
        """An open connection, encrypted as sslmode says; nothing has been sent on it otherwise."""
        loop = asyncio.get_running_loop()
        try:
            if self.dsn.is_unix:
                _, channel = await loop.create_unix_connection(Channel, self.dsn.socket_path)
            else:
                _, channel = await loop.create_connection(Channel, self.dsn.host, self.dsn.port)
        except OSError as error:
            raise UpstreamUnreachable(
                f"could not connect to the PostgreSQL server at {self.dsn.place}: {error.strerror or error}"
            ) from error
        if self.tls is not None:
            try:
                await self._encrypt(channel, self.tls)
            except BaseException:
                channel.abort()
                raise
        return channel

    async def _encrypt(self, channel: Channel, tls: ssl.SSLContext) -> None:
        channel.write(ssl_request())
        try:
            answer = await channel.read_exactly(1)
            if answer != ENCRYPTION_ACCEPTED:
                if self.sslmode == "prefer":
                    return
                raise UpstreamUnreachable("the PostgreSQL server does not support SSL, but SSL was required")
            if channel.unread:
                raise UpstreamUnreachable("the PostgreSQL server sent unencrypted data after its answer to SSLRequest")
            await channel.start_tls(tls, server_side=False, server_hostname=self.dsn.host)
        except ssl.SSLError as error:
            raise UpstreamUnreachable(f"TLS with the PostgreSQL server failed: {error.reason or error}") from error
        except ConnectionEnded as error:
            raise UpstreamUnreachable("the PostgreSQL server closed the connection during the TLS handshake") from error

    async def cancel(self, request: CancelRequest) -> None:
        """Pass a cancel request on. PostgreSQL answers none; it closes when it has acted on it."""
        async with asyncio.timeout(_CANCEL_TIMEOUT):
            channel = await self.connect()
            try:
                channel.write(request.encode())
                await channel.wait_ended()
            finally:
                channel.close()
