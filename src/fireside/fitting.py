"""Which models fit here and how fast they are: from one probe of the machine, corrected by every real run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.metadata
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from fireside.busyness import others_compute
from fireside.cards import ModelCard
from fireside.chat import Draft
from fireside.engines import machine as this_machine
from fireside.engines import processor
from fireside.engines.conditions import at_rest
from fireside.engines.fit import need_with_torch
from fireside.engines.graphics import graphics_bytes
from fireside.engines.leases import Engines
from fireside.engines.llamacpp_builds import build_today
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import StartEngine
from fireside.errors import FiresideError, NotEnoughMemory, NotTrusted, TooBusy
from fireside.model_files import DEFAULT_CONTEXT, ModelFiles
from fireside.models.demand import Demand, demand_of_card, demand_of_header
from fireside.models.fit import (
    ANY_FORMAT,
    Machine,
    Measured,
    Rate,
    bounded,
    predict,
    reading_s,
    usual_machine,
    writing_s,
)
from fireside.models.gguf import read_header
from fireside.models.inspection import read_facts
from fireside.models.library import Library
from fireside.predictions import READ_TOKENS, WORDS_PER_TOKEN, Fit, Prediction, in_words
from fireside.probing import PROMPT_TOKENS, REPLY_TOKENS, Told, probe, usual
from fireside.profiles import settled, slots_of
from fireside.settings import Settings
from fireside.warmth import Held, Speed, Speeds, write_private
from fireside.written import read_whole

QUIET_S = 300.0
"""after a reply: then a machine that was never measured is measured, until somebody asks for something"""
ROOM_BYTES = 600_000_000
"""of memory, for the largest specimen in its engine"""
LONGEST_S = 120.0
"""for a measurement that takes a quarter of a minute where nobody else computes"""
LOOKED_S = 0.1
"""how often is looked whether somebody asks for something while the machine is measured"""
FORMULA = 1
"""raised when what is measured means something else"""
log = logging.getLogger(__name__)
_graphics_bytes = functools.cache(graphics_bytes)
"""asked once: a driver takes its time"""


class Remembered(msgspec.Struct, frozen=True):
    """A measured machine. It is measured anew when `key` is another one."""

    key: str
    machine: Machine
    was_busy: bool = False
    """whether other programs kept it busy meanwhile: then it is measured anew when it is quiet"""


class Fitting:
    """Predicts. What was measured lies in the small file at `path`.

    `start` starts the engine that conversations have, and `today` returns the settings that name it.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        library: Library,
        files: ModelFiles,
        engines: Engines,
        speeds: Speeds,
        start: StartEngine,
        today: Callable[[], Settings],
    ) -> None:
        self._path = path
        self._settings = settings
        self._library = library
        self._files = files
        self._engines = engines
        self._speeds = speeds
        self._start = start
        self._today = today
        self._known: Remembered | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()

    # -- the machine

    @property
    def is_measured(self) -> bool:
        return self._measured() is not None

    @property
    def was_busy(self) -> bool:
        """Whether other programs kept the machine busy while it was measured."""
        return self._known is not None and self._known.was_busy

    def available_bytes(self) -> int | None:
        """Return the memory that a model can have now, models' own included; None where nobody tells."""
        return this_machine.obtainable_bytes(self._engines.statuses())

    def machine(self) -> Machine:
        """Return what is known of this machine, with the memory that can be had now, models' own included."""
        available = self.available_bytes()
        found = self._measured()
        if found is None:
            return usual_machine(this_machine.usable_cores(), available)
        return msgspec.structs.replace(
            found,
            available_bytes=available,
            graphics_bytes=_graphics_bytes() if found.on_graphics else None,
            corrections=self._corrections(found),
        )

    async def measure(self, told: Told = lambda share: None) -> None:
        """Probe the machine, unless that was done: once for each engine, processor and number of threads.

        TooBusy where somebody asks for something meanwhile, who goes first. EngineError where the
        engine can't run, or hasn't the memory for it.
        """
        async with self._one:
            if await asyncio.to_thread(self._is_known):
                return
            room = this_machine.available_bytes()
            if room is not None and room < ROOM_BYTES:
                raise NotEnoughMemory("there is no room to measure this machine", hint="close other programs")
            work = asyncio.create_task(self._probe(told))
            began = time.monotonic()
            try:
                while not work.done():
                    if self._is_busy():
                        raise TooBusy("somebody talks with a model", hint="try again when it is quiet")
                    if time.monotonic() - began > LONGEST_S:
                        raise TooBusy("this machine is too busy to be measured", hint="try again later")
                    await asyncio.wait([work], timeout=LOOKED_S)
                self._remember(await work)
            finally:
                work.cancel()
                await asyncio.wait([work])

    def _is_busy(self) -> bool:
        return bool(self._engines.queued) or any(status.users for status in self._engines.statuses())

    async def _probe(self, told: Told) -> Remembered:
        """Measure the machine with small models, and then the model that is used by default."""
        was_busy = await others_compute()
        found = await probe(
            self._start, at_rest(self._settings), cores=this_machine.usable_cores(), told=told
        )
        with contextlib.suppress(FiresideError):
            file = await asyncio.to_thread(self._files.at_hand, self._settings.model)
            if file is not None and file.engine == "llamacpp":
                await self._time(file)
        return Remembered(await asyncio.to_thread(self._key), found, was_busy)

    async def _time(self, file: ModelFile) -> None:
        engine = await self._start(file, msgspec.structs.replace(at_rest(self._settings), slots=1), None)
        try:
            await usual(engine, 8)
            times = await usual(engine, PROMPT_TOKENS)
            self._speeds.measured(
                file.identity,
                unread=PROMPT_TOKENS,
                seconds=PROMPT_TOKENS * times.reading,
                load_ms=engine.info.load_ms,
            )
            self._speeds.replied(
                file.identity, tokens=REPLY_TOKENS, seconds=REPLY_TOKENS * times.writing, before=PROMPT_TOKENS
            )
        finally:
            await engine.aclose()

    def used(self, draft: Draft) -> None:
        """Learn from a reply that has ended; after a quiet while a machine that wasn't measured is."""
        if draft.identity and draft.file:
            self._learn(draft.identity, draft.file.reference, draft)
        if self._waiting:
            self._waiting.cancel()
        self._waiting = asyncio.create_task(self._measure_later())

    def _learn(self, identity: str, reference: str, draft: Draft) -> None:
        unread = draft.prompt_tokens - (draft.cached_tokens or 0)
        self._speeds.measured(identity, unread=unread, seconds=draft.reading_s, load_ms=draft.load_ms)
        self._speeds.replied(
            identity, tokens=draft.completion_tokens, seconds=draft.writing_s, before=draft.prompt_tokens
        )
        loaded = (status for status in self._engines.statuses() if status.model == reference)
        if (status := next(loaded, None)) and status.resident_bytes:
            held = Held(status.resident_bytes, status.context_length, status.slots)
            self._speeds.held(identity, held)

    async def aclose(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)

    async def _measure_later(self) -> None:
        await asyncio.sleep(QUIET_S)
        if await asyncio.to_thread(self._is_known):
            return
        if self.is_measured and await others_compute():
            return  # it would be measured no better than before
        try:
            await self.measure()
        except FiresideError as error:
            log.info("this machine is not measured: %s", error)

    def _is_known(self) -> bool:
        """Return whether nothing is left to be measured. It may ask a driver, which takes its time."""
        return self.is_measured and not self.was_busy

    def _key(self) -> str:
        return key_of_machine(self._today())

    def _measured(self) -> Machine | None:
        if self._known is None:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                remembered = read_whole(self._path, Remembered)
                if remembered.key == self._key():
                    self._known = remembered
        return self._known.machine if self._known else None

    def _remember(self, found: Remembered) -> None:
        self._known = found
        write_private(self._path, msgspec.json.encode(found))

    def _corrections(self, found: Machine) -> dict[str, Rate]:
        """Return how many times faster than predicted models ran here: by format, and all together."""
        ratios: dict[str, list[tuple[float, float]]] = {}
        for card in self._cards_here():
            with contextlib.suppress(FiresideError):
                speed, demand = self._speed_of(card), demand_of(card)
                if speed.reply_tokens_per_s and speed.prompt_tokens_per_s:
                    before = speed.reply_after_tokens
                    ratio = (
                        speed.reply_tokens_per_s * writing_s(demand, found, before),
                        speed.prompt_tokens_per_s * reading_s(demand, found),
                    )
                    for kind in (demand.main_format, ANY_FORMAT):
                        ratios.setdefault(kind, []).append(ratio)
        return {kind: _mean(those) for kind, those in ratios.items()}

    def _cards_here(self) -> list[ModelCard]:
        """Return the models that the measured engine runs: those fetched, and the default one.

        What PyTorch or another server does says nothing about llama.cpp.
        """
        cards = {card.reference: card for card in self._library.installed()}
        with contextlib.suppress(FiresideError):
            default = self._library.card(self._settings.model)
            if default.installed:
                cards.setdefault(default.reference, default)
        return [card for card in cards.values() if card.engine == "llamacpp"]

    # -- models

    def predictor(self, context_length: int | None = None) -> Callable[[ModelCard], Prediction]:
        """Return what predicts models, here or not, on this machine as it is at this moment."""
        machine = self.machine()
        context = context_length or self._settings.context_length or DEFAULT_CONTEXT
        return lambda card: self._prediction(card, machine, context)

    def _prediction(self, card: ModelCard, machine: Machine, context_length: int) -> Prediction:
        speed = self._speed_of(card) if card.installed else Speed()
        if card.engine == "transformers":
            return _with_torch(card, machine, context_length, speed)
        demand = demand_of(card).kept_as(settled(self._settings).cache_share)
        writing = speed.reply_tokens_per_s
        if writing:  # as it would be where the prediction tells it
            writing *= writing_s(demand, machine, speed.reply_after_tokens) / writing_s(demand, machine)
        load_s = speed.load_ms / 1000 if speed.load_ms else None
        found = predict(
            demand,
            machine,
            context_length=context_length,
            slots=slots_of(self._settings),
            measured=Measured(
                speed.prompt_tokens_per_s, writing, load_s, self._memory(demand, speed, context_length)
            ),
        )
        if not card.size_bytes:  # nobody says how large it is
            found = msgspec.structs.replace(found, fits=None)
        elif card.purpose == "chat":
            return found
        return msgspec.structs.replace(found, words_per_s=None, first_word_s=None)

    def _memory(self, demand: Demand, speed: Speed, context_length: int) -> int | None:
        """Return what the model took when it ran, with the slots that are asked for now."""
        if speed.held is None:
            return None
        before = demand.need(speed.held.context_length, speed.held.slots)
        context = min(context_length, demand.context_length or context_length)
        now = demand.need(context, slots_of(self._settings))
        return max(0, speed.held.resident_bytes + now.total - before.total) or None

    def _speed_of(self, card: ModelCard) -> Speed:
        try:
            return self._speeds.of(self._library.weights(card.reference).identity)
        except NotTrusted:  # so it has never run
            return Speed()


def _with_torch(card: ModelCard, machine: Machine, context_length: int, speed: Speed) -> Prediction:
    """Return what a model that runs by transformers takes; how fast it is, only once it has run."""
    context = min(context_length, card.context_length or context_length)
    sizes = read_facts(Path(card.path)).dimensions if card.path else demand_of_card(card).dimensions
    needed = need_with_torch(card.size_bytes, sizes.cache_bytes(context))
    total, available = needed.total if needed else 0, machine.available_bytes
    reading, writing = speed.prompt_tokens_per_s, speed.reply_tokens_per_s
    return Prediction(
        memory_bytes=speed.held.resident_bytes if speed.held else total,
        available_bytes=available,
        fits=total <= available if needed and available is not None else None,
        prompt_tokens_per_s=reading,
        reply_tokens_per_s=writing,
        words_per_s=writing * WORDS_PER_TOKEN if writing else None,
        first_word_s=READ_TOKENS / reading + 1 / writing if reading and writing else None,
        basis="measured" if writing else machine.basis,
        context_length=context,
        load_s=speed.load_ms / 1000 if speed.load_ms else None,
    )


def told(card: ModelCard, prediction: Prediction) -> Fit:
    return Fit(card.reference, card.name, card.installed, prediction, in_words(prediction))


def demand_of(card: ModelCard) -> Demand:
    """Return what is known of a model's demand: from its own header where it is here."""
    if card.path is None:
        return demand_of_card(card)
    return demand_of_header(read_header(Path(card.path)), card.size_bytes)


def _mean(ratios: Sequence[tuple[float, float]]) -> Rate:
    """Return the geometric mean, within bounds."""
    writing, reading = (
        bounded(math.exp(sum(math.log(one) for one in column) / len(ratios)))
        for column in zip(*ratios, strict=True)
    )
    return Rate(writing, reading)


def key_of_machine(settings: Settings) -> str:
    """Return what the speed of this machine depends on, with the engine that the settings name."""
    try:
        build = build_today(settings)
    except importlib.metadata.PackageNotFoundError:
        build = ""
    threads = f"{settings.threads}/{settings.prompt_threads}/{this_machine.usable_cores()} threads"
    return f"{FORMULA} · {processor.name()} · {threads} · {build} · {_graphics_bytes()}"
