"""A model that another server has: the page says at every place that what one writes goes there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browsing import answered, ask, does, replies
from llama_server import llama_server
from serving import Served, serving

Visiting = Callable[..., Page]
LEAVES = "runs elsewhere: what you write leaves this machine"


@pytest.fixture(scope="module")
def afar(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Served]:
    """A server whose model another one has, and that knows one which is gone."""
    home = tmp_path_factory.mktemp("afar")
    with llama_server(smollm2) as url:
        (home / "config.toml").write_text(
            f'model = "remote:office/small"\n[remotes.office]\nurl = "{url}"\n'
            '[remotes.gone]\nurl = "http://127.0.0.1:9"\n'
        )
        with serving(home, sampling_max_tokens=8) as server:
            yield server


def test_a_chat_says_that_its_model_is_elsewhere(afar: Served, visit: Visiting) -> None:
    page = visit(afar, f"#/c/{afar.new_conversation(title='Far away')}")
    expect(page.get_by_text(LEAVES).last).to_be_visible()
    ask(page, "Hello?")
    answered(page)
    item = page.get_by_role("link", name=re.compile("Far away"))
    expect(item).to_have_accessible_name(re.compile(LEAVES))
    page.get_by_role("button", name=re.compile("^Model: ")).click()
    dialog = page.get_by_role("dialog", name="Choose a model")
    expect(dialog.get_by_role("listitem").filter(has_text="remote:office/small")).to_contain_text("elsewhere")
    gone = dialog.get_by_role("listitem").filter(has_text="remote:gone")
    expect(gone).to_contain_text("can't be reached")


def test_so_does_the_receipt_of_each_answer(afar: Served, visit: Visiting) -> None:
    conversation = afar.new_conversation()
    afar.ask(conversation, "Hello?")
    page = visit(afar, f"#/c/{conversation}")
    does(replies(page).last, "Details of this reply")
    card = page.get_by_role("region", name="What the model saw")
    expect(card).to_contain_text("answered elsewhere, by office")
