"""`fireside models import`: models that other programs keep on this machine, used where they lie."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fireside.cli.flags import json_flag
from fireside.cli.languages import _
from fireside.cli.running import run
from fireside.cli.visible import visible_line

if TYPE_CHECKING:
    from fireside.cards import FoundModel


@click.command(
    "import",
    help=_(
        "List the models that Ollama, LM Studio, Jan, GPT4All and the Hugging Face cache have here. "
        "With REF, list that one with your own models: nothing is copied."
    ),
)
@click.argument("reference", metavar="[REF]", required=False)
@click.option("--forget", is_flag=True, help=_("List REF no longer; its files stay as they are."))
@json_flag
def import_models(reference: str | None, forget: bool, json: bool) -> None:
    from fireside.client.defaults import absolute_reference

    if reference is None:
        if forget:
            raise click.UsageError(_("--forget needs the reference of a model"))
        _list(json=json)
    elif forget:
        _forget(absolute_reference(reference))
    else:
        _add(absolute_reference(reference), json=json)


def _list(*, json: bool) -> None:
    from fireside.cli.output import note, print_json

    found = run(lambda client: client.imports.found())
    if json:
        print_json(found.models)
    else:
        for one in found.models:
            _tell(one)
        if not found.models:
            note(_("no other program keeps models here"))
        elif any(not (one.imported or one.reason) for one in found.models):
            note(_("use one at once with --model, or list it with your models: fireside models import REF"))
    for notice in found.notices:
        note(notice)


def _tell(one: FoundModel) -> None:
    """Print a model: for a program one tab-separated line, for a person its whole reference, to be copied."""
    from fireside.cli.output import print_table, say, size

    words = (one.name, size(one.size_bytes), _program(one), _state(one))
    if sys.stdout.isatty():
        say(f"{visible_line(one.reference)}\n  {' · '.join(map(visible_line, filter(None, words)))}")
    else:
        print_table((), [(one.reference, *words)])


def _program(one: FoundModel) -> str:
    return one.program if one.program != "file" else _("your own file")


def _state(one: FoundModel) -> str:
    words = [_("imported")] if one.imported else []
    words.append(one.reason or _("can be used"))
    if one.also:
        words.append(_("also as {references}", references=", ".join(one.also)))
    return ", ".join(words)


def _add(reference: str, *, json: bool) -> None:
    from fireside.cli.output import print_json, say

    card = run(lambda client: client.imports.add(reference))
    if json:
        print_json(card)
        return
    say(_("{model} is listed with your models; it stays where it lies", model=card.reference))


def _forget(reference: str) -> None:
    from fireside.cli.output import say

    run(lambda client: client.imports.forget(reference))
    say(_("{model} is listed no longer; its files are as they were", model=reference))
