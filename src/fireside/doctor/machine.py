"""Cores, memory, disk, and what of the processor and the graphics processor is used."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from fireside.amounts import in_bytes
from fireside.doctor import Examined
from fireside.doctor.findings import Finding, note, problem, said, well
from fireside.doctor.models import default_file
from fireside.engines import built, control_groups, graphics, machine, processor
from fireside.engines.conditions import LOOKED_S, Watch
from fireside.engines.llamacpp_builds import leaves, yields
from fireside.engines.llamacpp_task import choice_of
from fireside.engines.threads import Choice, Wish, choose

LITTLE_BYTES = 1_000_000_000
"""of memory: less is too little for more than the first model"""
SCARCE_BYTES = 500_000_000
"""of disk: chats still fit, models don't"""
BUSY_CORES = 0.5
SWAPPED = Path("/proc/meminfo")


def check_machine(who: Examined) -> Iterator[Finding]:
    cores = machine.usable_cores()
    yield well("machine", said("{cores} processor cores: {name}", cores=cores, name=processor.name()))
    yield from _abilities()
    yield from _threads(who)
    yield from _memory()
    yield from _graphics()
    yield from _disk(who.home.data)


def _abilities() -> Iterator[Finding]:
    found = processor.abilities()
    if found is not None and not {"avx2", "asimd"} & set(found):
        yield problem(
            "machine",
            said("the processor is too old for the engine: it has no AVX2"),
            said("the engine ends as soon as it computes; let another computer run the models"),
        )


def _threads(who: Examined) -> Iterator[Finding]:
    watch = Watch()
    time.sleep(LOOKED_S)
    now = watch.conditions()
    chosen = choose(_choice(who), now)
    yield well(
        "machine",
        said(
            "a model that is loaded now gets these threads: {reply} for replies, {prompt} for prompts",
            reply=chosen.reply,
            prompt=chosen.prompt,
        ),
    )
    if now.busy > BUSY_CORES:
        yield note(
            "machine",
            said("other programs keep {count} of the cores busy", count=f"{now.busy:.1f}"),
            said("models are slower as long as they do"),
        )


def _choice(who: Examined) -> Choice:
    """Return what the threads of the default model are chosen by, or of any where that isn't here."""
    engine = built.chosen(who.settings, who.home.engines)
    file = default_file(who)
    if file is not None and file.engine == "llamacpp":
        return choice_of(file, engine)
    wanted = Wish(engine.threads, engine.prompt_threads)
    return Choice(wanted, yields=yields(engine), leaves=leaves(engine))


def _memory() -> Iterator[Finding]:
    available = machine.available_bytes()
    if available is None:
        yield note("machine", said("this system doesn't tell how much memory is free"))
        return
    what = said("{size} of memory can be had", size=in_bytes(available))
    if available < LITTLE_BYTES:
        yield problem(
            "machine", what, said("close other programs: an answer needs at least the model's own size")
        )
    else:
        yield well("machine", what)
    left = control_groups.memory_left()
    if left is not None and left <= available:
        yield note(
            "machine",
            said("a container or service limits the memory to what is left of its own share"),
            said("raise its limit (docker run --memory, MemoryMax) if models don't fit"),
        )
    if _swapped_bytes() > LITTLE_BYTES:
        yield note(
            "machine",
            said(
                "{size} are swapped out: everything is slow until they come back",
                size=in_bytes(_swapped_bytes()),
            ),
            said("close other programs, or choose a smaller model"),
        )


def _swapped_bytes() -> int:
    try:
        lines = SWAPPED.read_text().splitlines()
    except OSError:
        return 0
    sizes = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines if len(line.split()) > 1}
    return sizes.get("SwapTotal", 0) - sizes.get("SwapFree", 0)


def _graphics() -> Iterator[Finding]:
    brand = machine.graphics_device()
    if brand is None:
        return
    size = graphics.graphics_bytes()
    if size is None:
        yield note(
            "machine",
            said("there is a graphics processor ({brand}), but its driver doesn't answer", brand=brand),
            said("install its maker's driver, then restart the computer"),
        )
    else:
        yield well(
            "machine",
            said("a graphics processor ({brand}) with {size}", brand=brand, size=in_bytes(size)),
        )


def _disk(folder: Path) -> Iterator[Finding]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    what = said("{size} of disk are free at {folder}", size=in_bytes(free), folder=folder)
    if free < SCARCE_BYTES:
        yield problem("machine", what, said("make room: a full disk loses what is said next"))
    else:
        yield well("machine", what)
