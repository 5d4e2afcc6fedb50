"""`fireside tune`: an engine that is built for this very processor, beside the prebuilt one."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, yes_flag
from fireside.cli.languages import _
from fireside.cli.running import wait_for

if TYPE_CHECKING:
    from fireside.builds import Built, Step


@click.command("tune")
@click.option("--build", "builds", is_flag=True, help=_("Build it now, or anew."))
@click.option("--reset", is_flag=True, help=_("Go back to the prebuilt engine and delete what was built."))
@yes_flag
@json_flag
def tune(builds: bool, reset: bool, yes: bool, json: bool) -> None:
    from fireside.cli.output import print_json, say
    from fireside.client import building

    if reset:
        was_there = wait_for(building.reset())
        said = _("the prebuilt engine is used from the next load on"), _("there was nothing to delete")
        say(said[0] if was_there else said[1])
        return
    built = None if builds else wait_for(building.built_engine())
    if built is None:
        confirm(_question(), yes=yes or builds)
        built = wait_for(_build())
    if json:
        print_json(built)
    else:
        _tell(built)


def _question() -> str:
    return _(
        "Build the engine for this processor? It fetches llama.cpp's source (77 MB), compiles it at the "
        "lowest priority (5 to 20 minutes), takes 2 GB of room, and is used only if it is faster."
    )


async def _build() -> Built:
    from fireside.builds import Built, Step
    from fireside.cli.output import waiting
    from fireside.client.building import build
    from fireside.errors import ServerUnavailable

    with waiting() as line:
        async with aclosing(build()) as steps:
            async for step in steps:
                if isinstance(step, Built):
                    return step
                if isinstance(step, Step):
                    line.tell(_words(step))
    raise ServerUnavailable(_("the build broke off"), hint=_("do it again: it goes on where it was"))


def _words(step: Step) -> str:
    from fireside.cli.output import size

    share = step.done / step.total if step.total else None
    match step.stage:
        case "source":
            told = _("fetching llama.cpp's source")
            return told if share is None else f"{told}: {size(step.done)} / {size(step.total)}"
        case "tools":
            return _("looking for a compiler, or fetching one")
        case "compiling":
            told = _("compiling the engine")
        case "comparing":
            told = _("comparing it with the prebuilt engine")
    return told if share is None else f"{told}: {share:.0%}"


def _tell(built: Built) -> None:
    """Print the table of before and after, and what is used from now on."""
    from fireside.cli.output import print_table, say

    compared = built.compared
    rows = [
        (_("reading what you write"), "1", f"{compared.reading:.2f}"),
        (_("writing replies"), "1", f"{compared.writing:.2f}"),
    ]
    print_table((_("speed"), _("prebuilt"), _("built here")), rows)
    say(
        _(
            "measured with {model}; {source}, compiled by {compiler}; "
            "how probable both find the same text differs by {drift:.2%}",
            model=compared.model,
            source=built.source,
            compiler=built.compiler,
            drift=compared.drift,
        )
    )
    if built.failed:
        say(_("the prebuilt engine is used: {reason}", reason=built.failed))
    else:
        say(_("the built engine is used from the next load of a model on; `fireside tune --reset` goes back"))
