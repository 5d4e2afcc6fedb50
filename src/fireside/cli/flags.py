"""The flags that `fireside` and `fireside ask` share, written once, and how they are read."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from fireside.cli.languages import _
from fireside.cli.options import ChatOptions
from fireside.client.defaults import read_defaults
from fireside.errors import BadRequest

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def _read_flags(
    model: Annotated[
        str | None, typer.Option(metavar="REF", help=_("The model, e.g. file:/models/x.gguf."))
    ] = None,
    persona: Annotated[
        str | None, typer.Option(metavar="NAME", help=_("A persona; `fireside personas` lists them."))
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help=_("What the model is told about itself.")),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="chat|transcript", help=_("The model's own template, or `Alice: … Bob: …`.")
        ),
    ] = None,
    me: Annotated[str | None, typer.Option(metavar="NAME", help=_("Your name."))] = None,
    you: Annotated[str | None, typer.Option(metavar="NAME", help=_("The model's name."))] = None,
    temperature: Annotated[
        float | None, typer.Option(metavar="NUMBER", help=_("0 always takes the likeliest token."))
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help=_("Choose among this many likeliest tokens.")),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help=_("… that together have this probability.")),
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help=_("… that have this share of the likeliest's.")),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(metavar="NUMBER", help=_("The longest reply, in tokens."))
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="NUMBER", help=_("The same seed gives the same reply."))
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help=_("End the reply before this text; \\n and \\t are understood; may be repeated."),
        ),
    ] = None,
    continue_last: Annotated[
        bool, typer.Option("--continue", "-c", help=_("Go on with the last conversation."))
    ] = False,
    conversation: Annotated[
        str | None,
        typer.Option(metavar="ID", help=_("Go on with this one: its id, a part of it, or its title.")),
    ] = None,
    temporary: Annotated[bool, typer.Option("--temporary", help=_("Keep nothing of this chat."))] = False,
    json: Annotated[bool, typer.Option("--json", help=_("Print JSON."))] = False,
    yes: Annotated[bool, typer.Option("--yes", help=_("Answer every question with yes."))] = False,
) -> ChatOptions:
    if sum((continue_last, conversation is not None, temporary)) > 1:
        raise typer.BadParameter(_("choose one of --continue, --conversation and --temporary"))
    named = {"model": model, "persona": persona, "system": system, "format": format_, "me": me, "you": you}
    sampling = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "max_tokens": max_tokens,
        "seed": seed,
        "stop": [unescaped(text) for text in stop] if stop else None,
    }
    try:
        defaults = read_defaults(named, sampling)
    except BadRequest as error:
        raise typer.BadParameter(error.message) from error
    return ChatOptions(
        defaults=defaults,
        conversation_id=conversation,
        continue_last=continue_last,
        temporary=temporary,
        json=json,
        yes=yes,
    )


def with_chat_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared flags: it is called with what they say as `options`."""
    flags = list(inspect.signature(_read_flags, eval_str=True).parameters.values())
    own = [
        parameter
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "options"
    ]

    @functools.wraps(command)
    def reading(**given: Any) -> None:
        options = _read_flags(**{flag.name: given.pop(flag.name) for flag in flags})
        command(**given, options=options)

    shown = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in [*own, *flags]]
    del reading.__wrapped__
    reading.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    reading.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return reading


def unescaped(text: str) -> str:
    r"""Return `text` with `\n`, `\t`, `\r` and `\\` as what they stand for; any other backslash stays.

    >>> unescaped(r"User:\n"), unescaped(r"C:\dir\\n")
    ('User:\n', 'C:\\dir\\n')
    """
    return re.sub(r"\\([ntr\\])", lambda found: _ESCAPES[found.group(1)], text)
