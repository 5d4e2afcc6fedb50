"""A supervised process: started with patience for progress, heard to its last words, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from fireside.engines import machine
from fireside.errors import EngineCrashed, EngineOutOfMemory, EngineUnavailable

LINES_KEPT = 600
LINE_CHARACTERS = 400
WORDS_SHOWN = 4
LAST_LINES = 40
"""What was said before these is an older story than the death."""
LOOK_S = 0.1
LEAVING_S = 5.0
UNMEASURED_PATIENCE = 10
"""times longer, where the system doesn't tell how much of the model was read"""

_NO_MEMORY = re.compile(
    r"bad_alloc|cannot allocate memory|failed to allocate|unable to allocate|insufficient memory"
    r"|out of memory|MemoryError|resource temporarily unavailable",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"^[\d.]+ E |error|terminate called|what\(\):|\bfailed\b|\bcannot\b|abort", re.IGNORECASE
)
_STAMP = re.compile(r"^[\d.]+ [A-Z] ")


_living: set[int] = set()


def living() -> frozenset[int]:
    """Return the process ids of all that were started and not ended yet."""
    return frozenset(_living)


class Child:
    """A child process that speaks in lines. Only the task that owns it may end it.

    `secret` never appears in what is kept of its words.
    """

    def __init__(self, process: Process, *, secret: str) -> None:
        self._process = process
        self._secret = secret
        self._words: deque[str] = deque(maxlen=LINES_KEPT)
        self._heard = 0
        self._killed_before = machine.kills_for_memory()
        self._listening = asyncio.create_task(self._listen())
        _living.add(process.pid)

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], *, first_line: bytes = b"", secret: str
    ) -> Child:
        """Start `command`, whose standard input stays open, and tell it `first_line`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=dict(environment),
                # Ctrl-C in a terminal is for the program in front, not for its engine.
                start_new_session=True,
            )
        except OSError as error:
            raise EngineUnavailable(
                f"the engine's process can't be started: {error.strerror}", hint="see `fireside status`"
            ) from error
        child = cls(process, secret=secret)
        await child.tell(first_line)
        return child

    async def tell(self, line: bytes) -> None:
        """Write to its standard input; that it has left is noticed by whoever waits for its answer."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for in `start`
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line)
            await self._process.stdin.drain()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def words(self) -> tuple[str, ...]:
        """Return the last lines that it wrote to standard error."""
        return tuple(self._words)

    def last_words(self) -> str:
        """Return what a person should read of its last lines: complaints if there are any."""
        last = self._last_lines()
        complaints = [line for line in last if _COMPLAINT.search(line)]
        chosen = complaints[:WORDS_SHOWN] or last[-WORDS_SHOWN:]
        return "; ".join(_STAMP.sub("", line).strip() for line in chosen) or "it said nothing"

    def _last_lines(self) -> list[str]:
        return list(self._words)[-LAST_LINES:]

    def short_of_memory(self) -> bool:
        """Return whether its last words, or the system, say that memory ran out."""
        if any(_NO_MEMORY.search(line) for line in self._last_lines()):
            return True
        killed = machine.kills_for_memory()
        was_killed = self._process.returncode == -getattr(signal, "SIGKILL", 9)
        return was_killed and killed is not None and killed > (self._killed_before or 0)

    async def answer(
        self, *, patience_s: float, size_bytes: int, progress: Callable[[float], None] | None = None
    ) -> bytes:
        """Return its next line. EngineCrashed when it ends before, EngineUnavailable when it hangs.

        It hangs when for `patience_s` seconds it says nothing and takes in nothing more of the
        `size_bytes` that it has to load; the share that it has is told to `progress`.
        """
        assert self._process.stdout is not None  # noqa: S101 - it was asked for in `start`
        line = asyncio.ensure_future(self._process.stdout.readline())
        watch = _Patience(patience_s)
        try:
            while not line.done():
                await asyncio.wait({line}, timeout=LOOK_S)
                if watch.spent(self._heard, self._share(size_bytes), progress):
                    raise EngineUnavailable(
                        f"the engine made no progress for {patience_s:g} seconds and was ended",
                        hint=f"try another model; its last words: {self.last_words()}",
                    )
        finally:
            line.cancel()
        if not line.result():
            # Whoever closes its standard output without leaving has nothing more to say, either.
            await self.gone_within(LEAVING_S)
            await self.aclose()
            raise await self.death()
        return line.result()

    def _share(self, size_bytes: int) -> float | None:
        held = machine.resident_bytes(self.pid)
        return None if held is None else min(1.0, held / max(1, size_bytes))

    async def gone_within(self, seconds: float) -> bool:
        """Wait that long at most; return whether it has ended by itself."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
        return not self.alive

    async def death(self) -> EngineCrashed:
        """Return the error that tells of its end."""
        await self._process.wait()
        await self.aclose()
        said = f"its last words: {self.last_words()}"
        how = _how_it_ended(self._process.returncode)
        if self.short_of_memory():
            return EngineOutOfMemory(
                f"the engine ran out of memory and {how}",
                hint=f"close other programs, or choose a smaller model or context_length; {said}",
            )
        return EngineCrashed(f"the engine {how}", hint=f"ask again: it is started anew; {said}")

    async def aclose(self) -> None:
        """End the process and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        _living.discard(self.pid)
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was asked for in `start`
        rest = b""
        while chunk := await self._process.stderr.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-LINE_CHARACTERS * 4 :]
            self._keep(lines)
        self._keep([rest])

    def _keep(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text:
                self._heard += 1
                self._words.append(text.replace(self._secret, "…")[:LINE_CHARACTERS])


class _Patience:
    """Counts the time without progress; a share counts only when it grows, so it can't go on for ever."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since = time.monotonic()
        self._heard = 0
        self._share = 0.0

    def spent(self, heard: int, share: float | None, progress: Callable[[float], None] | None) -> bool:
        grown = share is not None and share > self._share
        if heard != self._heard or grown:
            self._since = time.monotonic()
        if share is not None and grown:
            self._share = share
            if progress:
                progress(share)
        self._heard = heard
        allowed = self._patience_s * (1 if share is not None else UNMEASURED_PATIENCE)
        return time.monotonic() - self._since > allowed


def _how_it_ended(returncode: int | None) -> str:
    """
    >>> _how_it_ended(-9), _how_it_ended(1)
    ('was ended by SIGKILL', 'ended with exit code 1')
    """
    if returncode is None or returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"
