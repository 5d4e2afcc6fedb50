"""Facts are found without a model: in English and Chinese, and in linear time in hostile text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.memory.facts import MOST_FACTS, facts_of, holds, plain
from fireside.memory.sentences import LONGEST_SENTENCE, LONGEST_TEXT, sentences, terms
from planted import FACTS


def found(text: str) -> set[tuple[str, str]]:
    return {(fact.kind, fact.text) for fact in facts_of(text)}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("My sister Ana lives in Lyon.", {("name", "Ana"), ("name", "Lyon")}),
        ("It was 12 March 2019, at 7:45.", {("date", "12 March 2019"), ("date", "7:45")}),
        ('The password is "blue-heron-42".', {("quotation", '"blue-heron-42"')}),
        (
            "See `make all` and parse_header().",
            {("identifier", "`make all`"), ("identifier", "parse_header")},
        ),
        ("Write to ana@example.org today.", {("identifier", "ana@example.org")}),
        ("It costs €1,250 or 20%.", {("number", "€1,250 or"), ("number", "20%")}),
        ("I prefer tea.", {("preference", "I prefer tea.")}),
        ("We decided to wait.", {("decision", "We decided to wait.")}),
        ("我的猫叫团团，今年七岁。", {("name", "团团"), ("number", "七岁")}),
        ("我们决定星期三见面。", {("date", "星期三"), ("decision", "我们决定星期三见面。")}),
        ("我喜欢喝茶。", {("preference", "我喜欢喝茶。")}),
    ],
)
def test_facts_are_found(text: str, facts: set[tuple[str, str]]) -> None:
    assert facts <= found(text)


@pytest.mark.parametrize(
    "text", ["Thanks, that is nice!", "Cooking is fun.", "好的，谢谢。", "Why is it so?"]
)
def test_small_talk_has_no_facts(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize("planted", FACTS, ids=lambda planted: planted.found)
def test_every_planted_sentence_has_facts_and_holds_them(planted: tuple[str, str, str]) -> None:
    told = planted[0]
    facts = facts_of(told)
    assert facts
    assert all(holds(f"- User: {told}", fact) for fact in facts)
    assert not all(holds("They talked about the weather.", fact) for fact in facts)


def test_a_number_inside_another_one_is_not_the_same_fact() -> None:
    (fact,) = facts_of("There were 42.")
    assert holds("I saw 42 of them", fact)
    assert not holds("I saw 1423 of them", fact)


@given(st.text(max_size=400))
def test_what_is_found_stands_in_the_text(text: str) -> None:
    for fact in facts_of(text):
        assert fact.key in plain(text)


@given(st.text(alphabet="ab .!?\n。,1A\"'", max_size=900))
def test_sentences_are_short_and_lose_nothing(text: str) -> None:
    pieces = list(sentences(text))
    assert all(0 < len(piece) <= LONGEST_SENTENCE for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


PATIENCE_S = 60.0
HOSTILE = [
    "." * 2,
    '"',
    "A",
    "A a",
    "1,",
    "_",
    "a_",
    "/a",
    "I ",
    "a.b",
    "(",
    "\n",
    "一",
    "a@",
    "a-",
    "a1",
    "A B ",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_time_in_proportion(unit: str) -> None:
    """It takes a second; a pattern whose time grows with the square would take minutes."""
    text = (unit * LONGEST_TEXT)[:LONGEST_TEXT]
    begun = time.process_time()
    assert len(facts_of(text)) <= MOST_FACTS + LONGEST_SENTENCE
    assert len(terms(text)) <= LONGEST_TEXT
    assert time.process_time() - begun < PATIENCE_S


def test_a_text_of_abbreviations_costs_what_another_does() -> None:
    """Each of them ends no sentence, so the sentence goes on: it isn't copied once for each of them.

    Processor time, and by a factor of 30 before: five times as much is no accident of the machine.
    """

    def spent_s(unit: str) -> float:
        text = "\N{FIRE}" + unit * (LONGEST_TEXT // len(unit))
        begun = time.process_time()
        assert "".join("".join(sentences(text)).split()) == "".join(text[:LONGEST_TEXT].split())
        return time.process_time() - begun

    assert spent_s("a. ") < 5 * spent_s("ab. ") + 0.5
