"""The sum that an expression becomes in the skeleton."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.parts import Unparsed

if TYPE_CHECKING:
    from rewriter.mask import Mask


class Sum:
    """Joins the atoms of one clause with "+", and writes the clause's keyword once there is an atom to follow it."""

    def __init__(self, mask: Mask, keyword: int | None, text: str) -> None:
        self._mask = mask
        self._keyword = keyword
        self._text = text
        self.is_empty = True

    def keyword(self, token: int) -> None:
        """The clause went on with another keyword: while nothing is written, that one will do."""
        if self.is_empty:
            self._keyword = token

    def add(self, token: int) -> None:
        if not self.is_empty:
            start = self._mask.tokens[token].start - 1
            if self._mask.out[start] != " ":
                raise Unparsed(token)
            self._mask.out[start] = "+"
        elif self._keyword is not None:
            self._mask.put(self._keyword, self._text)
        self.is_empty = False
