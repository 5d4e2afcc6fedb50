"""`fireside models search`: models that could be fetched, with what each takes on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from fireside.cli.flags import json_flag
from fireside.cli.languages import _, wanted
from fireside.cli.running import run
from fireside.errors import SearchFailed
from fireside.language_names import language_of_locale, name_of

if TYPE_CHECKING:
    from fireside.client.routes import AsyncClient
    from fireside.offers import Offer, Offers

USUAL, MOST = 10, 16
SHOWN_LANGUAGES = 4


@click.command("search")
@click.argument("words", metavar=_("[WORDS…]"), nargs=-1)
@click.option("--fits", is_flag=True, help=_("Leave out what doesn't run on this machine."))
@click.option("--limit", type=click.IntRange(1, MOST), metavar="NUMBER", help=_("How many at most."))
@json_flag
def search(words: tuple[str, ...], fits: bool, limit: int | None, json: bool) -> None:
    from fireside.cli.output import print_json

    query = " ".join(words).strip()
    try:
        found = run(lambda client: _found(client, query, fits=fits, limit=limit))
    except SearchFailed as error:
        if json:
            raise
        _shelf_instead(error)
        raise click.exceptions.Exit(1) from error
    if json:
        print_json(found.offers)
        return
    _show(found.offers, found.wanted.languages)
    _say_what_next(query, found)


async def _found(client: AsyncClient, query: str, *, fits: bool, limit: int | None) -> Offers:
    if query:
        return await client.offers.search(query, fits=fits, limit=limit or USUAL)
    from msgspec.structs import replace

    offers = await client.offers.shelf(_own_language())
    shown = [one for one in offers.offers if not fits or one.prediction is None or one.prediction.fits]
    return replace(offers, offers=tuple(shown[:limit]))


def _own_language() -> str | None:
    """Return the language of the person's locale, which may be one that this program doesn't speak."""
    names = (os.environ.get(name) for name in ("FIRESIDE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    return language_of_locale(next(filter(None, names), None))


def _shelf_instead(error: SearchFailed) -> None:
    """Tell why the hub can't be searched, and show what is known without it."""
    from fireside.cli.output import note, tell_error

    tell_error(error)
    note(_("good models that are known without the network:"))
    _show(run(lambda client: client.offers.shelf(_own_language())).offers, ())


def _say_what_next(query: str, found: Offers) -> None:
    from fireside.cli.output import note

    if not sys.stdout.isatty():
        return
    if not found.offers:
        note(_("nothing was found; try fewer words, or leave out --fits"))
    else:
        note(_("`fireside models pull REF` fetches one"))
    if not query:
        note(_("`fireside models search german instruct` searches the hub"))


def _show(offers: Sequence[Offer], languages: Iterable[str]) -> None:
    """Print the offers: some lines for each, or one tab-separated line for a program."""
    from fireside.cli.output import can_colour, say, write
    from fireside.cli.visible import visible_line

    for offer in offers:
        facts = tuple(map(visible_line, _facts(offer, languages)))
        if not sys.stdout.isatty():
            write("\t".join((visible_line(offer.card.reference), *facts)) + "\n")
            continue
        head = visible_line(offer.card.reference)
        head = f"\x1b[1m{head}\x1b[0m" if can_colour(sys.stdout) else head
        marks = [visible_line(mark) for mark in _marks(offer)]
        write(" · ".join((head, *marks)) + "\n")
        purpose, spoken, licence, library, size, here = facts
        say("  " + " · ".join(filter(None, (purpose, spoken, library, size))))
        say("  " + _("licence: {licence}", licence=licence))
        if here:
            say("  " + _("here: {here}", here=here))


def _marks(offer: Offer) -> Iterator[str]:
    if offer.recommended:
        yield _("recommended for this machine")
    if offer.card.installed:
        yield _("is here")


def _facts(offer: Offer, languages: Iterable[str]) -> tuple[str, str, str, str, str, str]:
    """Return what for, languages, licence, library, download size, and what it takes here."""
    return (
        _purpose(offer),
        _spoken(offer, languages),
        _licence(offer),
        offer.library,
        _size(offer),
        _here(offer),
    )


def _purpose(offer: Offer) -> str:
    card = offer.card
    does = {"embedding": _("makes embeddings"), "ranking": _("ranks texts")}.get(card.purpose)
    tuned = {"instruct": _("instruct"), "base": _("base: goes on with a text")}.get(card.tuned_for or "")
    also = (_("for code") if offer.code else None, _("sees pictures") if card.sees else None)
    return ", ".join(filter(None, (does or tuned, *also)))


def _spoken(offer: Offer, languages: Iterable[str]) -> str:
    """Return its languages, those first that were asked for."""
    spoken = offer.card.languages
    first = [tag for tag in languages if tag in spoken]
    ordered = [*first, *(tag for tag in spoken if tag not in first)]
    names = [name_of(tag, chinese=wanted(os.environ) == "zh") for tag in ordered[:SHOWN_LANGUAGES]]
    if len(ordered) > SHOWN_LANGUAGES:
        names.append(_("{count} more", count=len(ordered) - SHOWN_LANGUAGES))
    if offer.languages_said:
        names.append(offer.languages_said)
    return ", ".join(names) or _("languages unknown")


def _licence(offer: Offer) -> str:
    card = offer.card
    licence = card.licence or _("unknown")
    if card.terms:
        licence += f" ({card.terms})"
    if offer.gated:
        licence += "; " + _("its makers must let you have it: accept its terms at the hub and set HF_TOKEN")
    return licence


def _size(offer: Offer) -> str:
    from fireside.cli.output import size

    if not offer.card.size_bytes:
        return _("size unknown")
    written = size(offer.card.size_bytes)
    return written if offer.size_is_exact else _("about {size}", size=written)


def _here(offer: Offer) -> str:
    from fireside.predictions import in_words

    if offer.obstacle:
        return _("can't be run: {why}", why="; ".join(filter(None, (offer.obstacle, offer.instead))))
    return in_words(offer.prediction, _) if offer.prediction else ""
