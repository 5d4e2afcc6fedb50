"""How text becomes words for the search index, how a query does, and what is shown of a hit.

Scripts that are written without spaces are indexed character by character, and their words in a
query become phrases of characters: so a word of one or two Chinese characters is found inside a
sentence. Everything else is a word between spaces and is found from its beginning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import msgspec

# Thai to Lao, Myanmar, Khmer, kana, Han, Hangul; the last ranges are Han beyond the first plane.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003fffd"
)
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_LETTER = rf"[^\W_{_UNSPACED}]"
_MARK = "[\u0300-\u036f]"
_ANY_MARKS = re.compile(f"{_MARK}+")

_LONGEST_QUERY = 400
_MOST_PHRASES = 16
_SHORTEST_PREFIX = 3

_BEFORE, _SNIPPET, _SEARCHED = 40, 160, 1_000_000
MARK_BEGIN, MARK_END = "\x02", "\x03"
_CONTROLS = re.compile("[\x00-\x1f\x7f]+")


class Phrase(msgspec.Struct, frozen=True):
    """Words that must stand next to each other; with `prefix` the last one may go on."""

    tokens: tuple[str, ...]
    unspaced: bool
    prefix: bool


class _Folding(dict[int, int]):
    """One character for one: small letters without accents, full-width forms made plain."""

    def __missing__(self, code: int) -> int:
        taken_apart = unicodedata.normalize("NFKD", chr(code))
        only_marks = all(unicodedata.combining(mark) for mark in taken_apart[1:])
        plain = taken_apart[0] if only_marks else chr(code)
        small = plain.casefold()
        self[code] = ord(small if len(small) == 1 else plain.lower()[0])
        return self[code]


_FOLDING = _Folding()


def folded(text: str) -> str:
    """Return `text` as it is compared: as long as before, so that places in it stay the same.

    >>> folded("Ça va, ＡＢＣ?")
    'ca va, abc?'
    """
    return text.translate(_FOLDING)


def indexed(text: str) -> str:
    """Return what the index is given for `text`.

    >>> indexed("用Python写")
    ' 用 python 写 '
    """
    letters = _ANY_MARKS.sub("", folded(text))
    return _UNSPACED_CHARACTER.sub(r" \g<0> ", letters).encode(errors="replace").decode()


def phrases(query: str) -> tuple[Phrase, ...]:
    """Return what a message must contain to match `query`; none when it has no letter or number.

    >>> [(phrase.tokens, phrase.prefix) for phrase in phrases("don't 学习Rust AND")]
    [(('don', 't'), False), (('学', '习'), False), (('rust',), True), (('and',), True)]
    """
    words = _ANY_MARKS.sub("", folded(query[:_LONGEST_QUERY])).split()
    found = [phrase for word in words for phrase in _phrases_of_word(word)]
    return tuple(found[:_MOST_PHRASES])


def _phrases_of_word(word: str) -> Iterator[Phrase]:
    run: list[str] = []
    for token in [*_TOKEN.findall(word), ""]:
        if run and (not token or _is_unspaced(token) != _is_unspaced(run[0])):
            unspaced = _is_unspaced(run[0])
            prefix = not unspaced and len(run[-1]) >= _SHORTEST_PREFIX
            yield Phrase(tuple(run), unspaced, prefix)
            run = []
        # Vowel signs and other marks are no words of their own.
        if token.isalnum():
            run.append(token)


def _is_unspaced(token: str) -> bool:
    return _UNSPACED_CHARACTER.match(token) is not None


def match_expression(wanted: tuple[Phrase, ...]) -> str:
    """Return the FTS5 expression for all of `wanted` (https://sqlite.org/fts5.html, section 3).

    Tokens are letters and numbers only, so nothing of a query is ever read as syntax.

    >>> match_expression(phrases("newton NEAR(学习"))
    '"newton"* "near"* "学 习"'
    """
    return " ".join(f'"{" ".join(phrase.tokens)}"{"*" if phrase.prefix else ""}' for phrase in wanted)


def snippet(text: str, wanted: tuple[Phrase, ...]) -> str:
    """Return about 160 characters of `text` around the first match, each match between two marks.

    >>> snippet("Who was Isaac Newton?", phrases("newt")).replace("\\x02", "[").replace("\\x03", "]")
    'Who was Isaac [Newton]?'
    """
    pattern = re.compile("|".join(_pattern(phrase) for phrase in wanted))
    plain = _CONTROLS.sub(lambda run: " " * len(run.group()), text[:_SEARCHED])
    matches = [match.span() for match in _first_matches(pattern, folded(plain))]
    start = max(0, matches[0][0] - _BEFORE) if matches else 0
    if start:
        # Begin with a whole word where there is one.
        start = plain.find(" ", start, matches[0][0]) + 1 or start
    end = min(len(plain), max(start + _SNIPPET, matches[0][1] if matches else 0))
    marked = _marked(plain, [span for span in matches if span[1] <= end], start, end)
    return f"{'…' if start else ''}{marked}{'…' if end < len(text) else ''}"


def _first_matches(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    first = pattern.search(text)
    return pattern.finditer(text, first.start(), first.start() + 2 * _SNIPPET) if first else iter(())


def _marked(text: str, spans: list[tuple[int, int]], start: int, end: int) -> str:
    pieces, at = [], start
    for begin, stop in spans:
        pieces += [text[at:begin], MARK_BEGIN, text[begin:stop], MARK_END]
        at = stop
    return " ".join("".join([*pieces, text[at:end]]).split())


def _pattern(phrase: Phrase) -> str:
    if phrase.unspaced:
        return r"[\W_]*".join(map(re.escape, phrase.tokens))
    words = [f"{_MARK}*".join(map(re.escape, token)) + f"{_MARK}*" for token in phrase.tokens]
    # Where a token ends the next must not simply go on: between them stands at least one sign.
    ending = rf"(?:{_LETTER}|{_MARK})*" if phrase.prefix else f"(?!{_LETTER})"
    return rf"(?<!{_LETTER})" + r"[\W_]+".join(words) + ending
