"""`fireside keys`: what lets other programs and devices in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, list_unless_asked, yes_flag
from fireside.cli.languages import _
from fireside.cli.running import run

if TYPE_CHECKING:
    from fireside.cards import NewKey, Scope

_SCOPES = ("chat", "models", "admin")


@click.group("keys", invoke_without_command=True)
@json_flag
@click.pass_context
def keys(context: click.Context, json: bool) -> None:
    list_unless_asked(context, list_keys, json=json)


@keys.command("list", help=_("List the keys: what they may do and when they were last used."))
@json_flag
def list_keys(json: bool) -> None:
    from fireside.cli.output import moment, print_json, print_table

    found = run(lambda client: client.keys())
    if json:
        print_json(found)
        return
    rows = [
        (
            key.name,
            " ".join(key.scopes),
            moment(key.created_at),
            moment(key.last_used_at) if key.last_used_at else _("never"),
            key.id,
        )
        for key in found
    ]
    print_table((_("name"), _("scopes"), _("made"), _("last used"), _("id")), rows)


@keys.command("new", help=_("Make a key and print it, this once."))
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(_SCOPES),
    multiple=True,
    help=_("What it may do: chat (if nothing is named), models, admin; may be repeated."),
)
@json_flag
def new_key(name: str, scopes: tuple[Scope, ...], json: bool) -> None:
    from fireside.cli.output import note, print_json, say

    made = _make(name, scopes or ("chat",))
    if json:
        print_json(made)
        return
    say(made.secret)
    note(_("Keep it: it can't be shown again. From now on every other program needs a key too."))


@keys.command("rm", help=_("Remove a key; the devices that were signed in with it are signed out."))
@click.argument("name_or_id", metavar="NAME|ID")
@yes_flag
def remove_key(name_or_id: str, yes: bool) -> None:
    from fireside.cli.output import say

    confirm(_("Remove the key {name}?", name=name_or_id), yes=yes)
    run(lambda client: client.remove_key(name_or_id))
    say(_("removed {name}", name=name_or_id))


@keys.command("pair", help=_("Show a QR code that signs a device in, once."))
@click.argument("name_or_id", metavar="[NAME|ID]", required=False)
@json_flag
def pair(name_or_id: str | None, json: bool) -> None:
    from fireside.cli.greeting import show_pairing
    from fireside.cli.output import print_json

    made = run(lambda client: client.pair(name_or_id))
    if json:
        print_json(made)
        return
    show_pairing(made)


def _make(name: str, scopes: tuple[Scope, ...]) -> NewKey:
    """Make it by the running server; without one at once, for a server may need it to start at all."""
    from fireside.runtime import is_held
    from fireside.settings import find_home, load_settings

    home = find_home()
    if is_held(home):
        return run(lambda client: client.new_key(name, scopes))
    from fireside.server import offline

    return offline.new_key(load_settings(home), home, name, scopes)
