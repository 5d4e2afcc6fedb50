"""`fireside personas`: roles for the model, each a short TOML text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, list_unless_asked, yes_flag
from fireside.cli.languages import _
from fireside.cli.running import run

if TYPE_CHECKING:
    from fireside.cards import Persona
    from fireside.client.routes import AsyncClient

name_argument = click.argument("name")


@click.group("personas", invoke_without_command=True)
@json_flag
@click.pass_context
def personas(context: click.Context, json: bool) -> None:
    list_unless_asked(context, list_personas, json=json)


@personas.command("list", help=_("List the personas there are."))
@json_flag
def list_personas(json: bool) -> None:
    from fireside.cli.output import print_json, print_table

    found = run(lambda client: client.personas())
    if json:
        print_json(found)
        return
    rows = [(one.name, one.description, "" if one.source is None else _("yours")) for one in found]
    print_table((_("name"), _("description"), ""), rows, grows=1)


@personas.command("show", help=_("Print a persona as TOML."))
@name_argument
@json_flag
def show_persona(name: str, json: bool) -> None:
    from fireside.cli.output import print_json, say

    persona = run(lambda client: client.persona(name))
    if json:
        print_json(persona)
    else:
        say(_toml(persona).rstrip("\n"))


@personas.command(
    "new", help=_("Create a persona from a text, from TOML on standard input, or in your editor.")
)
@name_argument
@click.argument("description", metavar="[TEXT]", required=False)
@yes_flag
def new_persona(name: str, description: str | None, yes: bool) -> None:
    from fireside.cards import PERSONA_NAME, Persona
    from fireside.errors import BadRequest, Conflict

    if not PERSONA_NAME.fullmatch(name):
        raise BadRequest(
            _("{name} can't be a persona's name", name=repr(name)),
            hint=_("letters, digits, spaces, dots, hyphens and underscores, 60 at most"),
        )
    if run(lambda client: _is_taken(client, name)) and not yes:
        raise Conflict(
            _("there is a persona called {name} already", name=name),
            hint=_("`fireside personas edit {name}` changes it, --yes replaces it", name=name),
        )
    if description is not None:
        _save(name, _toml(Persona(name=name, description=description)))
    elif sys.stdin is not None and not sys.stdin.isatty():
        _save(name, sys.stdin.read())
    else:
        _edit(name, _toml(Persona(name=name, description=_("You are …"))))


@personas.command(
    "edit",
    help=_("Edit a persona in $EDITOR; of one that comes with the program you get a copy of your own."),
)
@name_argument
def edit_persona(name: str) -> None:
    _edit(name, _toml(run(lambda client: client.persona(name))))


@personas.command("rm", help=_("Remove a persona of yours."))
@name_argument
@yes_flag
def remove_persona(name: str, yes: bool) -> None:
    from fireside.cli.output import say

    confirm(_("Remove the persona {name}?", name=name), yes=yes)
    run(lambda client: client.remove_persona(name))
    say(_("removed {name}", name=name))


def _edit(name: str, text: str) -> None:
    from fireside.cli.editor import edited
    from fireside.cli.output import say

    def keep(changed: str) -> None:
        run(lambda client: client.save_persona(name, changed))

    if edited(text, suffix=".toml", keep=keep) is None:
        say(_("nothing was changed"))
    else:
        say(_("saved {name}", name=name))


def _save(name: str, toml: str) -> None:
    from fireside.cli.output import say

    saved = run(lambda client: client.save_persona(name, toml))
    say(_("saved {name}", name=saved.name))


async def _is_taken(client: AsyncClient, name: str) -> bool:
    listed = await client.personas()
    return any(one.name.casefold() == name.casefold() for one in listed)


def _toml(persona: Persona) -> str:
    from fireside.personas import to_toml

    return persona.source if persona.source is not None else to_toml(persona)
