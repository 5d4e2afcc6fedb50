"""A copy of a model that the Hugging Face cache has already: told before the same is fetched again."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from fireside.cli.languages import _
from fireside.errors import Forbidden

if TYPE_CHECKING:
    from fireside.cards import FoundModel, ModelCard
    from fireside.client.routes import AsyncClient

_HUB, _CACHE = "hf:", "hf-cache:"


async def copy_in_words(client: AsyncClient, card: ModelCard) -> str | None:
    """Return that a model of the hub is here already, and how it is used; None where it isn't."""
    if not card.reference.startswith(_HUB):
        return None
    with suppress(Forbidden):  # on a server elsewhere nobody but its owner may look
        reference = copy_of(card, (await client.imports.found()).models)
        if reference:
            return _(
                "the Hugging Face cache has a copy of it already, which can be used where it lies: "
                "fireside models import {reference}",
                reference=reference,
            )
    return None


def copy_of(card: ModelCard, found: Iterable[FoundModel]) -> str | None:
    """Return the reference of a usable copy; one in the same quantisation goes before any other."""
    repository = _repository(card.reference)
    copies = [
        (one.card is not None and one.card.quantization == card.quantization, reference)
        for one in found
        for reference in (one.reference, *one.also)
        if one.reason is None and reference.startswith(_CACHE) and _repository(reference) == repository
    ]
    return max(copies, key=lambda copy: copy[0])[1] if copies else None


def _repository(reference: str) -> str:
    return reference.split(":")[1].lower()
