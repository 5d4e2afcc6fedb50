"""The flags that `fireside` and `fireside ask` share, written once, and how they are read."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from fireside.cli.languages import _
from fireside.cli.options import ChatOptions
from fireside.client.defaults import model_of_environment, read_defaults
from fireside.errors import BadRequest

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def _flag(kind: object, help_: str, metavar: str | None = None, *names: str) -> object:
    """Return the annotation of a flag, as typer reads it; without `names` it is called like its parameter."""
    return Annotated[kind, typer.Option(*names, metavar=metavar, help=help_)]


_NAMED = {
    "model": _flag(str | None, _("The model, e.g. file:/models/x.gguf."), "REF"),
    "persona": _flag(str | None, _("A persona; `fireside personas` lists them."), "NAME"),
    "system": _flag(str | None, _("What the model is told about itself."), "TEXT"),
    "format": _flag(str | None, _("The model's own template, or `Alice: … Bob: …`."), "chat|transcript"),
    "me": _flag(str | None, _("Your name."), "NAME"),
    "you": _flag(str | None, _("The model's name."), "NAME"),
}
Json = Annotated[bool, typer.Option("--json", help=_("Print JSON."))]
Yes = Annotated[bool, typer.Option("--yes", help=_("Answer every question with yes."))]
_STOP = _("End the reply before this text; \\n and \\t are understood; may be repeated.")
_SAMPLING = {
    "temperature": _flag(float | None, _("0 always takes the likeliest token."), "NUMBER"),
    "top_k": _flag(int | None, _("Choose among this many likeliest tokens."), "NUMBER"),
    "top_p": _flag(float | None, _("… that together have this probability."), "NUMBER"),
    "min_p": _flag(float | None, _("… that have this share of the likeliest's."), "NUMBER"),
    "max_tokens": _flag(int | None, _("The longest reply, in tokens."), "NUMBER"),
    "seed": _flag(int | None, _("The same seed gives the same reply."), "NUMBER"),
    "stop": _flag(list[str] | None, _STOP, "TEXT"),
}
_WHICH = {
    "continue_last": _flag(bool, _("Go on with the last conversation."), None, "--continue", "-c"),
    "conversation_id": _flag(
        str | None, _("Go on with this one: its id, a part of it, or its title."), "ID", "--conversation"
    ),
    "temporary": _flag(bool, _("Keep nothing of this chat."), None, "--temporary"),
    "json": Json,
    "yes": Yes,
}
_SWITCHES = ("continue_last", "temporary", "json", "yes")
_FLAGS = [
    inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False if name in _SWITCHES else None, annotation=flag
    )
    for name, flag in {**_NAMED, **_SAMPLING, **_WHICH}.items()
]


def _read(given: Mapping[str, Any]) -> ChatOptions:
    which = {name: given[name] for name in _WHICH}
    if sum(map(bool, (given["continue_last"], given["conversation_id"], given["temporary"]))) > 1:
        raise typer.BadParameter(_("choose one of --continue, --conversation and --temporary"))
    sampling = {name: given[name] for name in _SAMPLING}
    sampling["stop"] = [unescaped(text) for text in given["stop"] or ()] or None
    named = {name: given[name] for name in _NAMED}
    if not (given["continue_last"] or given["conversation_id"]):
        named["model"] = named["model"] or model_of_environment(named["persona"], os.environ)
    try:
        return ChatOptions(defaults=read_defaults(named, sampling), **which)
    except BadRequest as error:
        raise typer.BadParameter(error.message) from error


def no_flags() -> ChatOptions:
    """Return what is read when no flag was given."""
    return _read({flag.name: flag.default for flag in _FLAGS})


def with_chat_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared flags: it is called with what they say as `options`."""
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "options"
    ]

    @functools.wraps(command)
    def reading(**given: Any) -> None:
        options = _read({flag.name: given.pop(flag.name) for flag in _FLAGS})
        command(**given, options=options)

    del reading.__wrapped__
    shown = [*own, *_FLAGS]
    reading.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    reading.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return reading


def unescaped(text: str) -> str:
    r"""Return `text` with `\n`, `\t`, `\r` and `\\` as what they stand for; any other backslash stays.

    >>> unescaped(r"User:\n"), unescaped(r"C:\dir\\n")
    ('User:\n', 'C:\\dir\\n')
    """
    return re.sub(r"\\([ntr\\])", lambda found: _ESCAPES[found.group(1)], text)
