"""`fireside models convert`: a model in another format, and how it compares with the original."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, yes_flag
from fireside.cli.languages import _
from fireside.cli.models import reference_argument
from fireside.cli.running import run

if TYPE_CHECKING:
    from fireside.cards import ModelCard
    from fireside.client.routes import AsyncClient
    from fireside.conversions import Measured, Plan, Side
    from fireside.events import Progress

AS_GOOD, HARDLY_WORSE, A_LITTLE_WORSE = 1.005, 1.03, 1.1
"""how many times the perplexity may be for these words"""
ABOUT_SAME = 0.05
"""by which a speed may differ on a machine that does other things as well"""


@click.command("convert", help=_("Make a smaller or faster model of one, and compare the two."))
@reference_argument
@click.option(
    "--to",
    "kinds",
    multiple=True,
    required=True,
    metavar=_("FORMAT"),
    help=_("Q8_0, Q6_K, Q5_K_M, Q4_K_M, Q4_K_S, Q4_0 or Q3_K_M; may be repeated."),
)
@click.option("--name", metavar="NAME", help=_("What the new model is called: converted:NAME."))
@click.option("--dry-run", is_flag=True, help=_("Only tell what would be made."))
@click.option(
    "--measure/--no-measure",
    default=None,
    help=_("Compare it with the original, also where that was done before; or don't."),
)
@yes_flag
@json_flag
def convert(
    reference: str,
    kinds: tuple[str, ...],
    name: str | None,
    dry_run: bool,
    measure: bool | None,
    yes: bool,
    json: bool,
) -> None:
    from fireside.cli.output import note, print_json
    from fireside.client.defaults import absolute_reference

    if name and len(kinds) > 1:
        raise click.UsageError(_("--name goes with one --to"))
    source = absolute_reference(reference)
    wanted = [_known(kind.upper()) for kind in kinds]
    plans = run(lambda client: client.conversions.plans(source, wanted, name))
    if dry_run:
        print_json(plans) if json else _print_plans(plans)
        return
    new = [plan for plan in plans if not plan.is_here]
    for notice in dict.fromkeys(notice for plan in new for notice in plan.notices):
        note(_("note: {notice}", notice=notice))
    if any(plan.notices for plan in new):
        _print_plans(new, to_a_person=True)
        confirm(_("Convert it?"), yes=yes)
    cards = run(lambda client: _convert(client, plans, measure))
    if json:
        print_json(cards)
    else:
        _print_made(cards)


def _known(kind: str) -> str:
    from fireside.errors import BadRequest

    words = _kinds()
    if kind not in words:
        told = "; ".join(f"{name}: {word}" for name, word in words.items())
        raise BadRequest(_("there is no format {kind} to convert to", kind=kind), hint=told)
    return kind


def _kinds() -> dict[str, str]:
    """Return a word on each format of `conversions.KINDS`."""
    return {
        "Q8_0": _("nearly nothing is lost"),
        "Q6_K": _("hardly anything is lost"),
        "Q5_K_M": _("little is lost"),
        "Q4_K_M": _("the usual balance of size and quality"),
        "Q4_K_S": _("a little smaller than Q4_K_M, and a little worse"),
        "Q4_0": _("small, and fast at reading"),
        "Q3_K_M": _("smaller still, and the loss shows"),
    }


async def _convert(client: AsyncClient, plans: Sequence[Plan], measure: bool | None) -> list[ModelCard]:
    cards = []
    for plan in plans:
        name = plan.reference.partition(":")[2]
        card = await _watched(client.conversions.convert(plan.source, plan.kind, name))
        measured = card.conversion.measured if card.conversion else None
        if measure or (measure is None and not measured and card.purpose == "chat"):
            card = await _watched(client.conversions.compare(card.reference))
        cards.append(card)
    return cards


async def _watched(work: AsyncGenerator[Progress | ModelCard, None]) -> ModelCard:
    from fireside.cards import ModelCard
    from fireside.cli.output import waiting
    from fireside.errors import ServerUnavailable

    with waiting() as line:
        async with aclosing(work) as steps:
            async for step in steps:
                if isinstance(step, ModelCard):
                    return step
                line.show(step)
    raise ServerUnavailable(_("the server broke off"), hint=_("do it again"))


def _print_plans(plans: Sequence[Plan], *, to_a_person: bool = False) -> None:
    from fireside.cli.output import note, print_table, size

    words = _kinds()
    rows = [
        (
            plan.reference,
            size(plan.size_bytes),
            f"{plan.size_bytes / plan.source_bytes:.0%}",
            _("is here") if plan.is_here else words[plan.kind],
        )
        for plan in plans
    ]
    if to_a_person:
        for row in rows:
            note("  " + " · ".join(row))
        return
    print_table((_("model"), _("size"), _("of the original"), _("what it is")), rows)


def _print_made(cards: Sequence[ModelCard]) -> None:
    """Print the originals and what was made of them, and what that means."""
    from fireside.cli.output import print_table, say, size

    rows: list[tuple[str, ...]] = []
    for card in cards:
        measured = card.conversion.measured if card.conversion else None
        if measured is None:
            rows.append((card.reference, size(card.size_bytes), "", "", "", ""))
            continue
        if not rows:
            rows.append((card.conversion.source if card.conversion else "", *_cells(measured.before), ""))
        rows.append((card.reference, *_cells(measured.after), loss(measured)))
    titles = (_("model"), _("size"), _("memory taken"), _("reads"), _("writes"), _("perplexity"))
    print_table(titles, rows)
    for card in cards:
        if card.conversion and card.conversion.measured:
            say(f"{card.reference}: {in_words(card.conversion.measured)}")
    if cards:
        say(_("talk with it: fireside --model {model}", model=cards[-1].reference))


def _cells(side: Side) -> tuple[str, ...]:
    from fireside.cli.output import size

    speeds = (_("{count} tokens/s", count=f"{speed:,.0f}") for speed in (side.reading, side.writing))
    return size(side.size_bytes), size(side.resident_bytes), *speeds


def loss(measured: Measured) -> str:
    """Return how much the perplexity changed, with its error."""
    return f"{measured.perplexity_ratio - 1:+.1%} ± {measured.error:.1%}"


def in_words(measured: Measured) -> str:
    """Return in a line how a converted model compares with its original."""
    from fireside.cli.output import size

    less = measured.before.size_bytes - measured.after.size_bytes
    told = _("{size} smaller", size=size(less)) if less > 0 else _("{size} larger", size=size(-less))
    return "; ".join(
        (
            _quality(measured),
            _speed(measured.reading, _("reads"), _("reading")),
            _speed(measured.writing, _("writes"), _("writing")),
            told,
        )
    )


def _quality(measured: Measured) -> str:
    ratio = measured.perplexity_ratio
    if ratio <= AS_GOOD or ratio - 2 * measured.error <= 1:
        return _("as good as the original")
    if ratio <= HARDLY_WORSE:
        return _("hardly worse than the original")
    if ratio <= A_LITTLE_WORSE:
        return _("a little worse than the original")
    return _("clearly worse than the original")


def _speed(times: float, does: str, doing: str) -> str:
    if abs(times - 1) <= ABOUT_SAME:
        return _("{does} about as fast", does=does)
    if times > 1:
        return _("{does} {times:.1f} times as fast", does=does, times=times)
    return _("{doing} takes {times:.1f} times as long", doing=doing, times=1 / times)
