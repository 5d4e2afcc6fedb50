"""Whether the engine really loads a model and writes with it: tried with the default one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import msgspec

from fireside.doctor import Examined
from fireside.doctor.findings import Finding, note, problem_of, said, well
from fireside.doctor.models import default_file
from fireside.engines.built import chosen, read, usable
from fireside.engines.fit import memory_allows
from fireside.engines.protocol import ModelFile
from fireside.engines.registry import starter
from fireside.engines.tuned import profiles_of
from fireside.errors import EngineUnavailable, FiresideError
from fireside.native import source
from fireside.probing import timed
from fireside.profiles import Profile

TRIED_CONTEXT = 512
TRIED_TOKENS = 8


def check_engine(who: Examined) -> Iterator[Finding]:
    file = default_file(who)
    try:
        if file is None:
            yield from _library_alone()
        elif file.engine == "llamacpp":
            yield from _tried_where_there_is_room(file, who)
    except FiresideError as error:
        yield problem_of("engine", error)
    yield from _which_build(who)


def _which_build(who: Examined) -> Iterator[Finding]:
    """Tell which engine runs the models: the person's own, the one built here, or the one that came along."""
    built = read(who.home.engines)
    if who.settings.llama_server:
        yield well("engine", said("the settings name the engine: {path}", path=who.settings.llama_server))
    elif built is None:
        yield well(
            "engine", said("the engine is the one that came along; `fireside tune` may make a faster one")
        )
    elif not usable(built):
        yield note(
            "engine",
            said("the engine that was built here is not used: {reason}", reason=built.failed)
            if built.failed
            else said("the engine that was built here is not used: its file or the processor is another now"),
            said("build it anew: fireside tune --build"),
        )
    elif not source.is_source_of(built):
        yield note(
            "engine",
            said("the engine was built here from another source than this version of Fireside has"),
            said("build it anew, it may be faster: fireside tune --build"),
        )
    else:
        yield well(
            "engine",
            said(
                "the engine was built for this processor; {reading} times as fast reading, {writing} writing",
                reading=f"{built.compared.reading:.1f}",
                writing=f"{built.compared.writing:.1f}",
            ),
        )


def _tried_where_there_is_room(file: ModelFile, who: Examined) -> Iterator[Finding]:
    small = msgspec.structs.replace(file, context_length=min(file.context_length, TRIED_CONTEXT))
    yield from _profile(file, who)
    if memory_allows(small, 1):
        yield from asyncio.run(_tried(small, who))
        return
    yield from _library_alone()
    yield note(
        "engine",
        said("{model} was not tried: there is no room for it now", model=file.reference),
        said("close other programs, or stop the server (fireside stop), and look again"),
    )


def _profile(file: ModelFile, who: Examined) -> Iterator[Finding]:
    """Tell whether the model runs as it was tuned."""
    found = profiles_of(who.settings, who.home).look(file)
    if isinstance(found, Profile):
        yield well("engine", said("{model} runs as `fireside tune` found it best", model=file.reference))
    elif found.reason:
        yield note(
            "engine",
            said(
                "what `fireside tune` found for {model} is not used: {reason}",
                model=file.reference,
                reason=found.reason,
            ),
            said("measure again: fireside tune"),
        )


async def _tried(file: ModelFile, who: Examined) -> list[Finding]:
    settings = msgspec.structs.replace(chosen(who.settings, who.home.engines), slots=1)
    engine = await starter()(file, settings, None)
    try:
        times = await timed(engine, TRIED_TOKENS, TRIED_TOKENS)
        info = engine.info
    finally:
        await engine.aclose()
    found = [
        well(
            "engine",
            said(
                "{build} loads {model} in {load} s and writes {speed} tokens in a second",
                build=info.build,
                model=file.reference,
                load=f"{info.load_ms / 1000:.1f}",
                speed=f"{1 / times.writing:.0f}",
            ),
        )
    ]
    if info.notices:
        found.append(
            note(
                "engine",
                said("the graphics processor isn't used: models run on the processor, many times slower"),
                said("install the engine's build for it (see docs/guides/what-fits.md)"),
            )
        )
    return found


def _library_alone() -> Iterator[Finding]:
    """Look whether the engine's library can be loaded, in a process of its own."""

    async def run() -> tuple[int | None, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", "import xllamacpp; print(xllamacpp.__version__)"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output

    code, output = asyncio.run(run())
    last = output.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if code:
        from fireside.engines.llamacpp_refusals import missing_library

        raise (
            missing_library(last)
            if "Error" in last
            else EngineUnavailable(f"the engine ends at once: {last}")
        )
    yield well("engine", said("the engine's library (xllamacpp {version}) can be loaded", version=last))
