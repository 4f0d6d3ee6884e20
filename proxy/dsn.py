"""Connection strings, in the two forms libpq reads: `postgresql://...` and `key=value ...`.

What is not understood is refused by name: a parameter that is silently dropped (`target_session_attrs`,
a second host) would make the proxy connect to something else than was asked for.
"""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urlencode, urlsplit

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PARAMETERS = ("user", "password", "host", "port", "dbname", "sslmode", "sslrootcert", "ssl_min_protocol_version")

# key = value, the value bare or in single quotes, with backslash escapes in both (libpq 34.1.1.1).
_KEY_VALUE = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?:\s+|$)", re.DOTALL)


class DsnError(ValueError):
    """A connection string that is not understood. The message never repeats the string: it may hold a password."""


@dataclass(frozen=True, slots=True)
class Dsn:
    user: str
    password: str | None = field(repr=False)
    host: str  # a name, an address, or the directory of a unix socket
    port: int
    dbname: str
    sslmode: str | None = None
    sslrootcert: str | None = None
    ssl_min_protocol_version: str | None = None

    @property
    def is_unix(self) -> bool:
        return self.host.startswith("/")

    @property
    def socket_path(self) -> str:
        return f"{self.host}/.s.PGSQL.{self.port}"

    @property
    def place(self) -> str:
        """Where it points, fit for a message: no secret in it."""
        return self.socket_path if self.is_unix else _netloc(self.host, self.port)

    def at(self, host: str, port: int) -> Dsn:
        """The same user and database at another address, such as the proxy's own. TLS is then its affair."""
        return replace(self, host=host, port=port, sslmode=None, sslrootcert=None, ssl_min_protocol_version=None)

    def with_database(self, dbname: str) -> Dsn:
        return replace(self, dbname=dbname)

    def __str__(self) -> str:
        """The URL form, password included."""
        credentials = quote(self.user, safe="")
        if self.password is not None:
            credentials += ":" + quote(self.password, safe="")
        query: dict[str, str] = {}
        if self.is_unix:
            location = ""
            query |= {"host": self.host, "port": str(self.port)}
        else:
            location = _netloc(self.host, self.port)
        for name in ("sslmode", "sslrootcert", "ssl_min_protocol_version"):
            value = getattr(self, name)
            if value is not None:
                query[name] = value
        tail = "?" + urlencode(query, safe="/", quote_via=quote) if query else ""
        return f"postgresql://{credentials}@{location}/{quote(self.dbname, safe='')}{tail}"


def parse_dsn(text: str) -> Dsn:
    """Read a connection string; what it leaves out gets libpq's defaults, but nothing is read from the environment."""
    text = text.strip()
    parameters = _parse_url(text) if "://" in text.partition(" ")[0] else _parse_key_values(text)
    for name in parameters:
        if name not in PARAMETERS:
            raise DsnError(f"unknown parameter {name!r}, expected one of: {', '.join(PARAMETERS)}")
    host = parameters.get("host", "localhost")
    if "," in host:
        raise DsnError("more than one host")
    sslmode = parameters.get("sslmode")
    if sslmode is not None and sslmode not in SSL_MODES:
        raise DsnError(f"sslmode is not one of: {', '.join(SSL_MODES)}")
    user = parameters.get("user") or _own_name()
    return Dsn(
        user=user,
        password=parameters.get("password"),
        host=host,
        port=_port(parameters.get("port", "5432")),
        dbname=parameters.get("dbname") or user,
        sslmode=sslmode,
        sslrootcert=parameters.get("sslrootcert"),
        ssl_min_protocol_version=parameters.get("ssl_min_protocol_version"),
    )


def _parse_url(text: str) -> dict[str, str]:
    try:
        url = urlsplit(text)
    except ValueError as error:
        raise DsnError("the URL cannot be read") from error
    if url.scheme not in ("postgresql", "postgres"):
        raise DsnError(f"the scheme is {url.scheme!r}, expected postgresql://")
    # Not url.hostname: it lower-cases, and a percent-encoded socket directory minds its case.
    credentials, _, location = url.netloc.rpartition("@")
    user, has_password, password = credentials.partition(":")
    host, port = _split_location(location)
    parts = {"user": user, "host": host, "port": port, "dbname": url.path.removeprefix("/")}
    parameters = {name: unquote(value) for name, value in parts.items() if value}
    if has_password:
        parameters["password"] = unquote(password)
    # Not parse_qsl: to libpq a plus sign is a plus sign.
    for pair in filter(None, url.query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise DsnError("a parameter after the question mark has no value")
        parameters[unquote(name)] = unquote(value)
    return parameters


def _parse_key_values(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _KEY_VALUE.match(text, position)
        if match is None:
            raise DsnError("expected postgresql://user:password@host:port/dbname or key=value pairs")
        name, quoted, bare = match.groups()
        parameters[name] = re.sub(r"\\(.)", r"\1", bare if quoted is None else quoted, flags=re.DOTALL)
        position = match.end()
    if not parameters:
        raise DsnError("it is empty")
    return parameters


def _split_location(location: str) -> tuple[str, str]:
    if location.startswith("["):
        host, _, rest = location[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = location.partition(":")
    return host, port


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise DsnError("no user is named") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise DsnError("the port is not a number from 1 to 65535")
    return int(text)


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
