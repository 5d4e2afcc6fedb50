"""The commands: what `fireside` can be asked for, and how every command ends.

The modules of the commands import what is slow (the client, rich) inside their functions.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from fireside.cli import chats, models, personas, server
from fireside.cli.flags import no_flags, with_chat_flags
from fireside.cli.languages import _
from fireside.cli.options import ChatOptions
from fireside.errors import FiresideError

app = typer.Typer(
    name="fireside",
    help=_("Talk with a language model that runs on your own machine."),
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would take longer to draw the help than all the rest of it
    add_completion=True,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from fireside import __version__

        sys.stdout.write(f"fireside {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
@with_chat_flags
def _chat(
    context: typer.Context,
    options: ChatOptions,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help=_("Print the version."))
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        from fireside.cli.chat import run as run_chat

        raise typer.Exit(run_chat(options))
    if options != no_flags():
        raise typer.BadParameter(
            _("flags for `{command}` come behind it", command=context.invoked_subcommand)
        )


@app.command("ask", help=_("Ask one question and print the reply."))
@with_chat_flags
def _ask(
    options: ChatOptions,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT…", help=_("The question; standard input is added."))
    ] = None,
) -> None:
    from fireside.cli.ask import ask

    ask(words or [], options)


app.add_typer(chats.app, name="chats")
app.add_typer(personas.app, name="personas")
app.add_typer(models.app, name="models")
app.command("open", help=_("Open the page in a browser."))(server.open_page)
app.command("serve", help=_("Run the server until it is stopped."))(server.serve)
app.command("status", help=_("Show address, model, memory and where the data lies."))(server.status)
app.command("stop", help=_("Stop the server, once running replies have ended."))(server.stop)
app.command("backup", help=_("Write everything that was said into one file."))(server.backup)
app.command("restore", help=_("Put a backup in the place of the conversations."))(server.restore)


def run() -> int:
    """Run the command of `sys.argv`; return 0 when it is done, 1 after an error, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="fireside")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except FiresideError as error:
        from fireside.cli.output import tell_error

        tell_error(error)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads on; what is still buffered must not fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0
