"""One engine under trial: how fast it reads, writes, talks, edits, and serves several at once.

Times are the engine's own (`timings` of llama.cpp's server), but for several at once, where the clock on
the wall counts. Nothing that is timed was read before.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import aclosing
from random import Random

import msgspec

from fireside.engines.conditions import at_rest
from fireside.engines.protocol import Engine, ModelFile
from fireside.engines.registry import StartEngine
from fireside.engines.threads import Wish
from fireside.errors import EngineError
from fireside.profiles import Kind, Tuned
from fireside.settings import Settings
from fireside.tuning.choice import Turn, is_hopeless
from fireside.tuning.texts import story, told

CONTEXT_LENGTH = 2_048
LATER_TOKENS = 768
"""that stand before a turn that comes `later` in a conversation: of so many new tokens and so many written"""
LEAST_READ, MOST_READ = 128, 512
TRIAL_S = 0.4
"""for which a trial may read, at the speed of the first one"""
WRITTEN, WRITTEN_TEXT, WRITTEN_EACH = 24, 64, 16
LEAST_WRITTEN, TALKS = 12, 3
NEW_TOKENS = 8
ASLEEP_S = 0.05
"""after which the other engine's threads don't look for work any more"""
USERS = 8
SLOTS = 2
"""one for what is short and one for what is later; together, as many as are tried"""


class _Timings(msgspec.Struct):
    prompt_n: int
    prompt_ms: float
    predicted_n: int
    predicted_ms: float


class _Answer(msgspec.Struct):
    timings: _Timings


class Trial:
    """An engine that was started one way. Close it."""

    def __init__(self, engine: Engine, chance: Random, vocabulary: Sequence[int], read_tokens: int) -> None:
        self.engine = engine
        self._chance = chance
        self._vocabulary = vocabulary
        self.read_tokens = read_tokens
        self._long: list[int] = []

    async def speed(self, kind: Kind) -> float:
        """Return tokens in a second."""
        match kind:
            case "reading":
                timings = await self._ask(self._new(self.read_tokens), 1, slot=0)
                return timings.prompt_n / timings.prompt_ms * 1000
            case "long":
                return await self._read_long()
            case "writing":
                return _written(await self._ask(self._new(NEW_TOKENS), WRITTEN, slot=0))
            case "later":
                if not self._long:
                    await self._read_long()
                timings = await self._ask([*self._long, *self._new(WRITTEN)], WRITTEN, slot=1)
                return 2 * WRITTEN / (timings.prompt_ms + timings.predicted_ms) * 1000
            case "together":
                return await self._together()
            case _:
                return await self._talk(kind)

    async def _talk(self, kind: Kind) -> float:
        """Return how fast a reply is written; one of a few words says little, and another is asked for."""
        for _ in range(TALKS):
            timings = await self._ask(await self._text(kind), WRITTEN_TEXT, slot=0, whole=False)
            if timings.predicted_n >= LEAST_WRITTEN:
                break
        return _written(timings)

    async def _read_long(self) -> float:
        self._long = self._new(min(LATER_TOKENS, self.engine.info.context_length // 2))
        timings = await self._ask(self._long, 1, slot=1)
        return timings.prompt_n / timings.prompt_ms * 1000

    def _new(self, tokens: int) -> list[int]:
        """Return ids that make no sense, and so weren't read before."""
        return [self._chance.choice(self._vocabulary) for _ in range(tokens)]

    async def _text(self, kind: Kind) -> Sequence[int]:
        conversation = told(kind, self._chance)
        if not self.engine.info.has_template:
            return await self.engine.tokenize(conversation[0].text, special=False, whole=True)
        return await self.engine.tokenize(await self.engine.render(conversation), special=True, whole=True)

    async def _together(self) -> float:
        """Return what all users get who ask at the same moment."""
        prompts = [self._new(NEW_TOKENS) for _ in range(USERS)]
        began = time.monotonic()
        answers = await asyncio.gather(*(self._ask(prompt, WRITTEN_EACH) for prompt in prompts))
        return sum(timings.predicted_n for timings in answers) / (time.monotonic() - began)

    async def _ask(
        self, prompt: Sequence[int], tokens: int, *, slot: int | None = None, whole: bool = True
    ) -> _Timings:
        """Return the times of a prompt and of what follows: all of `tokens`, where it is to be `whole`."""
        asked = {
            "prompt": prompt,
            "n_predict": tokens,
            "ignore_eos": whole,
            "cache_prompt": slot == 1,
            "temperature": 0,
        }
        if slot is not None:
            asked["id_slot"] = slot
        async with aclosing(self.engine.relay("/completion", msgspec.json.encode(asked))) as data:
            answer = b"".join([piece async for piece in data])
        timings = msgspec.json.decode(answer, type=_Answer).timings
        if not timings.prompt_ms or not timings.predicted_ms:
            raise EngineError("the engine doesn't tell its times", hint="install a newer one")
        return timings

    async def aclose(self) -> None:
        await self.engine.aclose()


async def begin(
    start: StartEngine,
    model: ModelFile,
    settings: Settings,
    tuned: Tuned,
    chance: Random,
    read_tokens: int | None = None,
    *,
    slots: int | None = None,
) -> Trial:
    """Start `model` as `tuned` says, whatever else goes on at the moment, and let it warm up."""
    wanted = msgspec.structs.replace(tuned, slots=slots or SLOTS)
    context = min(model.context_length, CONTEXT_LENGTH)
    small = msgspec.structs.replace(model, context_length=context, tuned=wanted)
    # Exactly so many, however busy the machine is just now.
    settings = msgspec.structs.replace(settings, threads=tuned.threads, prompt_threads=tuned.prompt_threads)
    threads = Wish(wanted.threads, wanted.prompt_threads)
    engine = await start(small, at_rest(settings, threads), None)
    try:
        vocabulary = await engine.tokenize(story(Random(0)), special=False)  # noqa: S311 - just words
        trial = Trial(engine, chance, vocabulary, read_tokens or LEAST_READ)
        await trial.speed("writing")
        if read_tokens is None:
            first = await trial.speed("reading")
            trial.read_tokens = int(min(max(LEAST_READ, first * TRIAL_S), MOST_READ, context // 2))
        return trial
    except BaseException:
        await engine.aclose()
        raise


async def turns(
    present: Trial, other: Trial, kinds: Sequence[Kind], rounds: int, end: float = math.inf
) -> list[Turn]:
    """Return what both do in turns; who begins changes.

    There are fewer than `rounds` where nothing can be hoped for any more, or the clock has passed `end`.
    """
    found: list[Turn] = []
    for number in range(rounds):
        turn: dict[Kind, tuple[float, float]] = {}
        for kind in kinds:
            if turn and time.monotonic() > end:
                break
            first, second = (present, other) if number % 2 else (other, present)
            speeds = {}
            for trial in (first, second):
                await asyncio.sleep(ASLEEP_S)
                speeds[trial] = await trial.speed(kind)
            turn[kind] = (speeds[present], speeds[other])
        if not found or turn.keys() == found[0].keys():
            found.append(turn)
        if is_hopeless(found) or time.monotonic() > end:
            break
    return found


def _written(timings: _Timings) -> float:
    # The first token is chosen at the end of reading: its time is the prompt's.
    return max(timings.predicted_n - 1, 1) / timings.predicted_ms * 1000
