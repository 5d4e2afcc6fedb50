"""A model's card in words."""

from __future__ import annotations

import msgspec
import pytest

from fireside.cards import ModelCard
from fireside.cli.model_card import described

CARD = ModelCard(reference="file:/x", name="x", origin="a file", licence=None, size_bytes=1, installed=True)


def words(card: ModelCard) -> dict[str, str]:
    groups = described(card, "")
    return {name: value for group in groups for name, value in group if value}


def test_what_nobody_says_is_left_out() -> None:
    assert set(words(CARD)) == {"model", "name", "origin", "licence", "place", "runs on", "size"}
    assert words(CARD)["licence"] == "unknown"


def test_languages_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    speaks = msgspec.structs.replace(CARD, languages=("en", "German", "tlh"))
    monkeypatch.setenv("FIRESIDE_LANGUAGE", "zh")
    assert words(speaks)["languages"] == "英语, 德语, tlh"
    monkeypatch.setenv("FIRESIDE_LANGUAGE", "en")
    assert words(speaks)["languages"] == "English, German, tlh"


def test_a_model_that_doesnt_write_says_what_it_makes() -> None:
    embeds = msgspec.structs.replace(CARD, purpose="embedding", embedding_length=384, has_template=True)
    assert words(embeds)["made for"] == "embeddings of 384 numbers"
    assert "format" not in words(embeds)
    assert words(msgspec.structs.replace(CARD, purpose="ranking"))["made for"] == "ranking texts"


def test_a_folder_says_what_it_needs() -> None:
    folder = msgspec.structs.replace(
        CARD, engine="transformers", weights="safetensors", path="/x", needs_trust=True, tuned_for="base"
    )
    told = words(folder)
    assert told["runs on"] == "PyTorch with transformers"
    assert "once you trust it" in told["code"]
    assert (told["made for"], told["folder"]) == ("going on with a text", "/x")
