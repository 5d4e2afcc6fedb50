"""`fireside memories`: what a person asked to be remembered in all conversations."""

from __future__ import annotations

from collections.abc import Sequence

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, list_unless_asked, yes_flag
from fireside.cli.languages import _
from fireside.cli.running import run
from fireside.errors import BadRequest, FiresideError, MemoryNotFound
from fireside.memories import Memory


@click.group("memories", invoke_without_command=True)
@json_flag
@click.pass_context
def memories(context: click.Context, json: bool) -> None:
    list_unless_asked(context, list_memories, json=json)


@memories.command("list", help=_("List the memories with their numbers."))
@json_flag
def list_memories(json: bool) -> None:
    from fireside.cli.output import moment, note, print_json, print_table

    found = run(lambda client: client.memories.all())
    if json:
        print_json(found.memories)
        return
    rows = [
        (f"{number}", each.text, moment(each.updated_at)) for number, each in enumerate(found.memories, 1)
    ]
    print_table((_("number"), _("memory"), _("written")), rows, grows=1)
    note(_("conversations are given them") if found.on else off())


@memories.command("add", help=_("Remember a text."))
@click.argument("words", metavar=_("TEXT…"), nargs=-1, required=True)
@json_flag
def add(words: tuple[str, ...], json: bool) -> None:
    from fireside.cli.output import note, print_json, say

    kept = run(lambda client: client.memories.add(" ".join(words)))
    if json:
        print_json(kept)
        return
    say(_("remembered: {words}", words=kept.text))
    if not run(lambda client: client.memories.all()).on:
        note(off())


@memories.command("edit", help=_("Change what is remembered."))
@click.argument("which", metavar=_("NUMBER|ID"))
@click.argument("words", metavar=_("TEXT…"), nargs=-1, required=True)
@json_flag
def edit(which: str, words: tuple[str, ...], json: bool) -> None:
    from fireside.cli.output import print_json, say

    kept = run(lambda client: client.memories.all()).memories
    changed = run(lambda client: client.memories.edit(choose(kept, which).id, " ".join(words)))
    print_json(changed) if json else say(_("remembered: {words}", words=changed.text))


@memories.command("rm", help=_("Forget a memory."))
@click.argument("which", metavar=_("NUMBER|ID"))
@yes_flag
def forget(which: str, yes: bool) -> None:
    from fireside.cli.output import say

    chosen = choose(run(lambda client: client.memories.all()).memories, which)
    confirm(_("Forget “{words}”?", words=chosen.text), yes=yes)
    run(lambda client: client.memories.forget(chosen.id))
    say(_("forgotten: {words}", words=chosen.text))


@memories.command("on", help=_("Give conversations the memories that apply."))
def switch_on() -> None:
    _switch(on=True)


@memories.command("off", help=_("Give no conversation a memory; nothing is forgotten."))
def switch_off() -> None:
    _switch(on=False)


def _switch(*, on: bool) -> None:
    from fireside.cli.output import say

    run(lambda client: client.memories.switch(on=on))
    say(_("conversations are given them") if on else off())


def off() -> str:
    return _("memories are off: `fireside memories on`, or /memories on in the chat")


def choose(kept: Sequence[Memory], which: str) -> Memory:
    """Return the memory that is meant: by its number in the list, its id, or words of it."""
    wanted = which.strip().casefold()
    if wanted.isdecimal() and 1 <= int(wanted) <= len(kept):
        return kept[int(wanted) - 1]
    found = [memory for memory in kept if memory.id == wanted]
    found = found or [memory for memory in kept if wanted and wanted in memory.text.casefold()]
    if len(found) == 1:
        return found[0]
    raise _unclear(found, which)


def _unclear(found: Sequence[Memory], which: str) -> FiresideError:
    hint = _("`fireside memories` lists them")
    if found:
        return BadRequest(
            _("{name} may mean {count} memories", name=repr(which), count=len(found)), hint=hint
        )
    return MemoryNotFound(_("there is no memory {name}", name=repr(which)), hint=hint)
