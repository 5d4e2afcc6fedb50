"""Fetching a model: what it is, then how far it is."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.cards import ModelCard
from fireside.cli.chat.screen import Screen
from fireside.cli.chat.waiting import Waiting, introduced
from fireside.cli.copies import copy_in_words
from fireside.cli.languages import _
from fireside.cli.models_fit import fit_of

if TYPE_CHECKING:
    from fireside.client.routes import AsyncClient


async def fetch(client: AsyncClient, screen: Screen, card: ModelCard) -> ModelCard:
    """Fetch the model of `card` and return the card of what is here then.

    Ctrl-C leaves what was fetched so far; the next time goes on from there.
    """
    screen.note(_("fetching {model}", model=introduced(card)))
    if card.terms:
        screen.note(_("its terms: {terms}", terms=card.terms))
    if copy := await copy_in_words(client, card):
        screen.note(copy)
    if fit := await fit_of(client, card):
        screen.note(_("on this machine: {fit}", fit=fit))
    with Waiting(screen) as waiting:
        async with aclosing(client.pull(card.reference)) as steps:
            async for step in steps:
                if isinstance(step, ModelCard):
                    card = step
                else:
                    waiting.show(step)
    return card
