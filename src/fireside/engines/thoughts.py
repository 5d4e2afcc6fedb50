"""Thoughts before an answer, told apart from it for engines that don't do so themselves."""

from __future__ import annotations

BEGIN, END = "<think>", "</think>"


class Thoughts:
    """Takes a text in pieces and says of each part whether it was thought or said.

    With `begun` the prompt has opened the thoughts already.

    >>> thoughts = Thoughts()
    >>> thoughts.feed("<thi"), thoughts.feed("nk>Hm.</"), thoughts.feed("think>Yes")
    (('', ''), ('Hm.', ''), ('', 'Yes'))
    """

    def __init__(self, *, begun: bool = False) -> None:
        self._held = ""
        self._looks_for = END if begun else BEGIN
        self._done = False

    def feed(self, text: str) -> tuple[str, str]:
        """Return what is thought and what is said now."""
        if self._done:
            return "", text
        self._held += text
        if self._looks_for == BEGIN:
            start = self._held.lstrip()
            if BEGIN.startswith(start[: len(BEGIN)]) and len(start) < len(BEGIN):
                return "", ""
            if not start.startswith(BEGIN):
                return "", self._all()
            self._held, self._looks_for = start[len(BEGIN) :], END
        thought, mark, said = self._held.partition(END)
        if mark:
            self._held, self._done = "", True
            return thought, said.lstrip("\n")
        keep = next((size for size in range(len(END) - 1, 0, -1) if thought.endswith(END[:size])), 0)
        self._held = thought[len(thought) - keep :]
        return thought[: len(thought) - keep], ""

    def rest(self) -> tuple[str, str]:
        """Return what was held back when the text has ended."""
        thinks = self._looks_for == END
        held, self._held = self._held, ""
        return (held, "") if thinks else ("", held)

    def _all(self) -> str:
        self._done = True
        held, self._held = self._held, ""
        return held
