"""Use of an engine while nobody asks for one: it gives way at once, and takes nobody's place."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

MOST_S = 120.0
"""of such work at a time; a digest on a slow machine takes long, and never for ever"""


class SpareUse:
    """The tasks that use engines while nobody else does."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextmanager
    def here(self) -> Iterator[None]:
        """Have the task in this block cancelled as soon as somebody asks."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - leases are taken in tasks only
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def end(self) -> None:
        """Cancel all of them."""
        for task in self._tasks:
            task.cancel()


async def undisturbed(work: Coroutine[Any, Any, bool]) -> bool:
    """Return what `work` says; False where somebody asked for something meanwhile.

    What takes too long is given up, and counts as done.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=MOST_S)
    finally:
        task.cancel()
        await asyncio.wait([task])
    return not done or (not task.cancelled() and task.result())
