"""`fireside models fit`: which models run on this machine, and how fast."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from fireside.cli.flags import json_flag
from fireside.cli.languages import _
from fireside.cli.running import run

if TYPE_CHECKING:
    from fireside.cards import ModelCard
    from fireside.client.routes import AsyncClient
    from fireside.predictions import Basis, Fits


@click.command("fit")
@click.argument("references", metavar=_("[REF]…"), nargs=-1)
@click.option(
    "--context",
    type=click.IntRange(min=256),
    metavar=_("TOKENS"),
    help=_("How much of a conversation the model should have before it."),
)
@json_flag
def fit_models(references: tuple[str, ...], context: int | None, json: bool) -> None:
    from fireside.cli.output import note, print_json, print_table
    from fireside.client.defaults import absolute_reference
    from fireside.predictions import in_words

    wanted = [absolute_reference(reference) for reference in references]
    found = run(lambda client: _fits(client, wanted, context))
    if json:
        print_json(found.fits)
        return
    rows = [(fit.reference, in_words(fit.prediction, _), _basis(fit.prediction.basis)) for fit in found.fits]
    print_table((_("model"), _("on this machine"), _("how that is known")), rows)
    if found.was_busy:
        note(_("other programs kept this machine busy while it was measured: it can be faster"))
    note(_("the first word of an answer to about a hundred words; a word is English, of 1.3 tokens"))


async def _fits(client: AsyncClient, references: list[str], context: int | None) -> Fits:
    """Return what is predicted, after measuring the machine where that wasn't done."""
    from fireside.cli.output import note, waiting
    from fireside.errors import FiresideError

    found = await client.fits.of(references, context)
    if found.is_measured:
        return found
    try:
        with waiting() as line:
            async with aclosing(client.fits.measure()) as steps:
                async for step in steps:
                    line.show(step)
    except FiresideError as error:
        note(_("this machine was not measured: {reason}", reason=error.message))
    return await client.fits.of(references, context)


def _basis(basis: Basis) -> str:
    return {
        "measured": _("it has run here"),
        "predicted": _("predicted from this machine's speed"),
        "estimated": _("a guess: nothing was measured yet"),
    }[basis]


async def fit_of(client: AsyncClient, card: ModelCard) -> str | None:
    """Return the plain words for a model that runs on this machine; None where nobody can tell."""
    from fireside.errors import FiresideError
    from fireside.predictions import in_words

    if card.place != "here":
        return None
    try:
        found = await client.fits.of([card.reference])
    except FiresideError:  # the model is shown without it
        return None
    prediction = found.fits[0].prediction
    fit = in_words(prediction, _)
    if prediction.basis == "estimated":
        return _("{fit} (a guess: `fireside models fit` measures this machine)", fit=fit)
    return fit
