"""Texts as sentences, and sentences as the terms by which they are found again (pure code).

Every pattern begins at the beginning of a run and is bounded, so that hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fireside.memory.words import STOPWORDS, WEAK_CHARACTERS, WEAK_PAIRS

LONGEST_TEXT = 200_000
"""characters of one message that are looked at"""
LONGEST_SENTENCE = 300

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_END = re.compile(r"""(?<![.!?])[.!?]++["'”’)\]]*+(?:\s++|$)|[。！？；]++[”’」』）]*+|\n\s*+""")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|[Mm]rs?|[Mm]s|[Dd]r|[Pp]rof|[Ss]t|[Nn]o|vs|e\.g|i\.e|approx|[Jj]r|[Ss]r)\.$"
)
_TERM = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")
_BREAK = re.compile(r"[,;:，、：]\s*|\s")


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of `text`, none longer than `LONGEST_SENTENCE` characters.

    >>> list(sentences("Dr. Li is 3.5 m tall! 她住在北京。Really?"))
    ['Dr. Li is 3.5 m tall!', '她住在北京。', 'Really?']
    """
    text = text[:LONGEST_TEXT]
    start = 0
    for found in _END.finditer(text):
        # Only the end is cut out here: a text of nothing but abbreviations would be copied again and again.
        last = text[max(start, found.end() - 12) : found.end()]
        if "\n" not in found[0] and _ABBREVIATION.search(last.rstrip()):
            continue
        yield from _short(text[start : found.end()])
        start = found.end()
    yield from _short(text[start:])


def _short(piece: str) -> Iterator[str]:
    """Yield `piece` in parts that are short enough, broken at a comma or a space where there is one."""
    piece = " ".join(piece.split())
    while len(piece) > LONGEST_SENTENCE:
        breaks = [found.end() for found in _BREAK.finditer(piece, LONGEST_SENTENCE // 2, LONGEST_SENTENCE)]
        at = breaks[-1] if breaks else LONGEST_SENTENCE
        yield piece[:at].strip()
        piece = piece[at:].strip()
    if piece:
        yield piece


def terms(text: str) -> list[str]:
    """Return what `text` is found by: words without their endings, and pairs of Chinese characters.

    Words that say nothing (stopwords) are left out.

    >>> terms("What were the names of my sister's two dogs?")
    ['sister', 'two', 'dog']
    >>> terms("我的猫叫什么名字")
    ['的猫', '猫叫', '叫什', '么名', '名字']
    """
    found: list[str] = []
    for run in _TERM.findall(text.casefold()):
        if _is_cjk(run[0]):
            found += _pairs(run)
        elif run not in STOPWORDS and (len(run) > 1 or run.isdigit()):
            word = stem(run)
            if word not in _STEMS:
                found.append(word)
    return found


def _is_cjk(character: str) -> bool:
    return re.match(f"[{CJK}]", character) is not None


def _pairs(run: str) -> list[str]:
    if len(run) == 1:
        return [] if run in WEAK_CHARACTERS else [run]
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    return [pair for pair in pairs if pair not in WEAK_PAIRS and not set(pair) <= WEAK_CHARACTERS]


def stem(word: str) -> str:
    """Return an English word without its commonest endings; others are left nearly as they are.

    >>> [stem(word) for word in ("lives", "lived", "living", "cities", "bus", "class")]
    ['liv', 'liv', 'liv', 'city', 'bus', 'class']
    """
    if not word.isascii() or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_STEMS = STOPWORDS | {stem(word) for word in STOPWORDS}
