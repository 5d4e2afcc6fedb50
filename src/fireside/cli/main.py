"""The commands: what `fireside` can be asked for, and how every command ends.

A command's module is imported when it is asked for, and what is slow (the client, rich) inside its function.
"""

from __future__ import annotations

import os
import sys

import click

from fireside import __version__
from fireside.cli.flags import refuse_misplaced, with_chat_flags
from fireside.cli.languages import _
from fireside.cli.lazily import Commands, LazyGroup
from fireside.cli.options import ChatOptions
from fireside.cli.running import INTERRUPTED
from fireside.errors import FiresideError

COMMANDS: Commands = {
    "ask": ("fireside.cli.ask:ask", _("Ask one question and print the reply.")),
    "chats": ("fireside.cli.chats:chats", _("List, search, export, import and delete chats.")),
    "personas": ("fireside.cli.personas:personas", _("List, show, create, edit and remove personas.")),
    "memories": ("fireside.cli.memories:memories", _("Show and change what every chat remembers.")),
    "models": ("fireside.cli.models:models", _("List, show, fetch and remove models.")),
    "tune": ("fireside.cli.tune:tune", _("Find how a model runs best on this very machine.")),
    "bench": ("fireside.cli.bench:bench", _("Tell how fast a model answers on this machine.")),
    "keys": ("fireside.cli.keys:keys", _("Make, list and remove the keys that let others in.")),
    "open": ("fireside.cli.server:open_page", _("Open the page in a browser.")),
    "serve": ("fireside.cli.server:serve", _("Run the server until it is stopped.")),
    "status": ("fireside.cli.server:status", _("Show address, model, memory and where the data lies.")),
    "doctor": ("fireside.cli.doctor:doctor", _("Look at everything that Fireside needs, and mend it.")),
    "stop": ("fireside.cli.server:stop", _("Stop the server, once running replies have ended.")),
    "backup": ("fireside.cli.server:backup", _("Write everything that was said into one file.")),
    "restore": ("fireside.cli.server:restore", _("Put a backup in the place of the conversations.")),
}


@click.group(
    "fireside",
    cls=LazyGroup,
    table=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=_("Talk with a language model that runs on your own machine. Without a command, the chat begins."),
)
@click.version_option(__version__, message="fireside %(version)s", help=_("Print the version."))
@with_chat_flags
@click.pass_context
def fireside(context: click.Context, options: ChatOptions) -> None:
    if context.invoked_subcommand is None:
        from fireside.cli.chat import run as run_chat

        context.exit(run_chat(options))
    refuse_misplaced(context)


def run() -> int:
    """Run the command of `sys.argv`; return 0 when it is done, 1 after an error, 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        ended = fireside.main(prog_name="fireside", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except FiresideError as error:
        from fireside.cli.output import tell_error

        tell_error(error)
        return 1
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on; what is still buffered must not fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return ended if isinstance(ended, int) else 0
