"""Recall finds what a question needs among what was said long ago."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.memories import Memory
from fireside.memory.digest import Said
from fireside.memory.recall import MOST_QUOTES, applying, find
from planted import FACTS, TOPICS, Planted

RANDOM = random.Random(5)
LONG_AGO = [Said(str(at), "User", f"{fact.told} But let us talk.", True) for at, fact in enumerate(FACTS)]
CHATTER = [
    Said(f"c{at}", "AI", f"I can tell you about {RANDOM.choice(TOPICS)}: it is a long story.", False)
    for at in range(400)
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.found)
def test_each_fact_is_found_among_the_first_things(fact: Planted) -> None:
    best = find(fact.asked, [*LONG_AGO, *CHATTER])[:3]
    assert fact.found in " ".join(quote.text for quote in best)


def test_chinese_is_found_by_its_characters() -> None:
    said = [Said("1", "我", "我的猫叫团团。", True), Said("2", "我", "我住在北京市。", True)]
    assert find("我的猫叫什么名字？", said)[0].text == "我的猫叫团团。"
    assert find("我住在哪里？", said)[0].text == "我住在北京市。"


def test_what_stands_beside_what_was_asked_for_is_found_too() -> None:
    said = [Said("1", "User", "I have a parrot. She is called Zuzu.", True), *CHATTER]
    assert [quote.text for quote in find("What is my parrot called?", said)] == [
        "I have a parrot.",
        "She is called Zuzu.",
    ]


def test_an_earlier_question_is_worth_less_than_the_answer() -> None:
    said = [
        Said("1", "User", "What is the capital of Peru again?", True),
        Said("2", "AI", "The capital of Peru is Lima.", False),
    ]
    assert find("The capital of Peru, which one was it?", said)[0].text == "The capital of Peru is Lima."


def test_what_the_model_has_anyway_is_not_quoted() -> None:
    assert (
        find(
            "Where does my cat live?", [Said("1", "User", "My cat lives here.", True)], "- My cat lives here."
        )
        == ()
    )


def test_nothing_is_found_for_small_talk() -> None:
    assert find("Thanks, and why?", LONG_AGO) == ()


@given(
    st.text(max_size=60),
    st.lists(st.text(alphabet="the cat sat. 我的猫?\n", max_size=60), max_size=12),
)
def test_quotes_are_words_that_were_said_and_always_the_same(question: str, texts: list[str]) -> None:
    said = [Said(str(at), "User", text, True) for at, text in enumerate(texts)]
    quotes = find(question, said)
    assert quotes == find(question, said)
    assert len(quotes) <= MOST_QUOTES
    by_id = {each.id: " ".join(each.text.split()) for each in said}
    assert all(quote.text in by_id[quote.message_id] for quote in quotes)
    assert len({quote.text for quote in quotes}) == len(quotes)


def test_memories_apply_by_their_words_and_preferences_from_the_beginning() -> None:
    kept = [
        Memory("1", "I am allergic to nuts", 0, 0),
        Memory("2", "the car is a Fiat Panda", 0, 0),
        Memory("3", "我叫李雷", 0, 0),
    ]
    assert [each.id for each in applying("Hello", kept, begins=True)] == ["1", "3"]
    assert [each.id for each in applying("Which oil does the car need?", kept, begins=False)] == ["2"]
    assert applying("What is the weather like?", kept, begins=False) == ()


def test_what_is_told_already_is_looked_for_only_as_long_as_quotes_are_wanted() -> None:
    class Told(str):
        looks = 0

        def __contains__(self, text: object) -> bool:
            self.looks += 1
            return super().__contains__(str(text))

    told = Told("- Bo: cat 4999.\n- Bo: cat 4998.")
    quotes = find("cat", [Said("1", "Bo", "\n".join(f"cat {n}." for n in range(5000)), True)], told)
    assert len(quotes) == MOST_QUOTES
    assert told.looks == MOST_QUOTES + 2
