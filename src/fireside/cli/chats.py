"""`fireside chats`: what was talked about, and where it goes."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fireside.cli.asking import confirm
from fireside.cli.flags import Json, Yes
from fireside.cli.languages import _, _n
from fireside.cli.running import run

if TYPE_CHECKING:
    from fireside.cards import ImportSummary
    from fireside.client.routes import AsyncClient
    from fireside.conversations import Conversation, SearchHit, Tree

app = typer.Typer(help=_("List, search, export, import and delete chats."))
Which = Annotated[str, typer.Argument(metavar="ID", help=_("An id, a part of one, or a title."))]
Several = Annotated[list[str], typer.Argument(metavar="ID…", help=_("Ids, parts of ids, or titles."))]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help=_("How many at most."))]


@app.callback(invoke_without_command=True)
def chats(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_chats()


@app.command("list", help=_("List conversations, the newest first."))
def list_chats(
    limit: Limit = 50,
    trash: Annotated[bool, typer.Option("--trash", help=_("What lies in the trash."))] = False,
    json: Json = False,
) -> None:
    from fireside.cli.lookup import short_id
    from fireside.cli.output import moment, print_json, print_table

    listed = run(lambda client: _list(client, limit, trash))
    if json:
        print_json(listed)
        return
    titles = (_("id"), _("title"), _("messages"), _("last used"))
    rows = [(short_id(one.id), one.title, str(one.messages_count), moment(one.updated_at)) for one in listed]
    print_table(titles, rows, grows=1)


async def _list(client: AsyncClient, limit: int, trash: bool) -> list[Conversation]:
    listed: list[Conversation] = []
    async with aclosing(client.all_conversations(trash=trash)) as conversations:
        async for conversation in conversations:
            listed.append(conversation)
            if len(listed) == limit:
                break
    return listed


@app.command("search", help=_("Search everything that was said."))
def search_chats(
    words: Annotated[list[str], typer.Argument(metavar="WORD…")], limit: Limit = 20, json: Json = False
) -> None:
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


@app.command("show", help=_("Show what was said on the branch that is open."))
def show_chat(which: Which, json: Json = False) -> None:
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
    from fireside.messages import FilePart, Role

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
        files = [f"[{part.name}]" for part in message.parts if isinstance(part, FilePart)]
        state = states.get(message.status, "")
        say("\n" + "\n".join([f"{name}:{state}", *files, message.text]))


@app.command("export", help=_("Write one conversation, or all of them, as JSON or Markdown."))
def export_chats(
    which: Annotated[str | None, typer.Argument(metavar="[ID]", help=_("All of them without one."))] = None,
    style: Annotated[Literal["markdown", "json"], typer.Option("--format")] = "json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=_("Instead of standard output."))
    ] = None,
) -> None:
    if which is None and style == "markdown":
        raise typer.BadParameter(_("all conversations are exported as JSON; name one for Markdown"))
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


@app.command("import", help=_("Import conversations; importing twice changes nothing."))
def import_chats(
    file: Annotated[
        Path, typer.Argument(help=_("An export of Fireside, ChatGPT or Claude: file, zip or folder."))
    ],
    json: Json = False,
) -> None:
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


@app.command("rm", help=_("Move conversations to the trash, from where `restore` brings them back."))
def remove_chats(
    which: Several,
    forever: Annotated[bool, typer.Option("--forever", help=_("From the trash, for good."))] = False,
    yes: Yes = False,
) -> None:
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


@app.command("restore", help=_("Bring conversations back from the trash."))
def restore_chats(which: Several) -> None:
    from fireside.cli.output import say

    async def restore(client: AsyncClient) -> list[Conversation]:
        from fireside.cli.lookup import find_conversation_id

        ids = [await find_conversation_id(client, one, trash=True) for one in which]
        return [await client.restore_conversation(conversation_id) for conversation_id in ids]

    for conversation in run(restore):
        say(_("restored {title}", title=conversation.title))
