"""`fireside tune`: the engine and how it runs a model, made the best that this very machine can do."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from fireside.cli.asking import agrees, confirm
from fireside.cli.flags import json_flag, yes_flag
from fireside.cli.languages import _
from fireside.cli.running import wait_for

if TYPE_CHECKING:
    from fireside.builds import Built, Step


@click.command("tune")
@click.argument("model", required=False)
@click.option("--build/--no-build", "builds", default=None, help=_("Build the engine (anew), or don't ask."))
@click.option("--dry-run", is_flag=True, help=_("Measure and show, and write nothing."))
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=180.0,
    show_default=True,
    help=_("How long the measuring may take."),
)
@click.option("--reset", is_flag=True, help=_("Go back to what came with Fireside; delete what was made."))
@yes_flag
@json_flag
def tune(
    model: str | None,
    builds: bool | None,
    dry_run: bool,
    seconds: float,
    reset: bool,
    yes: bool,
    json: bool,
) -> None:
    from fireside.cli.tuning_told import tell_profile, tuned
    from fireside.profiles import Wish

    if dry_run and builds:
        raise click.UsageError(_("--dry-run writes nothing, and so builds nothing: leave out --build"))
    if reset:
        _reset(model)
        return
    built = _built(model, builds, dry_run=dry_run, yes=yes)
    if built and not json:
        _tell(built)
    profile = wait_for(tuned(Wish(model, seconds, dry_run)))
    if json:
        from fireside.cli.output import print_json

        print_json({"built": built, "profile": profile})
    else:
        tell_profile(profile, dry_run=dry_run)


def _reset(model: str | None) -> None:
    """Forget how one model runs best; without one, that of all models and the engine that was built."""
    from fireside.cli.output import say
    from fireside.client import building, tuning

    profiles = wait_for(tuning.reset(model))
    if model:
        if profiles:
            say(_("{model} runs as usual from its next load on", model=model))
        else:
            say(_("there was nothing to delete"))
        return
    engine = wait_for(building.reset())
    if engine or profiles:
        say(_("the prebuilt engine is used as usual from the next load of a model on"))
    else:
        say(_("there was nothing to delete"))


def _built(model: str | None, builds: bool | None, *, dry_run: bool, yes: bool) -> Built | None:
    """Return the engine that was built just now: it is asked for once, where there is none yet."""
    from fireside.cli.output import note
    from fireside.client.building import built_engine

    if builds is False or dry_run:
        return None
    if builds is None:
        found = wait_for(built_engine())
        if found is not None:
            if found.outdated:
                note(
                    _(
                        "the engine was built from another source than this version of Fireside has; "
                        "`fireside tune --build` builds it anew"
                    )
                )
            return None
        if not yes and not _wants_build():
            note(_("the engine that came with Fireside is tuned; `fireside tune --build` builds one"))
            return None
    return wait_for(_build(model))


def _wants_build() -> bool:
    """Return whether the person agrees; where nobody is there, that is an error."""
    import sys

    question = _(
        "Build the engine for this processor? It fetches llama.cpp's source (77 MB), compiles it at the "
        "lowest priority (5 to 20 minutes), takes 2 GB of room, and is used only if it is faster."
    )
    if sys.stdin is None or not sys.stdin.isatty():
        confirm(question, yes=False)
    return agrees(question)


async def _build(model: str | None) -> Built:
    from fireside.builds import Built, Step
    from fireside.cli.output import waiting
    from fireside.client.building import build
    from fireside.errors import ServerUnavailable

    with waiting() as line:
        async with aclosing(build(model)) as steps:
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
