"""The flags that `fireside` and `fireside ask` share, written once, and how they are read."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from fireside.cli.languages import _
from fireside.cli.options import ChatOptions
from fireside.client.defaults import model_of_environment, read_defaults
from fireside.errors import BadRequest


def _number(kind: type[int | float], name: str, help_: str) -> Callable[[Command], Command]:
    return click.option(name, type=kind, metavar="NUMBER", help=help_)


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


Command = Callable[..., Any]

json_flag = click.option("--json", is_flag=True, help=_("Print JSON."))
yes_flag = click.option("--yes", is_flag=True, help=_("Answer every question with yes."))

_NAMED = {
    "model": click.option("--model", metavar="REF", help=_("The model, e.g. file:/models/x.gguf.")),
    "persona": click.option(
        "--persona", metavar="NAME", help=_("A persona; `fireside personas` lists them.")
    ),
    "system": click.option("--system", metavar="TEXT", help=_("What the model is told about itself.")),
    "format": click.option(
        "--format", metavar="chat|transcript", help=_("The model's own template, or `Alice: … Bob: …`.")
    ),
    "me": click.option("--me", metavar="NAME", help=_("Your name.")),
    "you": click.option("--you", metavar="NAME", help=_("The model's name.")),
    "reasoning": click.option(
        "--think/--no-think",
        "reasoning",
        default=None,
        help=_("Whether the model thinks before it answers, where it can."),
    ),
}
_STOP = _("End the reply before this text; \\n and \\t are understood; may be repeated.")
_SAMPLING = {
    "temperature": _number(float, "--temperature", _("0 always takes the likeliest token.")),
    "top_k": _number(int, "--top-k", _("Choose among this many likeliest tokens.")),
    "top_p": _number(float, "--top-p", _("… that together have this probability.")),
    "min_p": _number(float, "--min-p", _("… that have this share of the likeliest's.")),
    "max_tokens": _number(int, "--max-tokens", _("The longest reply, in tokens.")),
    "seed": _number(int, "--seed", _("The same seed gives the same reply.")),
    "stop": click.option("--stop", multiple=True, metavar="TEXT", help=_STOP),
}
_WHICH = {
    "continue_last": click.option(
        "-c", "--continue", "continue_last", is_flag=True, help=_("Go on with the last conversation.")
    ),
    "conversation_id": click.option(
        "--conversation",
        "conversation_id",
        metavar="ID",
        help=_("Go on with this one: its id, a part of it, or its title."),
    ),
    "temporary": click.option("--temporary", is_flag=True, help=_("Keep nothing of this chat.")),
    "json": json_flag,
    "yes": yes_flag,
}
_FLAGS = {**_NAMED, **_SAMPLING, **_WHICH}


def _read(given: Mapping[str, Any]) -> ChatOptions:
    which = {name: given[name] for name in _WHICH}
    if sum(map(bool, (given["continue_last"], given["conversation_id"], given["temporary"]))) > 1:
        raise click.UsageError(_("choose one of --continue, --conversation and --temporary"))
    sampling = {name: given[name] for name in _SAMPLING}
    sampling["stop"] = [unescaped(text) for text in given["stop"] or ()] or None
    named = {name: given[name] for name in _NAMED}
    if not (given["continue_last"] or given["conversation_id"]):
        named["model"] = named["model"] or model_of_environment(named["persona"], os.environ)
    try:
        return ChatOptions(defaults=read_defaults(named, sampling), **which)
    except BadRequest as error:
        raise click.UsageError(error.message) from error


def with_chat_flags(command: Command) -> Command:
    """Give a command the shared flags: it is called with what they say as `options`."""

    def reading(**given: Any) -> Any:
        options = _read({name: given.pop(name) for name in _FLAGS})
        return command(**given, options=options)

    functools.update_wrapper(reading, command)
    for flag in reversed(_FLAGS.values()):
        flag(reading)
    return reading


def list_unless_asked(context: click.Context, listing: click.Command, *, json: bool) -> None:
    """Carry out `listing` for a group that was named without one of its commands."""
    if context.invoked_subcommand is None:
        context.invoke(listing, json=json)
    elif json:
        raise _misplaced(context)


def refuse_misplaced(context: click.Context) -> None:
    """Raise when a shared flag stands before the name of a command, where it would count for nothing."""
    source = click.core.ParameterSource.COMMANDLINE
    if any(context.get_parameter_source(name) is source for name in _FLAGS):
        raise _misplaced(context)


def _misplaced(context: click.Context) -> click.UsageError:
    return click.UsageError(_("flags for `{command}` come behind it", command=context.invoked_subcommand))


def unescaped(text: str) -> str:
    r"""Return `text` with `\n`, `\t`, `\r` and `\\` as what they stand for; any other backslash stays.

    >>> unescaped(r"User:\n"), unescaped(r"C:\dir\\n")
    ('User:\n', 'C:\\dir\\n')
    """
    return re.sub(r"\\([ntr\\])", lambda found: _ESCAPES[found.group(1)], text)
