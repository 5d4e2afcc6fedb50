"""What of the evicted messages a question needs (pure code, deterministic): sentences found by its words.

The ranking is BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, section 3) over
sentences; how rare a word is, is counted by messages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from fireside.memories import Memory, Quote, RememberedText
from fireside.memory.digest import Said
from fireside.memory.facts import facts_of
from fireside.memory.sentences import sentences, terms

K1, B = 1.2, 0.5
NEAR = 0.35
"""How much of its neighbour's score a sentence has too: what is asked for often stands beside."""
PERSON = 1.5
"""What a person stated about themselves is worth more than what a model answered to it."""
QUESTION = 0.3
"""What an earlier question is worth: it has the words, and not the answer."""
AT_LEAST = 0.3
"""Sentences below this share of the best one's score aren't quoted."""
APPLIES = 0.33
"""The share of a memory's or of a question's words that the other must have."""
MOST_QUOTES = 12
MOST_MEMORIES = 8
MOST_TERMS = 64
"""of a question: its last ones"""


class _Sentence(msgspec.Struct):
    place: int
    said: Said
    text: str
    counts: Counter[str]
    score: float = 0.0


def find(question: str, evicted: Sequence[Said], already: str = "") -> tuple[Quote, ...]:
    """Return what of `evicted` the question needs, best first, at most `MOST_QUOTES` sentences.

    What stands in `already` word for word, the model has anyway.

    >>> said = [Said("1", "Bo", "My cat is Tom. It rains.", True), Said("2", "AI", "A fine cat!", False)]
    >>> [quote.text for quote in find("What is my cat called?", said)]
    ['My cat is Tom.', 'A fine cat!', 'It rains.']
    """
    wanted = Counter(terms(question)[-MOST_TERMS:])
    candidates = _sentences_with(wanted, evicted)
    if not candidates:
        return ()
    _score(candidates, wanted, _rarity(wanted, evicted))
    same = " ".join(question.split()).casefold()
    best: dict[str, _Sentence] = {}
    for one in sorted(candidates, key=lambda one: (-one.score, -one.place)):
        if one.text in already or one.text.casefold() in same:
            continue
        best.setdefault(one.text, one)
        # Whether a sentence is told already is a search through all of that: not for thousands of them.
        if len(best) == MOST_QUOTES:
            break
    ranked = list(best.values())
    least = ranked[0].score * AT_LEAST if ranked else 0.0
    return tuple(
        Quote(one.said.id, one.said.speaker, one.text) for one in ranked if one.score >= max(least, 1e-9)
    )


def _sentences_with(wanted: Counter[str], evicted: Sequence[Said]) -> list[_Sentence]:
    """Return all sentences of those messages that may have a wanted term: most are passed over quickly."""
    found: list[_Sentence] = []
    for said in evicted:
        plain = said.text.casefold()
        # A stem is the beginning of its word, but for a `y` that was an `ie`.
        if any((term[:-1] if term.endswith("y") else term) in plain for term in wanted):
            found += [
                _Sentence(len(found) + number, said, text, Counter(terms(text)))
                for number, text in enumerate(sentences(said.text))
            ]
    return found


def _rarity(wanted: Counter[str], evicted: Sequence[Said]) -> dict[str, float]:
    texts = [said.text.casefold() for said in evicted]
    rarity = {}
    for term in wanted:
        having = sum(term in text for text in texts)
        rarity[term] = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
    return rarity


def _score(candidates: Sequence[_Sentence], wanted: Counter[str], rarity: dict[str, float]) -> None:
    average = sum(one.counts.total() for one in candidates) / len(candidates) or 1.0
    own = []
    for one in candidates:
        length = K1 * (1 - B + B * one.counts.total() / average)
        score = sum(
            rarity[term] * one.counts[term] * (K1 + 1) / (one.counts[term] + length) for term in wanted
        )
        weight = QUESTION if one.text.endswith(("?", "？")) else PERSON if one.said.by_person else 1.0
        own.append(score * weight)
    for at, one in enumerate(candidates):
        beside = [own[near] for near in (at - 1, at + 1) if _same_message(candidates, at, near)]
        one.score = own[at] + NEAR * max(beside, default=0.0)


def _same_message(candidates: Sequence[_Sentence], at: int, near: int) -> bool:
    return 0 <= near < len(candidates) and candidates[near].said.id == candidates[at].said.id


def applying(question: str, memories: Sequence[Memory], *, begins: bool) -> tuple[RememberedText, ...]:
    """Return the memories that apply to a question: those that share enough words with it.

    A stated preference, or a name, applies to every conversation: it is given where one `begins`.

    >>> kept = [Memory("1", "I am allergic to nuts", 0, 0), Memory("2", "the car is a Fiat", 0, 0)]
    >>> [text.id for text in applying("Hello", kept, begins=True)]
    ['1']
    >>> [text.id for text in applying("Which tyres does my car need?", kept, begins=False)]
    ['2']
    """
    asked = set(terms(question))
    found: list[RememberedText] = []
    for memory in memories:
        words = set(terms(memory.text))
        shared = len(words & asked)
        matches = shared and shared >= APPLIES * min(len(words), len(asked))
        if matches or (begins and _is_about_the_person(memory.text)):
            found.append(RememberedText(memory.id, memory.text))
    return tuple(found[-MOST_MEMORIES:])


def _is_about_the_person(text: str) -> bool:
    return any(fact.kind == "preference" for fact in facts_of(text)) or text.casefold().startswith(
        ("my name", "i am ", "i'm ", "call me", "我叫", "我是", "我的名字")
    )


def quotes_block(quotes: Iterable[Quote], memories: Iterable[RememberedText]) -> str:
    """Return what goes before a question: quotes of the conversation, and memories.

    >>> print(quotes_block([Quote("1", "Bo", "My cat is Tom.")], [RememberedText("2", "I like tea.")]))
    [Quoted from earlier in this conversation:
    - Bo: My cat is Tom.]
    <BLANKLINE>
    [Remembered from other conversations:
    - I like tea.]
    """
    told = "\n".join(f"- {quote.speaker}: {_inside(quote.text)}" for quote in quotes)
    kept = "\n".join(f"- {_inside(memory.text)}" for memory in memories)
    blocks = [f"[Quoted from earlier in this conversation:\n{told}]"] if told else []
    blocks += [f"[Remembered from other conversations:\n{kept}]"] if kept else []
    return "\n\n".join(blocks)


def _inside(text: str) -> str:
    """Return a text whose further lines are set in, so that each is seen to belong to its line."""
    return text.replace("\n", "\n  ")
