"""The slash commands as one table: name, arguments, help, function. A new one is one line here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fireside.cli.chat import (
    commands_answering,
    commands_branches,
    commands_chats,
    commands_files,
    commands_memory,
    commands_view,
)
from fireside.cli.chat.session import Leave, Session
from fireside.cli.languages import _
from fireside.errors import BadRequest, FiresideError

Run = Callable[[Session, str], Awaitable[None]]
"""Given the session and what stands after the name, without blanks around it."""
Choices = Callable[[Session], Awaitable[Sequence[tuple[str, str]]]]
"""What an argument may be, each with a few words about it."""

_NAME = re.compile(r"/([a-z]*)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Command:
    name: str
    arguments: str
    help: str
    run: Run
    choices: Choices | None = None
    takes_path: bool = False

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()


def table() -> dict[str, Command]:
    """Return all commands by name, in the order of the help."""
    commands = [
        Command("help", _("[COMMAND]"), _("what the commands do"), _help),
        *_answering(),
        *_branches(),
        *_chats(),
        *_files(),
        *_memory(),
        Command("names", "[on|off]", _("names before lines"), commands_view.names, commands_view.on_off),
        Command(
            "stats",
            "[on|off]",
            _("speed and token counts after each reply"),
            commands_view.stats,
            commands_view.on_off,
        ),
        Command("quit", "", _("leave; so does Ctrl-D"), _quit),
    ]
    return {command.name: command for command in commands}


def _answering() -> list[Command]:
    rooms = commands_answering
    return [
        Command("model", _("[REFERENCE]"), _("the model that answers"), rooms.model, rooms.models),
        Command(
            "persona", _("[NAME|none]"), _("the role that the model plays"), rooms.persona, rooms.personas
        ),
        Command("system", _("[TEXT|none]"), _("the text that stands before everything"), rooms.system),
        Command(
            "set",
            _("[NAME VALUE]"),
            _("sampling: temperature, seed, stop, …; none resets"),
            rooms.set_sampling,
            rooms.parameters,
        ),
        Command("me", _("[NAME|none]"), _("what I am called"), rooms.me),
        Command("you", _("[NAME|none]"), _("what the model is called"), rooms.you),
        Command(
            "format",
            "[chat|transcript]",
            _("how the dialogue is put to the model"),
            rooms.prompt_format,
            rooms.formats,
        ),
        Command(
            "think",
            "[on|off|none]",
            _("whether the model thinks before it answers, where it can"),
            rooms.think,
            rooms.ways_to_think,
        ),
    ]


def _branches() -> list[Command]:
    rooms = commands_branches
    return [
        Command(
            "regen",
            _("[TEXT|NAME=VALUE]"),
            _("another reply, as it is or differently"),
            rooms.regen,
            commands_answering.assignments,
        ),
        Command(
            "edit",
            "[N]",
            _("change my last message, or the one N turns back, on a new branch"),
            rooms.edit,
            rooms.my_turns,
        ),
        Command("continue", "", _("go on with a reply that was cut"), rooms.go_on),
        Command(
            "branch", "[N|next|prev]", _("switch branches at the latest fork"), rooms.branch, rooms.options
        ),
        Command("branches", "", _("all forks as a tree"), rooms.branches),
        Command("undo", "", _("go back before the last turn; nothing is deleted"), rooms.undo),
    ]


def _chats() -> list[Command]:
    rooms = commands_chats
    return [
        Command("chats", "[N]", _("the latest conversations"), rooms.chats),
        Command("open", _("N|ID|WORDS"), _("go on in another conversation"), rooms.open_chat, rooms.recent),
        Command("search", _("WORDS"), _("where something was said"), rooms.search),
        Command("new", "", _("a new conversation"), rooms.new),
        Command("temporary", "", _("a new conversation that is not kept"), rooms.temporary),
        Command("rename", _("TITLE"), _("another title"), rooms.rename),
        Command("delete", "", _("move this conversation to the trash"), rooms.delete),
    ]


def _files() -> list[Command]:
    rooms = commands_files
    return [
        Command(
            "file",
            _("PATH"),
            _("attach a text file or a picture to the next message"),
            rooms.attach,
            takes_path=True,
        ),
        Command(
            "export",
            _("FILE.md|FILE.json"),
            _("write this conversation to a file"),
            rooms.export,
            takes_path=True,
        ),
        Command(
            "import",
            _("FILE"),
            _("read conversations from Fireside, ChatGPT or Claude"),
            rooms.import_chats,
            takes_path=True,
        ),
        Command("copy", "", _("copy the last reply"), rooms.copy),
    ]


def _memory() -> list[Command]:
    rooms = commands_memory
    return [
        Command("context", "", _("what the model was given for the last reply"), rooms.context),
        Command("remember", _("TEXT"), _("remember something in all conversations"), rooms.remember),
        Command("forget", _("[NUMBER|WORDS]"), _("forget it again"), rooms.forget, rooms.numbered),
        Command(
            "memories",
            "[on|off]",
            _("what is remembered, and whether it is used"),
            rooms.memories,
            commands_view.on_off,
        ),
    ]


def is_command(text: str) -> bool:
    """Return whether `text` is for us and not for the model.

    >>> is_command("/help"), is_command("//help"), is_command("1/2")
    (True, False, False)
    """
    return text.startswith("/") and not text.startswith("//")


async def run(session: Session, text: str) -> None:
    """Do what the line `text` asks for; BadRequest with the nearest name for an unknown command."""
    found = _NAME.fullmatch(text.strip())
    command = table().get(found[1]) if found else None
    if found is None or command is None:
        session.draft = text  # perhaps it was meant for the model
        raise unknown(text.split()[0].removeprefix("/"))
    if found[2] and not command.arguments:
        raise BadRequest(_("/{name} takes no argument", name=command.name))
    await command.run(session, (found[2] or "").strip())


def unknown(name: str) -> FiresideError:
    """Return the error for a name that no command has."""
    near = difflib.get_close_matches(name, table(), n=1, cutoff=0.5)
    literal = _("begin with // to send a line that starts with a slash")
    hint = _("do you mean /{name}?", name=near[0]) if near else _("/help lists the commands")
    return BadRequest(_("there is no command /{name}", name=name), hint=f"{hint} · {literal}")


async def _help(session: Session, argument: str) -> None:
    commands = table()
    if argument:
        name = argument.removeprefix("/")
        if name not in commands:
            raise unknown(name)
        commands = {name: commands[name]}
    commands_view.columns(session.screen, [(each.usage, each.help) for each in commands.values()])
    if not argument:
        session.screen.note(_('Alt-Enter or """ … """: several lines · Ctrl-C: stop the reply · //: a slash'))


async def _quit(session: Session, argument: str) -> None:
    raise Leave
