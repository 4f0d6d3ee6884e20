"""What can go wrong in the proxy, and the one function that turns it into an ErrorResponse.

    ProxyError                 carries what the client is told: SQLSTATE, message, detail, hint, position
    ├── ClientViolation        the client broke the protocol; FATAL, its connection is closed
    ├── LoginTimeout           the client did not authenticate in time; FATAL
    ├── ShuttingDown           the proxy drains; FATAL
    ├── UpstreamUnreachable    no connection to PostgreSQL could be made; FATAL
    ├── UpstreamLost           PostgreSQL's connection broke in the middle; FATAL
    ├── UpstreamViolation      PostgreSQL sent what it does not owe; FATAL
    └── StatementRefused       this statement is not sent on; ERROR, the session lives

`rewriter.RewriteError` has the same fields, and is a refused statement too.
"""

from proxy.wire.backend import Backend, Diagnostic


class ProxyError(Exception):
    severity = "FATAL"
    sqlstate = "XX000"

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        routine: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate or self.sqlstate
        self.detail = detail
        self.hint = hint
        self.position = position
        #: PostgreSQL's function that raises this: drivers tell by it that a statement should be prepared again.
        self.routine = routine


class ClientViolation(ProxyError):
    sqlstate = "08P01"


class LoginTimeout(ProxyError):
    sqlstate = "57014"


class ShuttingDown(ProxyError):
    sqlstate = "57P01"


class UpstreamUnreachable(ProxyError):
    sqlstate = "08001"


class UpstreamLost(ProxyError):
    sqlstate = "08006"


class UpstreamViolation(ProxyError):
    sqlstate = "08P01"


class StatementRefused(ProxyError):
    severity = "ERROR"
    sqlstate = "0A000"


def error_response(
    message: str,
    *,
    sqlstate: str,
    severity: str = "ERROR",
    detail: str | None = None,
    hint: str | None = None,
    position: int | None = None,
    routine: str | None = None,
    encoding: str = "utf-8",
) -> bytes:
    return _diagnostic(Backend.ERROR_RESPONSE, message, sqlstate, severity, detail, hint, position, routine, encoding)


def notice_response(
    message: str,
    *,
    sqlstate: str,
    severity: str = "WARNING",
    detail: str | None = None,
    hint: str | None = None,
    table: str | None = None,
    routine: str | None = None,
    encoding: str = "utf-8",
) -> bytes:
    return _diagnostic(
        Backend.NOTICE_RESPONSE, message, sqlstate, severity, detail, hint, None, routine, encoding, table
    )


def as_response(error: ProxyError, encoding: str = "utf-8") -> bytes:
    return error_response(
        error.message,
        sqlstate=error.sqlstate,
        severity=error.severity,
        detail=error.detail,
        hint=error.hint,
        position=error.position,
        routine=error.routine,
        encoding=encoding,
    )


def _diagnostic(
    kind: int,
    message: str,
    sqlstate: str,
    severity: str,
    detail: str | None,
    hint: str | None,
    position: int | None,
    routine: str | None,
    encoding: str,
    table: str | None = None,
) -> bytes:
    texts = {"S": severity, "V": severity, "C": sqlstate, "M": message, "D": detail, "H": hint}
    if position is not None:
        texts["P"] = str(position)
    texts["t"], texts["R"] = table, routine
    fields = {code: _field(text, encoding) for code, text in texts.items() if text}
    return Diagnostic(kind, fields).encode()


def _field(text: str, encoding: str) -> bytes:
    # A NUL would end the field early and shift every field after it; libpq then loses the connection.
    return text.replace("\0", "").encode(encoding, "replace")
