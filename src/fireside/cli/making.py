"""`fireside models alias|load|unload`: models of one's own making, and which are kept loaded."""

from __future__ import annotations

import click

from fireside.aliases import AdapterReference
from fireside.cli.flags import json_flag
from fireside.cli.languages import _
from fireside.cli.models import reference_argument
from fireside.cli.running import run


@click.command("alias", help=_("Give a model a name, and change what is different about it."))
@click.argument("name", metavar="NAME")
@reference_argument
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="FILE[@SCALE]",
    help=_("A LoRA adapter that is added to its weights; may be repeated."),
)
@click.option("--projector", metavar="FILE", help=_("A file (mmproj….gguf) with which it sees pictures."))
@click.option("--context", "context_length", type=int, metavar="NUMBER", help=_("Tokens per conversation."))
@click.option("--keep", "idle_s", metavar="TIME", help=_("How long it stays loaded unused: 90, 5m, 2h, -1."))
@click.option("--system", metavar="TEXT", help=_("What the model is told about itself."))
@json_flag
def alias(
    name: str,
    reference: str,
    adapters: tuple[str, ...],
    projector: str | None,
    context_length: int | None,
    idle_s: str | None,
    system: str | None,
    json: bool,
) -> None:
    from fireside.aliases import Alias
    from fireside.cli.output import print_json, say
    from fireside.client.defaults import absolute_reference

    wanted = Alias(
        model=absolute_reference(reference),
        adapters=tuple(map(_adapter, adapters)),
        projector=_file(projector) if projector else None,
        context_length=context_length,
        idle_s=seconds_of(idle_s) if idle_s else None,
        system=system,
    )
    card = run(lambda client: client.making.make(name, wanted))
    if json:
        print_json(card)
        return
    say(_("{name} stands for {model}: fireside --model {name}", name=card.name, model=card.alias_of))


@click.command("load", help=_("Load a model before it is needed."))
@reference_argument
@click.option("--keep", "keep", metavar="TIME", help=_("How long it stays loaded unused: 90, 5m, 2h, -1."))
@json_flag
def load(reference: str, keep: str | None, json: bool) -> None:
    from fireside.cli.output import print_json, say, waiting
    from fireside.client.defaults import absolute_reference

    keep_s = seconds_of(keep, for_ever=-1) if keep else None
    with waiting() as line:
        line.tell(_("loading the model"))
        status = run(lambda client: client.making.load(absolute_reference(reference), keep_s))
    print_json(status) if json else say(_("{model} is loaded", model=status.model))


@click.command("unload", help=_("Unload a model; replies that it writes now are finished first."))
@reference_argument
def unload(reference: str) -> None:
    from fireside.cli.output import say
    from fireside.client.defaults import absolute_reference

    users = run(lambda client: client.making.unload(absolute_reference(reference)))
    if users:
        say(_("{model} is unloaded once its {count} replies are finished", model=reference, count=users))
    else:
        say(_("{model} is unloaded", model=reference))


def _adapter(text: str) -> AdapterReference:
    path, at, scale = text.rpartition("@")
    if not at:
        return AdapterReference(_file(text))
    try:
        return AdapterReference(_file(path), float(scale))
    except ValueError:
        raise click.BadParameter(_("{wrong}: write FILE or FILE@0.5", wrong=repr(text))) from None


def _file(text: str) -> str:
    from fireside.client.defaults import absolute_reference

    return absolute_reference(text if text.startswith("file:") else f"file:{text}")


def seconds_of(text: str, for_ever: float = 10 * 365 * 86_400.0) -> float:
    """Return the seconds that a person means; negative is for ever.

    >>> seconds_of("90"), seconds_of("5m"), seconds_of("2h"), seconds_of("-1", for_ever=-1)
    (90.0, 300.0, 7200.0, -1)
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        raise click.BadParameter(_("{wrong} is no time: write 90, 5m, 2h or -1", wrong=repr(text))) from None
    return for_ever if seconds < 0 else seconds
