"""Memories across conversations: listed, added, changed, forgotten, switched on and off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Response

from fireside.app import App
from fireside.errors import EmptyMessage
from fireside.memories import Memories, Memory, MemoryText
from fireside.messages import Value
from fireside.server.callers import needs
from fireside.server.wire import Fireside, answer, body, shows

router = APIRouter(prefix="/fireside/v1", tags=["memories"], dependencies=[needs("chat")])
T = TypeVar("T")


class WantedMemory(Value, frozen=True):
    text: MemoryText

    def said(self) -> str:
        """Return the text without white space around it; EmptyMessage when there is nothing else."""
        if not (text := self.text.strip()):
            raise EmptyMessage("there is nothing to remember", hint="write what to remember", param="text")
        return text


class Switch(Value, frozen=True):
    on: bool


@router.get("/memories", **shows(Memories))
def listing(app: Fireside) -> Response:
    """List the memories, the oldest first, and whether conversations are given them."""
    return answer(_memories(app))


@router.patch("/memories", **shows(Memories, takes=Switch))
def switch(app: Fireside, wanted: Annotated[Switch, body(Switch)]) -> Response:
    """Switch them on or off for all conversations. Nothing is forgotten by that."""
    app.store.memory.switch(is_on=wanted.on)
    return answer(_memories(app))


@router.post("/memories", **shows(Memory, 201, takes=WantedMemory))
def remember(app: Fireside, wanted: Annotated[WantedMemory, body(WantedMemory)]) -> Response:
    """Remember a text."""
    return answer(app.store.memory.add(wanted.said()), 201)


@router.patch("/memories/{memory_id}", **shows(Memory, takes=WantedMemory))
async def change(
    app: Fireside, memory_id: str, wanted: Annotated[WantedMemory, body(WantedMemory)]
) -> Response:
    """Change a memory; conversations that were given the old text are given it no more."""
    memory = app.store.memory
    return answer(await _unread(app, memory_id, lambda: memory.edit(memory_id, wanted.said())))


@router.delete("/memories/{memory_id}", **shows(None, 204))
async def forget(app: Fireside, memory_id: str) -> Response:
    """Forget a memory, in every conversation that was given it too."""
    await _unread(app, memory_id, lambda: app.store.memory.remove(memory_id))
    return Response(status_code=204)


async def _unread(app: App, memory_id: str, change: Callable[[], T]) -> T:
    """Change a memory, and keep nothing on the disk that models read where it was given."""
    given_to = await asyncio.to_thread(app.store.memory.given_to, memory_id)
    changed = await asyncio.to_thread(change)
    for conversation_id in given_to:
        await app.forget_what_was_read(conversation_id)
    return changed


def _memories(app: App) -> Memories:
    switched = app.store.memory.switched()
    return Memories(app.settings.memories if switched is None else switched, app.store.memory.all())
