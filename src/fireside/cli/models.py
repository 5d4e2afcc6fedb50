"""`fireside models`: what models there are, fetching and removing them."""

from __future__ import annotations

from contextlib import aclosing
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

reference_argument = click.argument("reference", metavar="REF")


MORE: Commands = {}


@click.group("models", invoke_without_command=True, cls=LazyGroup, table=MORE)
@json_flag
@click.pass_context
def models(context: click.Context, json: bool) -> None:
    list_unless_asked(context, list_models, json=json)


@models.command("list", help=_("List the models that are here, and the default one."))
@json_flag
def list_models(json: bool) -> None:
    from fireside.cli.output import print_json, print_table, size

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
            card.licence or "?",
            _state(card),
        )
        for card in cards
    ]
    print_table(titles, rows)


def _state(card: ModelCard) -> str:
    states = (
        (card.place == "elsewhere", place_of(card)),
        (card.is_default, _("default")),
        (card.loaded, _("loaded")),
        (not card.installed, _("not fetched yet")),
        (card.purpose == "embedding", _("makes embeddings")),
        (card.purpose == "ranking", _("ranks texts")),
    )
    return ", ".join(word for holds, word in states if holds)


@models.command("show", help=_("Show what is known about a model."))
@reference_argument
@json_flag
def show_model(reference: str, json: bool) -> None:
    from fireside.cli.output import print_fields, print_json, size
    from fireside.client.defaults import absolute_reference

    card = run(lambda client: client.model(absolute_reference(reference)))
    if json:
        print_json(card)
        return
    template = {True: _("has a chat template"), False: _("has no chat template"), None: None}
    print_fields(
        [
            (_("model"), card.reference),
            (_("name"), card.name),
            (_("origin"), card.origin),
            (_("licence"), card.licence or _("unknown")),
            (_("place"), _("this machine") if card.place == "here" else card.origin),
            (_("size"), size(card.size_bytes) if card.weights else None),
            (_("parameters"), f"{card.parameters:,}" if card.parameters else None),
            (_("architecture"), card.architecture),
            (_("quantization"), card.quantization),
            (_("context"), f"{card.context_length:,}" if card.context_length else None),
            (_("languages"), ", ".join(card.languages)),
            (_("format"), template[card.has_template]),
            (_("state"), _state(card)),
            (_("problem"), card.problem),
            (_("file"), card.path),
            ("SHA-256", card.sha256),
        ]
    )


@models.command("pull", help=_("Fetch a model; what a broken download has fetched is used again."))
@reference_argument
def pull_model(reference: str) -> None:
    from fireside.cli.output import say, size
    from fireside.client.defaults import absolute_reference

    card = run(lambda client: _pull(client, absolute_reference(reference)))
    if card.place == "elsewhere":
        say(f"{card.reference} · {place_of(card)}")
        return
    say(_("{model} is here ({size})", model=card.reference, size=size(card.size_bytes)))


async def _pull(client: AsyncClient, reference: str) -> ModelCard:
    from fireside.cards import ModelCard
    from fireside.cli.output import introduce, waiting
    from fireside.errors import ServerUnavailable

    card = await client.model(reference)
    if card.installed:
        return card
    introduce(card)
    with waiting() as line:
        async with aclosing(client.pull(reference)) as steps:
            async for step in steps:
                if isinstance(step, ModelCard):
                    return step
                line.show(step)
    raise ServerUnavailable(_("the server broke off"), hint=_("do it again: it goes on where it was"))


@models.command(
    "rm", help=_("Remove a fetched model; files outside of Fireside's own folder are never touched.")
)
@reference_argument
@yes_flag
def remove_model(reference: str, yes: bool) -> None:
    from fireside.cli.output import say

    confirm(_("Remove {model}?", model=reference), yes=yes)
    run(lambda client: client.remove_model(reference))
    say(_("removed {model}", model=reference))
