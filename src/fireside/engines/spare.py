"""Use of an engine while nobody asks for one: it gives way at once, and takes nobody's place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
