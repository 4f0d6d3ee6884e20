"""The sum that an expression becomes in the skeleton."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewriter.mask import Mask


class Sum:
    """Joins the atoms of one clause with "+", behind its keyword, which is written with the first of them."""

    def __init__(self, mask: Mask, keyword: str = "") -> None:
        self._mask = mask
        self._keyword = keyword
        self.is_empty = True

    def next(self) -> None:
        """An atom is about to be written."""
        if not self.is_empty:
            self._mask.put("+")
        elif self._keyword:
            self._mask.put(self._keyword)
        self.is_empty = False

    def settle(self) -> None:
        """The clause must have something in it: if no atom came, a name that means nothing."""
        if self.is_empty:
            self.next()
            self._mask.put("n")
