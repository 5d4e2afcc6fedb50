"""Whether a model can be trusted with a digest: measured on a known text, not guessed (pure code)."""

from __future__ import annotations

from collections.abc import Sequence

from fireside.memories import Ability
from fireside.memory.digest import Said
from fireside.memory.facts import contains, plain

ENOUGH_FACTS = 0.7
"""Below it most of what it writes has to be repeated under it."""
SHORT_ENOUGH = 0.8
"""A longer digest isn't one: the model only repeats."""

PROBE = (
    Said("1", "User", "Hi! I'm planning a trip for my mother Ingrid. She turns 70 on 14 June.", True),
    Said(
        "2", "Assistant", "What a lovely occasion! Where would you like to take her, and for how long?", False
    ),
    Said(
        "3", "User", "Probably Porto, for 5 nights. She is allergic to shellfish, so keep that in mind.", True
    ),
    Said("4", "Assistant", "Porto is a wonderful choice. How much would you like to spend in total?", False),
    Said(
        "5", "User", "About 1800 euros. We decided to take the train from Lisbon, not a second plane.", True
    ),
    Said("6", "Assistant", "That works well, the ride takes about three hours and is very scenic.", False),
    Said("7", "User", "My brother Tomas joins us. The booking code of the hotel is QX7-42B.", True),
    Said("8", "Assistant", "Noted. I hope that the three of you will have a wonderful time together.", False),
)
FACTS = (
    "ingrid",
    "70",
    "14 june",
    "porto",
    "5 nights",
    "shellfish",
    "1800",
    "train",
    "lisbon",
    "tomas",
    "qx7-42b",
)
INSTRUCTION = (
    "Summarise the conversation below for somebody who has to go on with it. Keep every name, number, date, "
    "code, preference and decision exactly as it was said. Write short plain sentences and nothing else."
)


def request(before: str, messages: Sequence[Said]) -> str:
    """Return what a model is asked for a digest of `before` (the digest until now) and `messages`."""
    told = "\n".join(f"{message.speaker}: {message.text}" for message in messages)
    return f"{INSTRUCTION}\n\n" + (f"{before}\n{told}" if before else told)


def measured(answer: str) -> Ability:
    """Return how good a digest of `PROBE` this answer is.

    >>> measured("Ingrid, 70 on 14 June, goes to Porto for 5 nights.").facts_kept
    0.45
    """
    known = plain(answer)
    kept = sum(contains(known, fact) for fact in FACTS)
    length = len(answer) / sum(len(message.text) for message in PROBE)
    return Ability(round(kept / len(FACTS), 2), round(length, 2))


def can_digest(ability: Ability) -> bool:
    """
    >>> can_digest(Ability(0.9, 0.5)), can_digest(Ability(0.4, 0.2)), can_digest(Ability(1.0, 1.0))
    (True, False, False)
    """
    return ability.facts_kept >= ENOUGH_FACTS and ability.length <= SHORT_ENOUGH
