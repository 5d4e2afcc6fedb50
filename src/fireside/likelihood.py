"""How probable an engine finds a text that comes with Fireside: tells builds and files of a model apart.

Two correct engines round differently, so the words they write soon differ. How probable each finds a given
text hardly does, and token by token the difference is known far better than each of the two values: a text of
some hundred tokens is enough to tell a loss of a percent from noise.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from fireside.engines.protocol import Engine
from fireside.errors import EngineError

TEXT_FILE = Path(__file__).with_name("likelihood.txt")
"""prose, a dialogue, facts and code; its words are this project's own. ASCII, so that each token is a whole
number of characters and the engine tells it at once."""
FIRST_JUDGED = 16
"""The tokens before have too little in front of them to be judged by."""
MOST_TOKENS = 1_024
"""of any tokenizer, however small its tokens are"""

Judged = Callable[[int, int], None]
"""called with the tokens that are judged, and all that will be"""


class Likelihood(msgspec.Struct, frozen=True):
    """How probable an engine finds the text, by the natural logarithm of each judged token's probability."""

    logarithms: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.logarithms)

    @property
    def perplexity(self) -> float:
        """Among how many equally probable tokens it chooses, as it were (Jelinek et al. 1977)."""
        return math.exp(-self.mean)


class Change(msgspec.Struct, frozen=True):
    """How much more probable the text is to one engine than to another (below 0: less), and how surely."""

    mean: float
    """of the differences of the tokens' logarithms"""
    error: float
    """of the mean, as one standard error"""

    @property
    def perplexity_ratio(self) -> float:
        """The perplexity in relation to that before: over 1 is worse. Its error is the mean's, times it."""
        return math.exp(-self.mean)


class _Token(msgspec.Struct):
    id: int
    logprob: float


class _Event(msgspec.Struct):
    completion_probabilities: list[_Token] = []


async def likelihood_of(engine: Engine, judged: Judged | None = None) -> Likelihood:
    """Return how probable a llama.cpp `engine` finds the text; it is written token by token, as replies are.

    EngineError where it tells no probabilities.
    """
    ids = (*await engine.bos(), *await engine.tokenize(TEXT_FILE.read_text("utf-8"), special=False))
    ids = ids[: min(MOST_TOKENS, engine.info.context_length - 1)]
    wanted = ids[FIRST_JUDGED:]
    logarithms: list[float] = []
    async with aclosing(engine.relay("/completion", _asked(ids[:FIRST_JUDGED], wanted))) as events:
        async for data in events:
            for token, expected in zip(_tokens(data), wanted[len(logarithms) :], strict=False):
                if token.id != expected:
                    raise _untold(engine)
                logarithms.append(token.logprob)
            if judged:
                judged(len(logarithms), len(wanted))
    if len(logarithms) < len(wanted):
        raise _untold(engine)
    return Likelihood(tuple(logarithms))


def change(before: Likelihood, after: Likelihood) -> Change:
    """Return how the likelihood of the text changed; both must be of the same tokens.

    >>> change(Likelihood((-2.0, -4.0, -3.0)), Likelihood((-2.1, -4.2, -3.3)))
    Change(mean=-0.2, error=0.057735)
    """
    differences = [mine - was for was, mine in zip(before.logarithms, after.logarithms, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return Change(round(statistics.fmean(differences), 6), round(error, 6))


def _asked(read: Sequence[int], wanted: Sequence[int]) -> bytes:
    """Return a request that reads tokens and then writes `wanted`, telling how probable each of them was.

    A grammar of single tokens leaves it no choice (llama.cpp, grammars/README.md, "Tokens"), and what is told
    are the probabilities before any grammar or sampler (tools/server/README.md, `n_probs`).
    """
    return msgspec.json.encode(
        {
            "prompt": read,
            "grammar": "root ::= " + " ".join(f"<[{token}]>" for token in wanted),
            "n_predict": len(wanted),
            "n_probs": 1,
            "temperature": 0,
            "cache_prompt": False,
            "stream": True,
        }
    )


def _tokens(data: bytes) -> list[_Token]:
    try:
        return msgspec.json.decode(data, type=_Event).completion_probabilities
    except msgspec.MsgspecError:  # `[DONE]`, or what another server says instead
        return []


def _untold(engine: Engine) -> EngineError:
    return EngineError(
        f"the engine doesn't tell how probable a text is ({engine.info.build})",
        hint="measure with the prebuilt engine: leave `llama_server` out of the settings",
    )
