"""Ctrl-C while a reply runs, and keys that are typed before there is a prompt for them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from fireside.cli.chat.screen import Screen

_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"


@contextmanager
def on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """Call `call` in the event loop for each Ctrl-C, in the place of ending the program."""
    loop = asyncio.get_running_loop()

    def pressed(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call)

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def keys_kept(screen: Screen) -> Iterator[None]:
    """Don't echo what is typed meanwhile into the reply; the next prompt gets it, pasted lines as one."""
    if not (screen.draws and sys.stdin.isatty()):
        yield
        return
    with _without_echo():
        screen.write(_PASTE_ON)
        try:
            yield
        finally:
            screen.write(_PASTE_OFF)


if sys.platform == "win32":

    @contextmanager
    def _without_echo() -> Iterator[None]:
        # The console of Windows echoes what a program reads, and nothing reads now.
        yield

else:
    import termios

    @contextmanager
    def _without_echo() -> Iterator[None]:
        """Keep signals and output processing, but neither echo, nor lines, nor Enter made a newline."""
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        silent = termios.tcgetattr(descriptor)
        silent[0] &= ~termios.ICRNL
        silent[3] &= ~(termios.ECHO | termios.ICANON)
        silent[3] |= termios.NOFLSH  # Ctrl-C must not throw away what was typed before it
        termios.tcsetattr(descriptor, termios.TCSANOW, silent)
        try:
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
