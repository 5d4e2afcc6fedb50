"""The digest ahead of time: written, read by the engine and kept while nobody waits."""

from __future__ import annotations

from fireside.assembly import Assembler, History
from fireside.engines.protocol import Engine


async def compact_ahead(
    reply_id: str, assembler: Assembler, history: History, engine: Engine
) -> tuple[int, ...] | None:
    """Make ready what the question after this ended reply will need, when its window runs full.

    The digest is written, the engine reads the prompt that the next turn begins with, and only then is
    the digest kept. So cancelling this at any moment leaves everything as it was. Returns the ids
    that the engine holds now; None when there was nothing to do. Raises FiresideError where the
    engine fails.
    """
    return None
