"""What a model said, tidied before anybody sees it (pure code, fed piece by piece).

Cut are: everything from a stop string on, template tokens that were spelled out, and turns that
the model invented for somebody else ("Alice: …"). Dropped are: white space and the speaker's own
label before the first word. What was shown is never taken back, so whatever might still become
a cut is held until it is decided.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

THINK_BEGIN, THINK_END = "<think>", "</think>"
CONTROL_TOKEN = re.compile(r"<\|[^<>|\s]{1,40}\|>|<[a-z]+_of_[a-z]+>|\[/?INST\]")

CHECK_EVERY = 16
LONGEST_PERIOD = 200
REPEATS = 4
SHORTEST_LOOP = 64


class Cuts(msgspec.Struct, frozen=True):
    """What ends a reply, and what may stand before its first word.

    `stops` and `turns` (labels of speakers, template tokens) are cut wherever they appear; `labels`
    are the speaker's own names, dropped at the beginning.
    """

    stops: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    reasoning: bool = False
    """the prompt itself ends inside a `<think>` block"""
    begun: bool = False
    """what comes goes on after a first word: nothing is dropped before it"""


class Tidied(msgspec.Struct, frozen=True):
    """What may be shown now."""

    text: str = ""
    reasoning: str = ""


class Tidy:
    """Tidies one reply. `ended` tells when nothing more will be shown: stop generating then."""

    def __init__(self, cuts: Cuts) -> None:
        self.ended: Literal["stop", "repetition"] | None = None
        self._cuts = (*cuts.stops, *cuts.turns)
        self._openings = prefixes(self._cuts)
        self._labels = cuts.labels
        # White space before the first word is dropped, and with it the newline of an invented turn.
        self._turns_at_once = tuple(turn.lstrip() for turn in cuts.turns if turn.startswith("\n"))
        self._first_openings = prefixes([*cuts.labels, *self._turns_at_once]) | set(cuts.labels)
        self._held = ""
        self._begun = cuts.begun
        self._thinking = cuts.reasoning
        self._may_think = not cuts.reasoning
        self._ids: list[int] = []
        self._spans: list[tuple[int, int]] = []
        self._read = 0
        self._kept_from = 0
        self._kept_to: int | None = None
        self._raw: list[str] = []

    def feed(self, text: str, ids: Sequence[int]) -> Tidied:
        """Take the next piece and return what may be shown; white space at the end is held."""
        self._raw.append(text)
        self._read += len(text)
        self._ids.extend(ids)
        self._spans.append((self._read, len(self._ids)))
        self._held += text
        if self.ended is None and len(self._ids) % CHECK_EVERY < len(ids) and loops(self._ids):
            self.ended = "repetition"
        return self._advance(last=False)

    def finish(self) -> Tidied:
        """Return what was still held when the engine came to its own end."""
        return self._advance(last=True)

    def kept_ids(self) -> tuple[tuple[int, ...], str]:
        """Return the sampled ids that remain, and the end of the text that they don't spell.

        A cut inside a token leaves such an end: its tokenisation takes the token's place.
        """
        limit = self._read - len(self._held) if self._kept_to is None else self._kept_to
        raw = "".join(self._raw)
        limit = self._kept_from + len(raw[self._kept_from : limit].rstrip())
        counts = {0: 0} | dict(self._spans)
        if self._kept_from not in counts:
            return (), raw[self._kept_from : limit]
        spelled = max((end for end in counts if end <= limit), default=0)
        if spelled < self._kept_from:
            return (), raw[self._kept_from : limit]
        return tuple(self._ids[counts[self._kept_from] : counts[spelled]]), raw[spelled:limit]

    def _advance(self, *, last: bool) -> Tidied:
        reasoning = self._think(last=last)
        if self._thinking:
            return Tidied(reasoning=reasoning)
        if not self._begun and not self._begin(last=last):
            return Tidied(reasoning=reasoning)
        return Tidied(text=self._show(last=last), reasoning=reasoning)

    def _think(self, *, last: bool) -> str:
        """Return what is new of the reasoning that stands before the answer."""
        if self._may_think and not self._begun:
            start = self._held.lstrip()
            if start.startswith(THINK_BEGIN):
                self._held, self._thinking, self._may_think = start[len(THINK_BEGIN) :], True, False
            elif not THINK_BEGIN.startswith(start):
                self._may_think = False
        if not self._thinking:
            return ""
        thought, found, after = self._held.partition(THINK_END)
        if found:
            self._thinking, self._held = False, after
            self._kept_from = self._read - len(after)
            return thought
        keep = 0 if last else held_back(thought, prefixes([THINK_END]))
        self._held = thought[len(thought) - keep :]
        return thought[: len(thought) - keep]

    def _begin(self, *, last: bool) -> bool:
        """Drop white space and the speaker's own label; return whether the first word is there."""
        start = self._held.lstrip()
        for label in self._labels:
            if start.startswith(label):
                self._kept_from = self._read - len(start) + len(label)
                start = start[len(label) :].lstrip()
        self._held = start
        if start.startswith(self._turns_at_once):
            self.ended, self._kept_to, self._held = "stop", self._kept_from, ""
            return False
        undecided = start in self._first_openings or (self._may_think and THINK_BEGIN.startswith(start))
        if not start or (undecided and not last):
            return False
        self._begun = True
        return True

    def _show(self, *, last: bool) -> str:
        if self._kept_to is not None:
            return ""
        found = [at for at in (self._held.find(cut) for cut in self._cuts) if at >= 0]
        if found:
            shown = self._held[: min(found)].rstrip()
            self._kept_to = self._read - len(self._held) + min(found)
            self.ended = "stop"
            self._held = ""
            return shown
        keep = 0 if last else held_back(self._held, self._openings)
        shown = self._held[: len(self._held) - keep].rstrip()
        self._held = self._held[len(shown) :]
        return shown


def loops(ids: Sequence[int]) -> bool:
    """Return whether the tokens end in the same block at least four times, 64 tokens or more.

    >>> loops([7, 8, 9] * 22), loops(list(range(100)))
    (True, False)
    """
    for period in range(1, min(LONGEST_PERIOD, len(ids) // REPEATS) + 1):
        repeated = max(REPEATS * period, SHORTEST_LOOP) - period
        if ids[-1] == ids[-1 - period] and len(ids) >= repeated + period:
            end = len(ids)
            if ids[end - repeated :] == ids[end - repeated - period : end - period]:
                return True
    return False


def control_tokens(frames: Iterable[str]) -> tuple[str, ...]:
    """Return the control tokens that a template writes around messages, as they are spelled.

    >>> control_tokens(["<|im_start|>user\\n", "<|im_end|>\\n"])
    ('<|im_end|>', '<|im_start|>')
    """
    return tuple(sorted({token for frame in frames for token in CONTROL_TOKEN.findall(frame)}))


def speaker_turns(me: str, you: str, said: str) -> tuple[str, ...]:
    """Return how an invented turn of `me` or `you` begins, initials and `Q:` included.

    An opening that people themselves used (in `said`) is no sign of an invented turn, except
    for the full names.

    >>> speaker_turns("Alice", "Bob", "")
    ('\\nAlice:', '\\nBob:', '\\nA:', '\\nB:', '\\nQ:')
    """
    short = [label for label in (f"\n{me[0]}:", f"\n{you[0]}:", "\nQ:") if label not in f"\n{said}"]
    return tuple(dict.fromkeys([f"\n{me}:", f"\n{you}:", *short]))


def prefixes(strings: Iterable[str]) -> set[str]:
    return {string[:size] for string in strings for size in range(1, len(string))}


def held_back(text: str, openings: set[str]) -> int:
    """Return the length of the longest end of `text` that may become a cut."""
    longest = max(map(len, openings), default=0)
    for size in range(min(longest, len(text)), 0, -1):
        if text[-size:] in openings:
            return size
    return 0
