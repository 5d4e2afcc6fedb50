"""A chat with a stand-in for the server, on a terminal in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from fireside.cli import languages
from fireside.cli.chat.screen import Screen
from fireside.cli.chat.session import Session
from fireside.client.routes import AsyncClient
from scripted_client import Said, StandIn, Terminal


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    languages.use("en")
    yield
    languages.use("en")


@pytest.fixture
def server() -> StandIn:
    return StandIn()


@pytest.fixture
def reader() -> Said:
    return Said()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def session(server: StandIn, reader: Said, terminal: Terminal) -> Session:
    """A chat on a terminal without colours."""
    screen = Screen(draws=False, out=terminal, err=terminal)
    return Session(cast(AsyncClient, server), screen, reader)
