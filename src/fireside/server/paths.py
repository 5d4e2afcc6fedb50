"""Where things lie on this machine is for those who look after its models; who may only chat isn't told."""

from __future__ import annotations

from pathlib import PurePath

from fastapi import Request
from msgspec.structs import replace

from fireside.cards import ModelCard, ServerStatus
from fireside.server.callers import Caller
from fireside.settings import Settings

FILE = "file:"


def sees_paths(caller: Caller) -> bool:
    return "models" in caller.scopes


def card_for(caller: Caller, card: ModelCard) -> ModelCard:
    """Return a card as `caller` may see it. Its reference stays: it is what the model is called."""
    if sees_paths(caller):
        return card
    made_of = (card.alias_of, card.loaded_as, card.conversion.source if card.conversion else None)
    origin = card.origin
    for path in (card.path, *(name.removeprefix(FILE) for name in made_of if name)):
        origin = origin.replace(path, PurePath(path).name) if path else origin
    conversion = card.conversion
    if conversion:
        conversion = replace(conversion, source=_without_folder(conversion.source))
    return replace(
        card,
        path=None,
        origin=origin,
        adapters=tuple(PurePath(file).name for file in card.adapters),
        alias_of=_without_folder(card.alias_of),
        loaded_as=_without_folder(card.loaded_as),
        conversion=conversion,
        problem="it can't be used now" if card.problem and card.place == "here" else card.problem,
    )


def _without_folder(reference: str | None) -> str | None:
    """Return what a model is called that another one was made of: of a file its name alone."""
    is_file = reference is not None and reference.startswith(FILE)
    return f"{FILE}{PurePath(reference).name}" if reference and is_file else reference


def unseen_by(request: Request) -> tuple[str, ...]:
    """Return the folders that errors don't tell whoever asks here."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is not None and sees_paths(caller):
        return ()
    home = request.app.state.fireside.home
    return tuple(sorted({str(home.data), str(home.config)}, key=len, reverse=True))


def status_for(caller: Caller, status: ServerStatus) -> ServerStatus:
    return status if sees_paths(caller) else replace(status, home="", database="")


def settings_for(caller: Caller, settings: Settings) -> Settings:
    if sees_paths(caller):
        return settings
    return replace(settings, database=None, tls_certificate=None, tls_key=None, llama_server=None)
