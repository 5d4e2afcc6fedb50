"""Anthropic's own client lists models before anything else."""

from __future__ import annotations

import pytest

import anthropic
from anthropic import Anthropic
from fireside.cards import ModelCard
from fireside.errors import BadRequest
from fireside.server.anthropic.models import Page, page
from serving import Served

VERSION = {"anthropic-version": "2023-06-01"}


def card(name: str, **changes: str) -> ModelCard:
    return ModelCard(f"file:/{name}.gguf", name, "", None, 1, True, **changes)  # type: ignore[arg-type]


CARDS = [*(card(name) for name in "abcde"), card("vectors", purpose="embedding")]


def names(shown: Page) -> str:
    return "".join(model.id for model in shown.data)


def test_the_client_lists_and_shows_models(client: Anthropic) -> None:
    [model] = list(client.models.list())
    assert model.type == "model"
    assert model.max_input_tokens == 8192
    assert model.created_at.year > 2000
    shown = client.models.retrieve(model.id)
    assert (shown.id, shown.display_name) == (model.id, model.display_name)
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nobody")


def test_the_betas_path_is_the_same(client: Anthropic) -> None:
    assert [model.type for model in client.beta.models.list()] == ["model"]


def test_models_that_write_are_listed_page_by_page() -> None:
    first = page(CARDS, 2, None, None)
    assert (names(first), first.has_more, first.first_id, first.last_id) == ("ab", True, "a", "b")
    last = page(CARDS, 2, "d", None)
    assert (names(last), last.has_more) == ("e", False)
    before = page(CARDS, 2, None, "d")
    assert (names(before), before.has_more) == ("bc", True)
    assert names(page(CARDS, None, None, None)) == "abcde"


def test_an_empty_page_names_nobody() -> None:
    empty = page(CARDS, 5, "e", None)
    assert (empty.data, empty.has_more, empty.first_id, empty.last_id) == ((), False, None, None)


def test_a_page_begins_at_a_model_of_the_list() -> None:
    with pytest.raises(BadRequest, match="after_id"):
        page(CARDS, 5, "vectors", None)
    with pytest.raises(BadRequest, match="together"):
        page(CARDS, 5, "a", "b")


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/v1/models?limit=0", VERSION), ("/v1/models?after_id=nobody", VERSION), ("/v1/models?limit=5", {})],
)
def test_what_a_list_cannot_be_asked_is_refused(served: Served, path: str, headers: dict[str, str]) -> None:
    response = served.http.get(path, headers=headers)
    assert response.status_code == 400
    assert path.partition("?")[2].partition("=")[0] in response.json()["error"]["message"]
