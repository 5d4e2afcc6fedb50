"""What people write when they look for a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.language_names import is_language, language_of, name_of
from fireside.models.search.hub_search import questions
from fireside.models.search.words import MAX_WORDS, suits, understand
from fireside.offers import Wanted


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("German instruct", Wanted(languages=("de",), tuned_for="instruct")),
        ("deutsch, chat", Wanted(languages=("de",), tuned_for="instruct")),
        ("中文 对话 模型", Wanted(languages=("zh",), tuned_for="instruct")),
        ("español francais", Wanted(languages=("es", "fr"))),
        ("base model for english", Wanted(languages=("en",), tuned_for="base")),
        ("qwen coder gguf", Wanted(code=True, weights="gguf", words=("qwen",))),
        ("embeddings safetensors", Wanted(purpose="embedding", weights="safetensors")),
        ("vision", Wanted(sees=True)),
        ("small", Wanted(most_parameters=4_000_000_000)),
        ("it", Wanted(words=("it",))),
        ("", Wanted()),
    ],
)
def test_the_words_are_understood(query: str, wanted: Wanted) -> None:
    assert understand(query) == wanted


@given(st.text(max_size=400))
def test_any_text_means_something_bounded(query: str) -> None:
    wanted = understand(query)
    assert len(wanted.words) + len(wanted.languages) <= MAX_WORDS
    assert all(map(is_language, wanted.languages))
    assert len(questions(wanted)) <= 3


def test_a_size_includes_those_around_it() -> None:
    wanted = understand("7b")
    assert [billions for billions in (3, 6, 7, 8, 13) if suits(wanted, billions * 10**9)] == [6, 7, 8]
    assert suits(wanted, None)


def test_every_language_is_known_by_its_names() -> None:
    for tag in ("de", "zh", "ja", "pt", "sv", "uk"):
        assert language_of(name_of(tag)) == language_of(name_of(tag, chinese=True)) == tag
