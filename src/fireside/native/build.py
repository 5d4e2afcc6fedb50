"""Compiles llama.cpp's server and quantiser for the processor at hand."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from fireside.engines import machine
from fireside.errors import EngineUnavailable
from fireside.native.process import run
from fireside.native.toolchain import Toolchain

PROGRAMS = ("llama-server", "llama-quantize")
SPACE_BYTES = 2 << 30
"""what source, tools and objects take while it is built"""
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=ON",
    # Threads of its own wait more politely than OpenMP's, which spin: many times faster on a busy machine.
    "-DGGML_OPENMP=OFF",
    "-DGGML_CCACHE=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    # Without it the build would ask another host for a page that is never served.
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
)
GRAPHICS = {"NVIDIA": ("-DGGML_CUDA=ON", "nvcc"), "AMD": ("-DGGML_VULKAN=ON", "glslc")}
"""how the engine is built for a graphics processor, and the tool that it takes"""
_STEP = re.compile(r"\[(\d+)/(\d+)\]")

Compiled = Callable[[int, int], None]
"""called with the steps that are done and the steps in all"""


async def build(
    source: Path,
    objects: Path,
    tools: Toolchain,
    environ: Mapping[str, str],
    *,
    jobs: int,
    compiled: Compiled,
) -> Path:
    """Return the folder of the built programs. A build that was cut off goes on where it was.

    EngineUnavailable with the compiler's last words where it fails; all of them are in `objects`/build.log.
    """
    log = _prepared(objects)
    configure = [
        *(str(tools.cmake), "-G", "Ninja", "-S", str(source), "-B", str(objects)),
        *(f"-DCMAKE_MAKE_PROGRAM={tools.ninja}", *tools.options, *_graphics(environ), *OPTIONS),
    ]
    if await run(configure, environ=environ, log=log):
        raise _failed("prepared", log)

    def heard(line: str) -> None:
        if step := _STEP.match(line):
            compiled(int(step.group(1)), int(step.group(2)))

    make = [str(tools.ninja), "-C", str(objects), "-j", str(jobs), *PROGRAMS]
    if await run(make, environ=environ, log=log, heard=heard):
        raise _failed("compiled", log)
    return objects / "bin"


def _prepared(objects: Path) -> Path:
    """Return the file that takes down what is said; EngineUnavailable without room for a build."""
    objects.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(objects).free < SPACE_BYTES and not (objects / "build.ninja").is_file():
        raise EngineUnavailable(
            f"a build takes about {SPACE_BYTES >> 30} GB of room in {objects}",
            hint="make room, then try again",
        )
    log = objects / "build.log"
    log.unlink(missing_ok=True)
    return log


def _graphics(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the option for the graphics processor that is here with its tools; macOS has Metal anyway."""
    option, tool = GRAPHICS.get(machine.graphics_device() or "", ("", ""))
    return (option,) if tool and shutil.which(tool, path=environ.get("PATH")) else ()


def _failed(what: str, log: Path) -> EngineUnavailable:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
    complaints = [line.strip() for line in lines if "error" in line.lower()]
    telling = complaints or [line for line in lines if line][-3:]
    return EngineUnavailable(
        f"the engine couldn't be {what}: {'; '.join(telling[:3]) or 'nothing was said'}",
        hint=f"the prebuilt engine goes on being used; the whole story is in {log}",
    )
