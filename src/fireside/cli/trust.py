"""`fireside models trust`: look at the code that a model brings, and let it run or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, yes_flag
from fireside.cli.languages import _
from fireside.cli.running import run
from fireside.errors import BadRequest

if TYPE_CHECKING:
    from fireside.cards import ModelCode


@click.command("trust")
@click.argument("reference", metavar="REF", required=False)
@click.option("--list", "lists", is_flag=True, help=_("List the models that may run code of their own."))
@click.option("--revoke", is_flag=True, help=_("Take it back: the model's code runs no more."))
@yes_flag
@json_flag
def trust(reference: str | None, lists: bool, revoke: bool, yes: bool, json: bool) -> None:
    from fireside.cli.output import note, print_json, say

    if lists:
        references = run(lambda client: client.trust.all())
        if json:
            print_json(references)
            return
        for one in references:
            say(one)
        if not references and sys.stdout.isatty():
            note(_("no model may run code of its own"))
        return
    if reference is None:
        raise BadRequest(_("which model?"), hint="fireside models trust REF")
    _decide(reference, revoke=revoke, yes=yes, json=json)


def _decide(reference: str, *, revoke: bool, yes: bool, json: bool) -> None:
    from fireside.cli.output import print_json, say
    from fireside.client.defaults import absolute_reference

    model = absolute_reference(reference)
    if revoke:
        run(lambda client: client.trust.revoke(model))
        say(_("{model} may run no code of its own any more", model=model))
        return
    code = run(lambda client: client.trust.code(model))
    if json:
        print_json(code)
        return
    if not code.files:
        say(_("{model} brings no code that would run", model=model))
        return
    _list(code)
    if code.trusted:
        say(_("its code was allowed already, and is unchanged"))
        return
    _read(code)
    confirm(_("Let this code run on your computer, with all that you may do?"), yes=yes)
    run(lambda client: client.trust.allow(model, code.digest))
    say(_("{model} may run this code, as long as it doesn't change", model=model))


def _list(code: ModelCode) -> None:
    from fireside.cli.output import print_table, size

    rows = [(file.name, size(file.size_bytes), file.sha256) for file in code.files]
    print_table((_("file"), _("size"), "SHA-256"), rows)
    if code.named:
        print_table((_("used as"), _("code")), list(code.named.items()))


def _read(code: ModelCode) -> None:
    """Show the text, where somebody is there to read it."""
    from fireside.cli.visible import visible

    if sys.stdin is None or not sys.stdin.isatty() or not sys.stdout.isatty():
        return
    texts = (f"# {file.name}\n# SHA-256 {file.sha256}\n\n{file.text}" for file in code.files)
    click.echo_via_pager(visible("\n\n".join(texts)) + "\n")
