"""Texts that no engine has read before, to be talked about, edited and summarised.

Speculation drafts what it has seen, so a text that is read twice would flatter it. Each sentence is put
together from words drawn by chance; hardly any two texts share a dozen words in a row.
"""

from __future__ import annotations

from random import Random

from fireside.messages import Message, Role, said
from fireside.profiles import Kind

NAMES = "Anna Boris Chen Dalia Emil Farah Goran Hana Ivo Jun Katya Lars Mira Noor Otto Pia Rui Sven Tara"
PLACES = "harbour market station garden library bakery orchard museum workshop chapel quarry meadow mill"
THINGS = (
    "lantern kettle ladder violin compass basket blanket mirror candle bicycle barrel clock hammer letter "
    "map rope stove telescope umbrella wagon"
)
KINDS = "old blue heavy small broken borrowed wooden painted rusty narrow silent copper foreign yellow plain"
DEEDS = "carried repaired sold forgot described polished measured buried drew hid traded weighed"
TIMES = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
REASONS = (
    "the river had risen|nobody else was awake|the road was closed|a friend had asked|the price had fallen|"
    "the winter was near|a storm was coming|the shop was empty|the bell had rung|guests were expected"
)
ENDS = "before noon|after supper|without a word|in the rain|for a good price|with both hands|by candlelight"
SUBJECTS = "bread bridges clouds glass honey magnets paper rain salt shadows soap tides trees wheels wool"
LISTENERS = "child farmer sailor cook teacher pilot painter nurse baker guard"
SENTENCES = 14


def told(kind: Kind, chance: Random) -> list[Message]:
    """Return a conversation of that kind: something to chat about, to edit, or to summarise."""
    if kind == "editing":
        old, new = chance.sample(NAMES.split(), 2)
        text = story(chance, old)
        asked = f"Repeat the following text word for word, only with {new} in the place of {old}:\n\n{text}"
    elif kind == "summarising":
        asked = f"Summarise the following text in a few sentences:\n\n{story(chance)}"
    else:
        subject, listener = chance.choice(SUBJECTS.split()), chance.choice(LISTENERS.split())
        thing, place = chance.choice(THINGS.split()), chance.choice(PLACES.split())
        asked = (
            f"Tell a {listener} who has lost a {thing} at the {place} what {subject} "
            f"{'have' if subject.endswith('s') else 'has'} to do with daily life."
        )
    return [said(Role.USER, asked)]


def story(chance: Random, name: str | None = None) -> str:
    """Return a short text about somebody, in which hardly any words stand together twice."""
    names = NAMES.split()
    who = name or chance.choice(names)
    sentences = []
    for _ in range(SENTENCES):
        other, place, thing = (chance.choice(words.split()) for words in (NAMES, PLACES, THINGS))
        kind, deed, day = (chance.choice(words.split()) for words in (KINDS, DEEDS, TIMES))
        reason, end = (chance.choice(words.split("|")) for words in (REASONS, ENDS))
        number = chance.randrange(3, 400)
        sentences.append(
            chance.choice(
                (
                    f"On {day} {who} {deed} the {kind} {thing} at the {place} {end}, because {reason}.",
                    f"{other} paid {number} coins for a {kind} {thing}, and {who} {deed} it {end}.",
                    f"Near the {place}, where {reason}, {who} and {other} {deed} {number} {kind} boxes.",
                    f"As {reason}, {other} {deed} the {thing} that {who} had left at the {place} on {day}.",
                )
            )
        )
    return " ".join(sentences)
