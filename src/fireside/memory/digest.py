"""What stands for evicted messages (pure code): lines chosen from them, a model's words checked against them.

A digest is made of lines. One from a message is `- Speaker: sentence`, word for word. A model's summary
stands above them, and below it every sentence whose facts the summary lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from fireside.memory.facts import Fact, contains, facts_of, holds, plain
from fireside.memory.sentences import sentences

MOST_READ = 100_000
"""characters of an evicted span that a digest is made of: the newest ones"""
SHORTEST = 24
"""bytes: where not even one line fits, a part of one stands there, so that a digest says something"""
SUMMARY_SHARE = 0.5
"""A model's summary takes at most this share of a digest; the rest is kept for what it lacks."""


class Said(msgspec.Struct, frozen=True):
    """An evicted message: who said what."""

    id: str
    speaker: str
    text: str
    by_person: bool


class Line(msgspec.Struct, frozen=True):
    """A line that may go into a digest. Of lower `rank` is what is left out last."""

    text: str
    facts: tuple[Fact, ...]
    rank: int


class Composed(msgspec.Struct, frozen=True):
    """A digest's text, and how many facts of what it stands for had no room in it."""

    text: str
    left_out: int = 0
    by_model: bool = False


def lines_of(before: str, evicted: Sequence[Said], *, person: str) -> tuple[Line, ...]:
    """Return the lines that may go into a digest: those of the digest `before` it, then those of `evicted`.

    `person` is what the person is called. Only the newest `MOST_READ` characters are looked at.

    >>> lines = lines_of("- Bo: I like tea.", [Said("1", "Bo", "My cat is Tom. Really.", True)], person="Bo")
    >>> [(line.text, line.rank) for line in lines]
    [('- Bo: I like tea.', 0), ('- Bo: My cat is Tom.', 1)]
    """
    lines = [_line(line, _sentence_of(line), line.startswith(f"- {person}:")) for line in before.splitlines()]
    left = MOST_READ
    read: list[list[Line]] = []
    for message in reversed(evicted):
        if left <= 0:
            break
        read.append(list(_lines_of_message(message, message.text[:left])))
        left -= len(message.text)
    return (*(line for line in lines if line), *(line for some in reversed(read) for line in some))


def _lines_of_message(message: Said, text: str) -> Iterator[Line]:
    for number, sentence in enumerate(sentences(text)):
        line = _line(f"- {message.speaker}: {sentence}", sentence, message.by_person)
        if line.facts or (number == 0 and message.by_person):
            yield line


def _line(text: str, sentence: str, by_person: bool) -> Line:
    facts = facts_of(sentence)
    stated = any(fact.kind in ("preference", "decision") for fact in facts)
    question = sentence.rstrip().endswith(("?", "？"))
    if not facts:
        rank = 4
    elif not by_person:
        rank = 2
    else:
        rank = 3 if question else 0 if stated else 1
    return Line(text, facts, rank)


def _sentence_of(line: str) -> str:
    """Return what a digest's line says, without its speaker."""
    _, found, said = line.partition(": ")
    return said if found and line.startswith("- ") else line


def compose(lines: Sequence[Line], budget_bytes: int, summary: str = "") -> Composed:
    """Return a digest of at most `budget_bytes` bytes of UTF-8.

    `summary` is what a model wrote; facts that it holds aren't repeated. What people stated goes
    before what they mentioned, that before what the model said, and newer before older.

    >>> lines = [Line("- A: x is 5", (Fact("number", "5"),), 1), Line("- A: hi", (), 4)]
    >>> compose(lines, 12).text, compose(lines, 5).left_out
    ('- A: x is 5', 1)
    """
    summary = _cut(summary.strip(), int(budget_bytes * SUMMARY_SHARE))
    held = _held(summary, lines)
    left = budget_bytes - len(summary.encode()) - bool(summary)
    chosen: set[int] = set()
    said: set[str] = set()
    for index in sorted(range(len(lines)), key=lambda index: (lines[index].rank, -index)):
        line = lines[index]
        size = len(line.text.encode("utf-8", "replace")) + 1
        new = {fact.key for fact in line.facts} - held
        if size <= left + 1 and line.text not in said and (new or not (line.facts or summary)):
            chosen.add(index)
            said.add(line.text)
            held |= new
            left -= size
    text = "\n".join([*([summary] if summary else []), *(lines[index].text for index in sorted(chosen))])
    if lines and not text and budget_bytes >= SHORTEST:
        text = _shortened(min(reversed(lines), key=lambda line: line.rank).text, budget_bytes)
    left_out = {fact.key for line in lines for fact in line.facts} - held
    return Composed(text, len(left_out), by_model=bool(summary))


def _held(summary: str, lines: Sequence[Line]) -> set[str]:
    if not summary:
        return set()
    known = plain(summary)
    facts = {fact.key: fact for line in lines for fact in line.facts}
    return {
        key
        for key, fact in facts.items()
        if (holds(summary, fact) if fact.kind in ("preference", "decision") else contains(known, key))
    }


def _cut(text: str, size_bytes: int) -> str:
    """Return the whole lines or sentences of a summary that fit."""
    if len(text.encode()) <= size_bytes:
        return text
    kept = ""
    for sentence in sentences(text):
        longer = f"{kept} {sentence}".strip()
        if len(longer.encode()) > size_bytes:
            break
        kept = longer
    return kept


def _shortened(line: str, size_bytes: int) -> str:
    """
    >>> _shortened("- User: abcdefgh", 14)
    '- User: abc…'
    """
    return line.encode("utf-8", "replace")[: size_bytes - 3].decode("utf-8", "ignore") + "…"


def digest_block(text: str, count: int) -> str:
    """Return how a model is told of a digest that stands for `count` messages.

    >>> print(digest_block("- Bo: I like tea.", 3))
    [The 3 messages before this are given as a digest:
    - Bo: I like tea.]
    """
    told = "The message before this is" if count == 1 else f"The {count} messages before this are"
    return f"[{told} given as a digest:\n{text}]"
