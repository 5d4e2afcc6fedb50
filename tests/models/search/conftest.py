"""A hub on the loopback interface, and what searches it for a machine that is made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from fireside.cards import ModelCard
from fireside.finding import Finder
from fireside.models.demand import demand_of_card
from fireside.models.fit import predict, usual_machine
from fireside.models.library import Library
from fireside.predictions import Prediction
from hub_search_server import ALL, Hub, hub_server

MEMORY_BYTES = 8_000_000_000


class Having(Library):
    """A library in which some models of the hub are."""

    def __init__(self, folder: Path, references: Sequence[str]) -> None:
        super().__init__(folder, {})
        self._cards = tuple(ModelCard(each, each, "", None, 1, installed=True) for each in references)

    def installed(self) -> tuple[ModelCard, ...]:
        return self._cards


@contextmanager
def finding(
    hub: Hub,
    folder: Path,
    *,
    memory_bytes: int = MEMORY_BYTES,
    speed: float = 1.0,
    here: Sequence[str] = (),
    **environ: str,
) -> Iterator[Finder]:
    """Give what searches `hub`, where the models `here` are, for a machine that writes `speed` times as fast
    as the usual one. Our own settings of the hub don't count.
    """

    def predicted(card: ModelCard) -> Prediction:
        usual = predict(demand_of_card(card), usual_machine(4, memory_bytes))
        if card.purpose != "chat":
            return replace(usual, words_per_s=None, first_word_s=None)
        return replace(usual, words_per_s=(usual.words_per_s or 0) * speed)

    finder = Finder(
        Having(folder, here),
        {"HF_ENDPOINT": hub.url, **environ},
        lambda: predicted,
        memory_bytes=lambda: memory_bytes,
        has_transformers=lambda: False,
    )
    try:
        yield finder
    finally:
        finder.close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server(Hub(ALL)) as running:
        yield running


@pytest.fixture
def finder(hub: Hub, tmp_path: Path) -> Iterator[Finder]:
    with finding(hub, tmp_path) as made:
        yield made
