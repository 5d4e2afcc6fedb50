"""Stop strings for engines that know none: the answer ends before the first of them."""

from __future__ import annotations


class StopStrings:
    """Cuts a text that comes in pieces; what may become a stop string is held back.

    >>> stops = StopStrings(("END",))
    >>> stops.feed("the E"), stops.feed("ND of it"), stops.met
    ('the ', '', True)
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.met = False

    def feed(self, text: str) -> str:
        """Return what may be told now."""
        self._held += text
        places = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if places:
            self.met = True
            told, self._held = self._held[: min(places)], ""
            return told
        keep = max((_opening(self._held, stop) for stop in self._stops), default=0)
        told = self._held[: len(self._held) - keep]
        self._held = self._held[len(told) :]
        return told

    def rest(self) -> str:
        """Return what was held back when the text has ended."""
        return "" if self.met else self._held


def _opening(text: str, stop: str) -> int:
    """Return how many characters at the end of `text` are the beginning of `stop`.

    >>> _opening("the E", "END"), _opening("the", "END")
    (1, 0)
    """
    longest = min(len(text), len(stop) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
