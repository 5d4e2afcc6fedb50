"""`fireside models`: what models there are, fetching and removing them."""

from __future__ import annotations

import math
import sys
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, list_unless_asked, yes_flag
from fireside.cli.languages import _
from fireside.cli.lazily import Commands, LazyGroup
from fireside.cli.running import run
from fireside.cli.whereabouts import place_of

if TYPE_CHECKING:
    from fireside.cards import ModelCard
    from fireside.client.routes import AsyncClient

YEAR_S = 365 * 86_400.0
reference_argument = click.argument("reference", metavar="REF")


MORE: Commands = {
    "alias": ("fireside.cli.making:alias", _("Give a model a name, and change what is different about it.")),
    "load": ("fireside.cli.making:load", _("Load a model before it is needed.")),
    "unload": (
        "fireside.cli.making:unload",
        _("Unload a model; replies that it writes now are finished first."),
    ),
    "import": ("fireside.cli.imports:import_models", _("List or use what other programs keep here.")),
    "convert": (
        "fireside.cli.models_convert:convert",
        _("Make a smaller or faster model of one, and compare the two."),
    ),
    "fit": ("fireside.cli.models_fit:fit_models", _("Tell which models run on this machine, and how fast.")),
    "trust": ("fireside.cli.trust:trust", _("Look at the code that a model brings, and let it run or not.")),
    "search": ("fireside.cli.models_search:search", _("Find models that could be fetched.")),
}


@click.group("models", invoke_without_command=True, cls=LazyGroup, table=MORE)
@json_flag
@click.pass_context
def models(context: click.Context, json: bool) -> None:
    list_unless_asked(context, list_models, json=json)


@models.command("list", help=_("List the models that are here, and the default one."))
@json_flag
def list_models(json: bool) -> None:
    from fireside.cli.output import note, print_json, print_table, size

    cards = run(lambda client: client.models())
    if json:
        print_json(cards)
        return
    titles = (_("model"), _("name"), _("size"), _("licence"), _("state"))
    rows = [
        (
            card.reference,
            card.name,
            size(card.size_bytes) if card.weights else "",
            card.licence or ("?" if card.weights else ""),
            _state(card),
        )
        for card in cards
    ]
    print_table(titles, rows)
    if sys.stdout.isatty():
        note(_("`fireside models search` shows good ones to fetch"))


def _state(card: ModelCard) -> str:
    states = (
        (card.place == "elsewhere", place_of(card)),
        (card.is_default, _("default")),
        (bool(card.alias_of), _("stands for {model}", model=card.alias_of)),
        (card.loaded, _loaded(card)),
        (card.place == "here" and bool(card.problem), _("can't be used")),
        (not card.installed and not card.problem, _("not fetched yet")),
        (card.needs_trust, _("brings code of its own, not trusted")),
        (card.purpose == "embedding", _("makes embeddings")),
        (card.purpose == "ranking", _("ranks texts")),
    )
    return ", ".join(word for holds, word in states if holds)


def _loaded(card: ModelCard) -> str:
    """Return that it is loaded, and until when if nobody uses it."""
    if card.unloads_in_s is None:
        return _("loaded")
    if card.unloads_in_s > YEAR_S:
        return _("stays loaded")
    return _("loaded, leaves after {minutes} min", minutes=math.ceil(card.unloads_in_s / 60))


@models.command("show", help=_("Show what is known about a model."))
@reference_argument
@json_flag
def show_model(reference: str, json: bool) -> None:
    from fireside.cli.model_card import described
    from fireside.cli.output import print_fields, print_json, say
    from fireside.client.defaults import absolute_reference

    card, fit = run(lambda client: _card_and_fit(client, absolute_reference(reference)))
    if json:
        print_json(card)
        return
    told = [group for group in described(card, _state(card), fit) if any(value for _name, value in group)]
    for number, group in enumerate(told):
        if number:
            say("")
        print_fields(group)


async def _card_and_fit(client: AsyncClient, reference: str) -> tuple[ModelCard, str | None]:
    from fireside.cli.models_fit import fit_of

    card = await client.model(reference)
    return card, await fit_of(client, card)


@models.command("pull", help=_("Fetch a model; what a broken download has fetched is used again."))
@reference_argument
@yes_flag
def pull_model(reference: str, yes: bool) -> None:
    from fireside.cli.output import say, size
    from fireside.client.defaults import absolute_reference

    card = run(lambda client: _pull(client, absolute_reference(reference), yes=yes))
    if card.place == "elsewhere":
        say(f"{card.reference} · {place_of(card)}")
        return
    say(_("{model} is here ({size})", model=card.reference, size=size(card.size_bytes)))


async def _pull(client: AsyncClient, reference: str, *, yes: bool) -> ModelCard:
    """Fetch a model. Its terms, and a copy that is here, are told to everybody; a person is asked first."""
    from fireside.cards import ModelCard
    from fireside.cli.copies import copy_in_words
    from fireside.cli.models_fit import fit_of
    from fireside.cli.output import introduce, note, waiting
    from fireside.errors import ModelDamaged, ServerUnavailable

    with suppress(ModelDamaged):  # a copy that broke is fetched anew, and what it is was shown before
        card = await client.model(reference)
        if card.installed:
            return card
        introduce(card, await fit_of(client, card))
        if copy := await copy_in_words(client, card):
            note(copy)
        if (card.terms or copy) and sys.stdin is not None and sys.stdin.isatty():
            question = _("Fetch it under these terms?") if card.terms else _("Fetch it all the same?")
            confirm(question, yes=yes)
        reference = card.reference
    with waiting() as line:
        async with aclosing(client.pull(reference)) as steps:
            async for step in steps:
                if isinstance(step, ModelCard):
                    return step
                line.show(step)
    raise ServerUnavailable(_("the server broke off"), hint=_("do it again: it goes on where it was"))


@models.command(
    "rm",
    help=_("Remove a fetched model; files outside of Fireside's own folder are never touched."),
    short_help=_("Remove a fetched model."),
)
@reference_argument
@yes_flag
def remove_model(reference: str, yes: bool) -> None:
    from fireside.cli.output import say

    confirm(_("Remove {model}?", model=reference), yes=yes)
    run(lambda client: client.remove_model(reference))
    say(_("removed {model}", model=reference))
