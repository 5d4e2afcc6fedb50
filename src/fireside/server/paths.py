"""Where things lie on this machine is for those who look after its models; who may only chat isn't told."""

from __future__ import annotations

from pathlib import PurePath

from msgspec.structs import replace

from fireside.cards import ModelCard, ServerStatus
from fireside.server.callers import Caller
from fireside.settings import Settings


def sees_paths(caller: Caller) -> bool:
    return "models" in caller.scopes


def card_for(caller: Caller, card: ModelCard) -> ModelCard:
    """Return a card as `caller` may see it. Its reference stays: it is what the model is called."""
    if sees_paths(caller):
        return card
    problem = "it can't be used now" if card.problem and card.place == "here" else card.problem
    adapters = tuple(PurePath(file).name for file in card.adapters)
    return replace(card, path=None, adapters=adapters, problem=problem)


def status_for(caller: Caller, status: ServerStatus) -> ServerStatus:
    return status if sees_paths(caller) else replace(status, home="", database="")


def settings_for(caller: Caller, settings: Settings) -> Settings:
    if sees_paths(caller):
        return settings
    return replace(settings, database=None, tls_certificate=None, tls_key=None, llama_server=None)
