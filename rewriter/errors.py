"""What the rewriter refuses, in the words PostgreSQL would use."""

from __future__ import annotations

AMBIGUOUS_ALIAS = "42P09"
FEATURE_NOT_SUPPORTED = "0A000"
GENERATED_ALWAYS = "428C9"
INTERNAL_ERROR = "XX000"
SYNTAX_ERROR = "42601"
UNDEFINED_COLUMN = "42703"
UNDEFINED_OBJECT = "42704"


class RewriteError(Exception):
    """A statement that must not be sent on; the fields are those of an ErrorResponse.

    `position` counts characters of the client's own text from 1, as PostgreSQL does.
    """

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str = FEATURE_NOT_SUPPORTED,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position


class NeedsTable(RewriteError):
    """What documents cannot serve and the tables themselves could, if they had their rows.

    `named`: the relations of the statement, if they could be told from its other names.
    """

    named: list[list[str]] | None = None


class LexError(Exception):
    """Text that PostgreSQL's own scanner refuses too: an unterminated string, comment or quoted name."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.offset = offset
