"""Facts in a text, found without a model (pure code): what a digest must not lose.

Names, numbers, dates, quoted strings, code identifiers; and as whole sentences, stated preferences and
decisions. Too much is found rather than too little: what isn't really a fact costs a line, a
lost one costs the person's trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from fireside.memory.patterns import BEFORE_A_PLACE, INSIDE, NO_NAME_ENDINGS, WHOLE, Kind
from fireside.memory.sentences import LONGEST_TEXT, sentences, terms
from fireside.memory.words import BEGINNINGS

MOST_FACTS = 2000
"""of one text"""
_SPACES = re.compile(r"\s+")


class Fact(msgspec.Struct, frozen=True):
    """What a text states: `text` as it stands there, for a preference or decision its sentence."""

    kind: Kind
    text: str

    @property
    def key(self) -> str:
        """What is the same for the same fact, however it is spaced or capitalised."""
        return plain(self.text)


def plain(text: str) -> str:
    """Return `text` as it is compared: in small letters, one space between words, quotation marks off.

    >>> plain(' “Blue  Heron” ')
    'blue heron'
    """
    return _SPACES.sub(" ", text.casefold()).strip(" \t\"'`“”«»「」『』《》.,;:!?，。！？")


def facts_of(text: str) -> tuple[Fact, ...]:
    """Return the facts of `text`, each once, in no particular order.

    >>> [(fact.kind, fact.text) for fact in facts_of("Ana's dog is called Biscuit; she is 7 years old.")]
    [('number', '7 years'), ('name', 'Ana'), ('name', 'Biscuit')]
    >>> [fact.kind for fact in facts_of("I prefer tea. 我们决定用 parse_header。")]
    ['preference', 'identifier', 'decision']
    """
    found: dict[str, Fact] = {}
    for sentence in sentences(text[:LONGEST_TEXT]):
        for fact in _facts_in(sentence):
            if fact.key:
                found.setdefault(fact.key, fact)
        if len(found) >= MOST_FACTS:
            break
    return tuple(found.values())


def _facts_in(sentence: str) -> Iterator[Fact]:
    """Yield the facts of one sentence; what lies inside one that was found before is none of its own."""
    taken: list[tuple[int, int]] = []
    for kind, pattern in INSIDE:
        for match in pattern.finditer(sentence):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            named = match[1] if pattern.groups else match[0]
            if kind == "name":
                named = _name(sentence, match.start(), named)
            if named:
                taken.append(match.span())
                yield Fact(kind, named.strip())
    for kind, pattern in WHOLE:
        if pattern.search(sentence) and not sentence.rstrip().endswith(("?", "？")):
            yield Fact(kind, sentence)


def _name(sentence: str, start: int, named: str) -> str:
    """Return a name without the word that only begins its sentence; nothing where none is left."""
    if not named[0].isascii() and not named[0].isupper():
        return BEFORE_A_PLACE.sub("", named)
    words = [word.removesuffix("'s").removesuffix("’s") for word in named.split(" ")]
    at_start = not sentence[:start].strip(" \"'“‘(-*>#")
    while words and words[0].casefold() in BEGINNINGS:
        words, at_start = words[1:], False
    if at_start and len(words) == 1 and words[0].endswith(NO_NAME_ENDINGS):
        return ""
    return " ".join(words)


def holds(text: str, fact: Fact) -> bool:
    """Return whether `text` states the fact.

    A preference or a decision is held by one line that has all of its words, in whatever order.

    >>> holds("He lives in Lyon.", Fact("name", "Lyon")), holds("In 1850.", Fact("number", "85"))
    (True, False)
    >>> holds("- tea is what I prefer", Fact("preference", "I prefer tea."))
    True
    """
    if fact.kind in ("preference", "decision"):
        wanted = set(terms(fact.text))
        return any(wanted <= set(terms(line)) for line in text.splitlines())
    return contains(plain(text), fact.key)


def contains(text: str, key: str) -> bool:
    """Return whether `text` has `key` in it, and not inside a longer word or number."""
    at = text.find(key)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(key) : at + len(key) + 1]
        if not (_joined(before, key[0]) or _joined(key[-1], after)):
            return True
        at = text.find(key, at + 1)
    return False


def _joined(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one word of letters or digits."""
    return left.isalnum() and right.isalnum() and left.isascii() and right.isascii()
