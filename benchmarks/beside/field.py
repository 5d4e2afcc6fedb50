"""Who takes part, and what keeps them running: each side is started when a piece asks for it, and stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from beside.peers import Native, Serve, Spoken, unpacked
from beside.results import Results
from sides import Chatting, Fireside, Plain, Side, cpu_s

CONTEXT = 8192
CROWD = 8
CROWD_CONTEXT = 1024
"""of each, where many talk at once"""
FAILURES = (httpx.HTTPError, OSError, AssertionError, ValueError, KeyError, subprocess.SubprocessError)
"""what a side that doesn't do its part raises; the others go on"""
LEFT = shutil.ignore_patterns("snapshots", "logs", "fireside.db*", "runtime.json", "*.lock", "models")
"""of a tuned home: what was said there, and the models"""
STAYS = {"model_idle_s": 3600}
RESTS_S, PATIENCE_S = 0.3, 120.0


class Running(Side, Protocol):
    """A side in a process of its own."""

    @property
    def pid(self) -> int: ...


@dataclass(frozen=True)
class Given:
    """What the sides are made of: a model and programs that the person named."""

    model: Path
    homes: Path
    """a folder for this run"""
    work: Path
    """a folder for what is made once"""
    native: Path | None = None
    """a llama-server as llama.cpp has it"""
    built: Path | None = None
    """one that `fireside tune` built"""
    tuned_home: Path | None = None
    python: Path | None = None
    """of an environment with torch, transformers and openvino-genai"""


def _fireside(given: Given, crowd: int, **settings: object) -> Fireside:
    home = Path(tempfile.mkdtemp(prefix="home-", dir=given.homes))
    slots = {"slots": crowd} if crowd else {}
    own = {"context_length": CROWD_CONTEXT if crowd else CONTEXT} | STAYS | slots | settings
    return Fireside(given.model, home, threads=0, **own)


def _built(given: Given, crowd: int) -> Fireside:
    return _fireside(given, crowd, llama_server=given.built)


def _tuned(given: Given, crowd: int) -> Fireside:
    assert given.tuned_home
    side = _built(given, crowd)
    shutil.copytree(given.tuned_home, side.home, ignore=LEFT, dirs_exist_ok=True)
    return side


def _engine(given: Given, crowd: int) -> Plain:
    if crowd:
        return Plain(given.model, context_length=CROWD_CONTEXT, slots=crowd)
    return Plain(given.model, context_length=CONTEXT)


def _native(given: Given, crowd: int) -> Native:
    assert given.native
    context = CROWD_CONTEXT if crowd else CONTEXT
    return Native(given.native, given.model, context_length=context, slots=crowd)


def _serve(given: Given, crowd: int) -> Serve:
    assert given.python
    return Serve(given.python, unpacked(given.python, given.model, given.work))


def _loop(given: Given, crowd: int) -> Spoken:
    assert given.python
    return _alone(Spoken(given.python, "loop", unpacked(given.python, given.model, given.work)), crowd)


def _openvino(given: Given, crowd: int) -> Spoken:
    assert given.python
    return _alone(Spoken(given.python, "openvino", given.model), crowd)


def _alone(side: Spoken, crowd: int) -> Spoken:
    if crowd:
        raise OSError("it answers one after the other")
    return side


@dataclass(frozen=True)
class Entry:
    """A side: how the tables call it, and what makes it; with a crowd, for so many people at once."""

    words: str
    make: Callable[[Given, int], Running]
    needs: tuple[str, ...] = ()
    """what must be given for it"""
    ours: bool = False
    counts: bool = False
    """whether it tells how much of a prompt it had read before"""


ENTRIES = {
    "fireside": Entry("Fireside", _fireside, ours=True, counts=True),
    "fireside-native": Entry("Fireside, built here", _built, ("built",), ours=True, counts=True),
    "fireside-tuned": Entry("Fireside, tuned", _tuned, ("built", "tuned_home"), ours=True, counts=True),
    "engine": Entry("llama.cpp's server, prebuilt", _engine, counts=True),
    "native": Entry("llama.cpp's server, built here", _native, ("native",), counts=True),
    "loop": Entry("transformers, in a loop", _loop, ("python",)),
    "serve": Entry("transformers serve", _serve, ("python",)),
    "openvino": Entry("OpenVINO GenAI", _openvino, ("python",)),
}


def those_that_can(names: Sequence[str], given: Given) -> list[str]:
    """Return the sides for which all is given that they need."""
    return [name for name in names if all(getattr(given, need) for need in ENTRIES[name].needs)]


class Field:
    """The sides of one model. Whoever fails is told in the results, and is left out of that piece."""

    def __init__(self, given: Given, names: Sequence[str], results: Results) -> None:
        self.model = given.model.stem
        self.results = results
        self._given = given
        self._names = [*names]
        self._running: dict[str, Running] = {}
        self._crowd = 0
        self._out: set[str] = set()
        self.piece = ""
        self.talks: dict[tuple[str, int], int] = {}
        """conversations that sides have had: with whom, and how many tokens stand before the last question"""

    def begin(self, piece: str, crowd: int = 0) -> None:
        """Begin a piece. With another crowd than before, all sides are started anew."""
        if crowd != self._crowd:
            self.end()
        self._crowd, self.piece = crowd, piece
        self._out.clear()
        self.results.begin(piece, self.model, self._names)
        self.results.save()

    def turns(self) -> list[str]:
        """Return who is still in this piece, in another order each time: nobody is always the first."""
        self._names = [*self._names[1:], self._names[0]]
        return [name for name in self._names if name not in self._out]

    def takes_part(self, name: str) -> bool:
        return name not in self._out

    @contextmanager
    def asking(self, name: str) -> Iterator[Running]:
        """Give a running side; when it fails, that is told, and it is out of this piece."""
        try:
            if name not in self._running:
                self.start(name)
            self._rest()
            yield self._running[name]
        except FAILURES as error:
            self.out(name, error)

    def _rest(self) -> None:
        """Wait until nobody computes: what one side does after its answer would slow the next one."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            before = self._worked_s()
            time.sleep(RESTS_S)
            if self._worked_s() - before < RESTS_S / 10:
                return

    def _worked_s(self) -> float:
        return sum(cpu_s(one) for side in self._running.values() for one in family(side.pid))

    def start(self, name: str) -> None:
        side = ENTRIES[name].make(self._given, self._crowd)
        try:
            side.start()
        except FAILURES:
            with suppress(*FAILURES, AttributeError):  # it never came so far
                side.end()
            raise
        self._running[name] = side

    def out(self, name: str, error: Exception) -> None:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
        print(f"  {name} is out of {self.piece}: {reason}", file=sys.stderr, flush=True)
        self._out.add(name)
        self.results.fail(self.piece, name, self.model, reason)
        self.stop(name)

    def add(self, what: str, name: str, unit: str, value: float) -> None:
        self.results.add(self.piece, what, name, self.model, unit, value)
        print(f"  {name}: {what} {value:.4g} {unit}", file=sys.stderr, flush=True)

    def stop(self, name: str) -> None:
        self.talks = {key: talk for key, talk in self.talks.items() if key[0] != name}
        if side := self._running.pop(name, None):
            with suppress(*FAILURES):
                side.end()

    def end(self) -> None:
        for name in [*self._running]:
            self.stop(name)


def family(pid: int) -> list[int]:
    """Return a process and all that it began."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return [pid, *(one for child in children for one in family(child))]


def interface(side: Running) -> Chatting:
    """Return where a side is asked as other programs ask it: OpenAI's interface, if it has one."""
    if isinstance(side, Fireside):
        return side.api
    assert isinstance(side, Chatting)
    return side
