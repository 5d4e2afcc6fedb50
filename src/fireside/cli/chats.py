"""`fireside chats`: what was talked about, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import Command, json_flag, list_unless_asked, yes_flag
from fireside.cli.languages import _, _n
from fireside.cli.running import run

if TYPE_CHECKING:
    from fireside.cards import ImportSummary
    from fireside.client.routes import AsyncClient
    from fireside.conversations import Conversation, SearchHit, Tree

which_argument = click.argument("which", metavar="ID")
several_argument = click.argument("which", metavar="ID…", nargs=-1, required=True)


def _limit_flag(default: int) -> Callable[[Command], Command]:
    kind = click.IntRange(min=1)
    return click.option("-n", "--limit", type=kind, default=default, show_default=True, help=_("How many."))


@click.group("chats", invoke_without_command=True)
@json_flag
@click.pass_context
def chats(context: click.Context, json: bool) -> None:
    list_unless_asked(context, list_chats, json=json)


@chats.command("list", help=_("List conversations, the newest first."))
@_limit_flag(50)
@click.option("--trash", is_flag=True, help=_("What lies in the trash."))
@json_flag
def list_chats(limit: int, trash: bool, json: bool) -> None:
    from fireside.cli.lookup import short_id
    from fireside.cli.output import moment, print_json, print_table
    from fireside.cli.warmth import short

    listed = run(lambda client: _list(client, limit, trash))
    if json:
        print_json(listed)
        return
    titles = (_("id"), _("title"), _("messages"), _("last used"), _("next reply"))
    rows = [
        (short_id(one.id), one.title, str(one.messages_count), moment(one.updated_at), short(one.warmth))
        for one in listed
    ]
    print_table(titles, rows, grows=1)


async def _list(client: AsyncClient, limit: int, trash: bool) -> list[Conversation]:
    listed: list[Conversation] = []
    async with aclosing(client.all_conversations(trash=trash)) as conversations:
        async for conversation in conversations:
            listed.append(conversation)
            if len(listed) == limit:
                break
    return listed


@chats.command("search", help=_("Search everything that was said."))
@click.argument("words", metavar="WORD…", nargs=-1, required=True)
@_limit_flag(20)
@json_flag
def search_chats(words: tuple[str, ...], limit: int, json: bool) -> None:
    from fireside.cli.output import print_json

    hits = run(lambda client: client.search(" ".join(words), limit=limit))
    if json:
        print_json(hits)
        return
    for hit in hits:
        _print_hit(hit)


def _print_hit(hit: SearchHit) -> None:
    import sys

    from fireside.cli.lookup import short_id
    from fireside.cli.output import can_colour, moment, write
    from fireside.cli.visible import visible_line

    before, after = ("\x1b[1m", "\x1b[0m") if can_colour(sys.stdout) else ("", "")
    pieces = [visible_line(piece) for piece in hit.snippet.replace("\x03", "\x02").split("\x02")]
    marked = [f"{before}{piece}{after}" if number % 2 else piece for number, piece in enumerate(pieces)]
    title = visible_line(hit.title)
    write(f"{short_id(hit.conversation_id)}\t{moment(hit.created_at)}\t{title}\t{''.join(marked)}\n")


@chats.command("show", help=_("Show what was said on the branch that is open."))
@which_argument
@json_flag
def show_chat(which: str, json: bool) -> None:
    from fireside.cli.output import print_json

    tree = run(lambda client: _tree(client, which))
    if json:
        print_json(tree)
    else:
        _print_branch(tree)


async def _tree(client: AsyncClient, which: str) -> Tree:
    from fireside.cli.lookup import find_conversation_id

    return await client.tree(await find_conversation_id(client, which))


def _print_branch(tree: Tree) -> None:
    from fireside.cli.output import moment, say
    from fireside.conversations import ReplyStatus
    from fireside.messages import FilePart, ImagePart, Role

    defaults = tree.conversation.defaults
    names = {Role.USER: defaults.me or _("you"), Role.SYSTEM: _("system")}
    states = {
        ReplyStatus.QUEUED: " " + _("(waits)"),
        ReplyStatus.STREAMING: " " + _("(is being written)"),
        ReplyStatus.STOPPED: " " + _("(stopped)"),
        ReplyStatus.INTERRUPTED: " " + _("(interrupted)"),
        ReplyStatus.FAILED: " " + _("(failed)"),
    }
    say(f"{tree.conversation.title}\n{moment(tree.conversation.created_at)} · {tree.conversation.id}")
    for message in tree.branch():
        name = names.get(message.role) or defaults.you or message.model or _("model")
        files = [f"[{part.name}]" for part in message.parts if isinstance(part, FilePart | ImagePart)]
        state = states.get(message.status, "")
        say("\n" + "\n".join([f"{name}:{state}", *files, message.text]))


@chats.command("export", help=_("Write one conversation, or all of them, as JSON or Markdown."))
@click.argument("which", metavar="[ID]", required=False)
@click.option("--format", "style", type=click.Choice(["markdown", "json"]), default="json", show_default=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help=_("Instead of standard output."),
)
def export_chats(which: str | None, style: Literal["markdown", "json"], output: Path | None) -> None:
    if which is None and style == "markdown":
        raise click.UsageError(_("all conversations are exported as JSON; name one for Markdown"))
    from fireside.cli.output import receiving

    async def export(client: AsyncClient) -> None:
        from fireside.cli.lookup import find_conversation_id

        with receiving(output) as file:
            if which is not None:
                file.write(await client.export_conversation(await find_conversation_id(client, which), style))
                return
            async with aclosing(client.export_all()) as pieces:
                async for piece in pieces:
                    file.write(piece)

    run(export)


@chats.command("import", help=_("Import what Fireside, ChatGPT or Claude exported; twice changes nothing."))
@click.argument("file", type=click.Path(path_type=Path))
@json_flag
def import_chats(file: Path, json: bool) -> None:
    from fireside.cli.output import print_json, say

    summary = run(lambda client: _import(client, file))
    if json:
        print_json(summary)
        return
    conversations = _n("{count} conversation", "{count} conversations", summary.conversations)
    messages = _n("{count} message", "{count} messages", summary.messages)
    say(_("imported {conversations} with {messages}", conversations=conversations, messages=messages))
    if summary.already_there:
        say(_n("{count} was there already", "{count} were there already", summary.already_there))
    for line in summary.skipped:
        say(_("skipped: {reason}", reason=line))


async def _import(client: AsyncClient, file: Path) -> ImportSummary:
    from fireside.cards import ImportSummary
    from fireside.cli.output import waiting
    from fireside.errors import ServerUnavailable

    with waiting() as line:
        async with aclosing(client.import_file(file)) as steps:
            async for step in steps:
                if isinstance(step, ImportSummary):
                    return step
                line.show(step)
    raise ServerUnavailable(_("the server broke off"), hint=_("do it again: nothing is imported twice"))


@chats.command("rm", help=_("Move conversations to the trash, from where `restore` brings them back."))
@several_argument
@click.option("--forever", is_flag=True, help=_("From the trash, for good."))
@yes_flag
def remove_chats(which: tuple[str, ...], forever: bool, yes: bool) -> None:
    from fireside.cli.output import say

    if forever:
        confirm(_("Delete {names} for good?", names=", ".join(which)), yes=yes)

    async def remove(client: AsyncClient) -> list[str]:
        from fireside.cli.lookup import find_conversation_id

        ids = [await find_conversation_id(client, one, trash=forever) for one in which]
        for conversation_id in ids:
            await client.delete_conversation(conversation_id, forever=forever)
        return ids

    for conversation_id in run(remove):
        if forever:
            say(_("deleted {id} for good", id=conversation_id))
        else:
            say(_("moved to the trash; `fireside chats restore {id}` brings it back", id=conversation_id))


@chats.command("restore", help=_("Bring conversations back from the trash."))
@several_argument
def restore_chats(which: tuple[str, ...]) -> None:
    from fireside.cli.output import say

    async def restore(client: AsyncClient) -> list[Conversation]:
        from fireside.cli.lookup import find_conversation_id

        ids = [await find_conversation_id(client, one, trash=True) for one in which]
        return [await client.restore_conversation(conversation_id) for conversation_id in ids]

    for conversation in run(restore):
        say(_("restored {title}", title=conversation.title))
