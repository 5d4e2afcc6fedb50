"""Where a model computes, in words: what is said goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.cli.languages import _

if TYPE_CHECKING:
    from fireside.cards import ModelCard


def elsewhere(reference: str | None) -> str:
    """Return a word for a model that another server has; nothing for one that computes here."""
    if not reference or not reference.startswith("remote:"):
        return ""
    server = reference.removeprefix("remote:").partition("/")[0]
    return _("elsewhere ({server})", server=server)


def place_of(card: ModelCard) -> str:
    """Return where a model is, and whether it can be reached there."""
    if card.place == "here":
        return ""
    return _("can't be reached") if card.problem else elsewhere(card.alias_of or card.reference)
