"""The compiler and the tools of a build: the package index's, or the system's.

Nothing is installed into the system, and nobody's rights are needed: what comes from the index lies in a
folder of Fireside's own.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fireside.engines import machine
from fireside.errors import DownloadFailed, EngineUnavailable
from fireside.native.process import run

ZIG, CMAKE, NINJA = "ziglang==0.17.1", "cmake==4.4.5", "ninja==1.13.2"
FETCHED = "fetched.txt"
ZIG_TOOLS = {"cc": "cc", "cxx": "c++", "ar": "ar", "ranlib": "ranlib"}
EXPF = """#include <features.h>
#ifdef __GLIBC__
extern "C" float expf32(float) noexcept;
extern "C" float expf(float x) noexcept { return expf32(x); }
#endif
"""
"""The compiler brings an `expf` of its own, slower and in the place of the system's: this goes first."""
ZIG_FLAGS = ("-mno-avx512fp16",) if platform.machine() in ("x86_64", "AMD64") else ()
"""With these instructions the engine multiplies 128 numbers at a time, and one by one where a model's heads
have fewer (ggml-cpu, simd-mappings.h): flash attention took 2 to 4 times as long"""


class Toolchain(msgspec.Struct, frozen=True):
    """What builds: the paths of the tools, and what cmake must be told of the compiler."""

    cmake: Path
    ninja: Path
    compiler: str
    """what a person may know it by"""
    options: tuple[str, ...] = ()


async def find_toolchain(folder: Path, environ: Mapping[str, str]) -> Toolchain:
    """Return the tools to build with; those that aren't the system's are fetched into `folder`.

    The compiler is the package index's, of one version that was tried; for a graphics processor, on macOS,
    and where it can't be fetched, it is the system's. DownloadFailed where there is neither,
    EngineUnavailable on a system that can't run what is built.
    """
    if os.name == "nt":
        raise EngineUnavailable(
            "an engine can't be built on Windows yet",
            hint="the prebuilt engine, which came with Fireside, goes on being used",
        )
    found = {name: shutil.which(name, path=environ.get("PATH")) for name in ("cmake", "ninja", "cc", "c++")}
    has_compiler = bool(found["cc"] and found["c++"])
    tools = [*([] if found["cmake"] else [CMAKE]), *([] if found["ninja"] else [NINJA])]
    takes_zig = not (has_compiler and (sys.platform == "darwin" or machine.graphics_device()))
    if takes_zig:
        try:
            await _fetch([*tools, ZIG], folder, environ)
        except DownloadFailed:
            if not has_compiler:
                raise
            takes_zig = False
    if tools and not takes_zig:
        await _fetch(tools, folder, environ)
    cmake = Path(found["cmake"] or _inside(folder, "cmake/data/bin/cmake"))
    ninja = Path(found["ninja"] or _inside(folder, "bin/ninja"))
    if takes_zig:
        return Toolchain(cmake, ninja, ZIG.replace("==", " "), _zig_options(folder))
    return Toolchain(cmake, ninja, _name_of(found["c++"] or ""))


async def _fetch(wanted: list[str], folder: Path, environ: Mapping[str, str]) -> None:
    """Fetch tools from the person's package index, by their own pip; those that are here already stay."""
    if _are_there(wanted, folder):
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    log = folder / "pip.log"
    if await run([*pip, "--target", str(folder), *wanted], environ=environ, log=log):
        raise DownloadFailed(
            f"the tools for a build ({', '.join(wanted)}) couldn't be fetched: {_last_line(log)}",
            hint="install a C++ compiler, cmake and ninja by your system's means, and try again",
        )
    (folder / FETCHED).write_text("\n".join(wanted))


def _are_there(wanted: list[str], folder: Path) -> bool:
    """Return whether these very tools were fetched; others make way for them."""
    if (folder / FETCHED).is_file() and set(wanted) <= set((folder / FETCHED).read_text().split()):
        return True
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return False


def _name_of(compiler: str) -> str:
    """Return what the system's compiler really is: `c++` says little."""
    return Path(compiler).resolve().name


def _inside(folder: Path, place: str) -> str:
    path = folder / place
    if not path.is_file():
        raise DownloadFailed(f"{path} is missing", hint=f"remove {folder} and try again")
    return str(path)


def _zig_options(folder: Path) -> tuple[str, ...]:
    """Write the one-line programs that cmake takes for compiler and archiver, and return how it is told."""
    zig = _inside(folder, "ziglang/zig")
    scripts = {}
    for name, command in ZIG_TOOLS.items():
        scripts[name] = folder / f"zig-{name}"
        scripts[name].write_text(f'#!/bin/sh\nexec "{zig}" {command} "$@"\n')
        scripts[name].chmod(0o755)
    exponential = folder / "expf.cpp"
    exponential.write_text(EXPF)
    return (
        f"-DCMAKE_C_COMPILER={scripts['cc']}",
        f"-DCMAKE_CXX_COMPILER={scripts['cxx']}",
        f"-DCMAKE_AR={scripts['ar']}",
        f"-DCMAKE_RANLIB={scripts['ranlib']}",
        *(f"-DCMAKE_{language}_FLAGS={' '.join(ZIG_FLAGS)}" for language in ("C", "CXX")),
        # Without symbols (-s) the programs are a tenth as large.
        f'-DCMAKE_EXE_LINKER_FLAGS=-s "{exponential}"',
    )


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
    return next((line for line in reversed(lines) if line.strip()), "pip said nothing")
