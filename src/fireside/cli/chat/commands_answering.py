"""Commands that set how replies are made: /model /persona /system /set /me /you /format."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from fireside.cards import ModelCard
from fireside.cli.chat.commands_view import greet
from fireside.cli.chat.first_model import fetch
from fireside.cli.chat.sampling_text import NAMES, NOTHING, parse_settings, written
from fireside.cli.chat.session import Session
from fireside.cli.languages import _
from fireside.cli.whereabouts import place_of
from fireside.errors import BadRequest, FiresideError
from fireside.messages import Defaults, PromptFormat

_EXAMPLES = {"temperature": "0.7", "seed": "5", "stop": r'"\n"', "max_tokens": "200", "top_k": "40"}


async def model(session: Session, argument: str) -> None:
    """Show the model, or take another one, which is fetched when it isn't here."""
    if not argument:
        session.screen.say(await _named(session))
        for card in await session.client.models():
            where = f" · {place_of(card)}" if card.place == "elsewhere" else _(" (here)")
            session.screen.note(f"  {card.reference}" + (where if card.installed else ""))
        return
    if argument in NOTHING:
        await session.change(model=None)
    else:
        card = await session.client.model(argument)
        if not card.installed:
            card = await fetch(session.client, session.screen, card)
        await session.change(model=card.reference)
    session.screen.note(_("model: {name}", name=await _named(session)))


async def model_name(session: Session) -> str:
    """Return the reference of the model that answers next."""
    return session.in_force.model or (await session.client.status()).default_model


async def _named(session: Session) -> str:
    """Return the model that answers next, and where it is if that isn't here."""
    name, where = await model_name(session), ""
    with contextlib.suppress(FiresideError):  # one that is gone; whoever asks it is told
        where = place_of(await session.client.model(name))
    return " · ".join(filter(None, (name, where)))


async def models(session: Session) -> Sequence[tuple[str, str]]:
    return [(card.reference, _about(card)) for card in await session.client.models()]


def _about(card: ModelCard) -> str:
    return " · ".join(filter(None, (card.name, card.licence, place_of(card))))


async def persona(session: Session, argument: str) -> None:
    """Show the persona, or take another one."""
    if not argument:
        named = session.in_force.persona
        session.screen.say(named or _("no persona"))
        for each in await session.client.personas():
            session.screen.note(
                f"  {each.name}: {each.description.splitlines()[0] if each.description else ''}"
            )
        return
    if argument not in NOTHING:
        await session.client.persona(argument)
    await session.change(persona=None if argument in NOTHING else argument)
    await session.find_persona()
    name = session.persona.name if session.persona else None
    session.screen.note(_("persona: {name}", name=name) if name else _("no persona"))
    greet(session)


async def personas(session: Session) -> Sequence[tuple[str, str]]:
    found = [(each.name, each.description.split("\n")[0]) for each in await session.client.personas()]
    return [*found, ("none", "")]


async def system(session: Session, argument: str) -> None:
    """Show or set the system text."""
    if not argument:
        session.screen.say(session.in_force.system or _("no system text"))
        return
    text = None if argument in NOTHING else argument
    await session.change(system=text)
    session.screen.note(_("the system text is set") if text else _("no system text"))


async def set_sampling(session: Session, argument: str) -> None:
    """Show or set sampling parameters."""
    if argument:
        await session.change_sampling(parse_settings(argument))
    session.screen.say(written(session.in_force.sampling) or _("all sampling parameters are the model's own"))


async def parameters(session: Session) -> Sequence[tuple[str, str]]:
    return [(name, _EXAMPLES.get(name, "")) for name in NAMES]


async def assignments(session: Session) -> Sequence[tuple[str, str]]:
    return [(f"{name}=", _EXAMPLES.get(name, "")) for name in NAMES]


async def me(session: Session, argument: str) -> None:
    """Show or set the person's name."""
    if argument:
        await session.change(me=_name("me", argument))
    session.screen.say(session.in_force.me or _("you have no name"))


async def you(session: Session, argument: str) -> None:
    """Show or set the model's name."""
    if argument:
        await session.change(you=_name("you", argument))
    session.screen.say(session.in_force.you or _("the model has no name"))


def _name(field: str, argument: str) -> str | None:
    if argument in NOTHING:
        return None
    try:
        msgspec.convert({field: argument}, Defaults)
    except msgspec.ValidationError:
        raise BadRequest(_("a name has 60 characters at most"), hint=_("take a shorter one")) from None
    return argument


async def prompt_format(session: Session, argument: str) -> None:
    """Show or set the prompt format."""
    if argument:
        if argument not in [*PromptFormat, *NOTHING]:
            raise BadRequest(
                _("there is no format {name}", name=argument),
                hint=_("the formats are: {names}", names="chat, transcript"),
            )
        await session.change(format=None if argument in NOTHING else PromptFormat(argument))
    session.screen.say(session.in_force.format or PromptFormat.CHAT)


async def formats(session: Session) -> Sequence[tuple[str, str]]:
    return [
        ("chat", _("the model's own template")),
        ("transcript", _("Alice: … Bob: …, for models without a template")),
    ]


_THINK = {"on": True, "off": False}


async def think(session: Session, argument: str) -> None:
    """Show or choose whether the model thinks first; where it can't, the choice counts for nothing."""
    if argument:
        if argument not in [*_THINK, *NOTHING]:
            raise BadRequest(_("say on, off or none"))
        await session.change(reasoning=_THINK.get(argument))
    chosen = session.in_force.reasoning
    session.screen.say(next((word for word, meant in _THINK.items() if meant is chosen), "none"))
    card = await session.client.model(await model_name(session))
    if card.reasons is False and chosen is not None:
        session.screen.note(_("{name} has no such choice", name=card.name))


async def ways_to_think(session: Session) -> Sequence[tuple[str, str]]:
    return [(word, "") for word in (*_THINK, "none")]
