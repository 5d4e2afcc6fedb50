"""Whether one way is better than another, from what both did in turns: pure code.

A turn is what each did at nearly the same moment, so that a machine that grows busy slows both.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from fireside.profiles import Kind

LEAST_GAIN = 1.03
"""What gains less isn't told from noise, and isn't worth a change."""
LEAST_OF_EACH = 0.97
"""Nobody pays for what others gain."""
HOPELESS = 0.85
"""in a first turn, which noise may spoil"""
MOST_LOSS = 0.005
"""of the mean log-probability of a text, as a share: what two correct builds differ by"""

Turn = Mapping[Kind, tuple[float, float]]
"""tokens in a second of the present way and of the other, by what was done"""


def gain_of(turns: Sequence[Turn]) -> float:
    """Return how many times faster the other way is: the median of the turns, over all that was done.

    >>> gain_of([{"reading": (100, 150), "writing": (10, 10)}])
    1.224745
    """
    return round(statistics.median(map(_gain, turns)), 6)


def is_better(turns: Sequence[Turn], least: float = LEAST_GAIN) -> bool:
    """Return whether the other way gains beyond noise, at nothing's cost.

    >>> is_better([{"writing": (10, 12)}, {"writing": (10, 11)}, {"writing": (12, 12)}])
    True
    >>> is_better([{"writing": (10, 12)}, {"writing": (12, 10)}, {"writing": (12, 11)}])
    False
    >>> is_better([{"editing": (10, 30), "chat": (10, 8)}])
    False
    """
    kinds = turns[0].keys()
    each = [statistics.median(turn[kind][1] / turn[kind][0] for turn in turns) for kind in kinds]
    won = sum(_gain(turn) > 1 for turn in turns)
    surely = least < 1 or 3 * won >= 2 * len(turns)
    return gain_of(turns) >= least and surely and min(each) >= min(least, LEAST_OF_EACH)


def is_hopeless(turns: Sequence[Turn]) -> bool:
    """Return whether more turns wouldn't make the other way the better one, as far as anybody can tell.

    >>> is_hopeless([{"chat": (10, 7)}]), is_hopeless([{"chat": (10, 9.5)}])
    (True, False)
    >>> is_hopeless([{"chat": (10, 9.5)}, {"chat": (10, 9.5)}])
    True
    """
    return max(map(_gain, turns)) < (LEAST_OF_EACH if len(turns) > 1 else HOPELESS)


def _gain(turn: Turn) -> float:
    return math.exp(statistics.fmean(math.log(other / present) for present, other in turn.values()))


def medians(turns: Sequence[Turn]) -> dict[Kind, tuple[float, float]]:
    """Return the usual speeds of both ways.

    >>> medians([{"chat": (10, 20)}, {"chat": (12, 22)}, {"chat": (90, 21)}])
    {'chat': (12, 21)}
    """
    return {
        kind: (
            statistics.median(turn[kind][0] for turn in turns),
            statistics.median(turn[kind][1] for turn in turns),
        )
        for kind in turns[0]
    }
