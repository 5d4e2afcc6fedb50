"""What is waited for, on one line that disappears when the words come."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.cells import cell_len, set_cell_size

from fireside.amounts import in_bytes
from fireside.cards import ModelCard
from fireside.cli.chat.drawing import OpenPart
from fireside.cli.chat.screen import Screen
from fireside.cli.languages import _, _n
from fireside.cli.visible import visible_line
from fireside.events import Progress

_DRAW_EVERY_S = 0.1
_PACE_OVER_S = 5.0


class Pace:
    """How fast something goes on, over its last few seconds.

    >>> pace = Pace()
    >>> pace.rate(0, at_s=0.0), pace.rate(1000, at_s=2.0)
    (None, 500.0)
    """

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []

    def rate(self, done: float, at_s: float) -> float | None:
        """Take how much is done at a time; return the pace per second, None while it isn't known."""
        if self._seen and done < self._seen[-1][1]:
            self._seen = []
        self._seen.append((at_s, done))
        while len(self._seen) > 2 and at_s - self._seen[1][0] > _PACE_OVER_S:
            del self._seen[0]
        passed_s = at_s - self._seen[0][0]
        return (done - self._seen[0][1]) / passed_s if passed_s > 0 else None


def time_left(seconds: float) -> str:
    """
    >>> time_left(8), time_left(125), time_left(4000)
    ('0:08', '2:05', '1:06:40')
    """
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def described(progress: Progress, rate: float | None) -> str:
    """Return in words what is waited for, `rate` being what is done per second."""
    words = _stage(progress)
    if progress.stage in ("fetching", "verifying") and rate and progress.total:
        left = time_left(max(progress.total - progress.done, 0) / rate)
        words += " · " + _("{rate}/s · {time} left", rate=in_bytes(rate), time=left)
    return words + (f" · {progress.note}" if progress.note else "")


def _stage(progress: Progress) -> str:
    done, total = progress.done, progress.total
    match progress.stage:
        case "queued":
            count = max(int(total - done) if total else int(done), 1)
            return _n("waiting for another reply", "waiting for {count} other replies", count)
        case "fetching":
            return _("fetching the model: {amount}", amount=_amount(done, total))
        case "verifying":
            return _("checking the model: {amount}", amount=_amount(done, total))
        case "loading":
            return (
                _("loading the model: {share:.0%}", share=done / total) if total else _("loading the model")
            )
        case "reading":
            counts = f"{done:,.0f}/{total:,.0f}" if total else f"{done:,.0f}"
            return _("reading: {tokens} tokens", tokens=counts)
        case "measuring":
            return _("measuring this machine: {share:.0%}", share=done / (total or 1))
        case "converting":
            return _("converting the model: {amount}", amount=_amount(done, total))
        case "comparing":
            return _("comparing it with the original: {share:.0%}", share=done / (total or 1))


def _amount(done: float, total: float | None) -> str:
    return f"{in_bytes(done)} / {in_bytes(total)} ({done / total:.0%})" if total else in_bytes(done)


def introduced(card: ModelCard) -> str:
    """Return name, licence, size and origin of a model that is about to be fetched."""
    licence = card.licence or _("licence unknown")
    size = in_bytes(card.size_bytes) if card.size_bytes else _("size unknown")
    return f"{card.name} · {licence} · {size} · {card.origin}"


class Waiting:
    """The line. Where nothing can be drawn, nothing is shown."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._part = OpenPart(screen)
        self._pace = Pace()
        self._stage = ""
        self._drawn_at_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, progress: Progress) -> None:
        """Show how far it is; at most ten times a second."""
        now_s = self._clock()
        if progress.stage != self._stage:
            self._stage, self._pace, self._drawn_at_s = progress.stage, Pace(), None
        rate = self._pace.rate(progress.done, now_s)
        if self._drawn_at_s is None or now_s - self._drawn_at_s >= _DRAW_EVERY_S:
            self.tell(described(progress, rate))

    def tell(self, words: str) -> None:
        """Show `words`, cut to the width of the screen."""
        self._drawn_at_s = self._clock()
        if self._screen.draws:
            self._part.draw([f"\x1b[2m{fitting(visible_line(words), self._screen.width)}\x1b[0m"])

    def clear(self) -> None:
        if self._drawn_at_s is not None and self._screen.draws:
            self._part.replace("")
        self._drawn_at_s = None


def fitting(text: str, width: int) -> str:
    """Return `text`, with an ellipsis where it is wider than `width` cells.

    >>> fitting("炉边谈话", 5), fitting("hearth", 6)
    ('炉边…', 'hearth')
    """
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…"
