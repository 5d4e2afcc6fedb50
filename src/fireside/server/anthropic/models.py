"""Models as Anthropic's clients list them (Anthropic's API reference, "List models")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from fireside.cards import ModelCard
from fireside.errors import BadRequest
from fireside.server.ollama.names import modified_at

ON_A_PAGE = 20
MOST_ON_A_PAGE = 1000


class ModelInfo(msgspec.Struct, tag_field="type", tag="model", frozen=True):
    id: str
    display_name: str
    created_at: str
    """when its file was written, 1970 for one that is fetched at its first use"""
    max_input_tokens: int | None
    lifecycle: Literal["active"] = "active"


class Page(msgspec.Struct, frozen=True):
    data: tuple[ModelInfo, ...]
    has_more: bool
    first_id: str | None
    last_id: str | None


def page(cards: Sequence[ModelCard], limit: int | None, after_id: str | None, before_id: str | None) -> Page:
    """Return the models that write: the page after one model or before another, from the first otherwise.

    BadRequest where there is no such model, or for both at once.
    """
    writers = [card for card in cards if card.purpose == "chat"]
    names = [card.name for card in writers]
    size = limit or ON_A_PAGE
    if after_id is not None and before_id is not None:
        raise BadRequest("after_id and before_id can't go together", hint="send one", param="before_id")
    if before_id is not None:
        end = _place(names, before_id, "before_id")
        start = max(0, end - size)
        has_more = start > 0
    else:
        start = _place(names, after_id, "after_id") + 1 if after_id is not None else 0
        end = min(start + size, len(names))
        has_more = end < len(names)
    shown = tuple(described(card, card.name) for card in writers[start:end])
    return Page(shown, has_more, shown[0].id if shown else None, shown[-1].id if shown else None)


def described(card: ModelCard, name: str) -> ModelInfo:
    """Return one model as clients know it by `name`."""
    return ModelInfo(name, card.name, modified_at(card), card.context_length)


def _place(names: list[str], name: str, field: str) -> int:
    if name not in names:
        raise BadRequest(f"{field}: there is no model {name!r} on the list", hint="leave it out", param=field)
    return names.index(name)
