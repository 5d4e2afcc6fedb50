"""What is typed in the terminal is told to the server: when, and what isn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from fireside.cli.chat import typing
from fireside.cli.chat.answering import send
from fireside.cli.chat.session import Session
from fireside.cli.chat.typing import Typing
from fireside.errors import ServerUnavailable
from fireside.messages import Defaults, FilePart
from scripted_client import StandIn


class Told:
    """Stands in for the route; `reads` is what it answers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.parents: list[str | None] = []
        self.answer: bool | ServerUnavailable = True

    async def tell(self, conversation_id: str, text: str, parent_id: str | None) -> bool:
        self.texts.append(text)
        self.parents.append(parent_id)
        if isinstance(self.answer, ServerUnavailable):
            raise self.answer
        return self.answer


@pytest.fixture
def told(server: StandIn) -> Told:
    told = server.typing = Told()  # type: ignore[attr-defined]
    return told


@pytest.fixture
async def hearing(session: Session, told: Told) -> AsyncIterator[Typing]:
    await send(session, "Hello")
    hearing = Typing(session)
    yield hearing
    hearing.hear(None)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAUSE_S", "SENTENCE_S"):
        monkeypatch.setattr(typing, name, 0.0)


async def paused() -> None:
    for _ in range(5):
        await asyncio.sleep(0.001)


async def test_all_of_it_is_told_at_a_pause_and_once(hearing: Typing, told: Told, session: Session) -> None:
    hearing.hear("How")
    await paused()
    hearing.hear("How")
    await paused()
    assert told.texts == ["How"]
    assert told.parents == [session.head_id]


async def test_whole_words_are_told_while_somebody_types_on(
    hearing: Typing, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typing, "PAUSE_S", 60.0)
    text = "How is the weather up there"
    for end in range(len(text) + 1):
        hearing.hear(text[:end])
    await paused()
    assert told.texts == ["How "], "the others came within a second"
    monkeypatch.setattr(typing, "EVERY_S", 0.0)
    hearing.hear(text)
    await paused()
    assert told.texts == ["How ", "How is the weather up "]


async def test_what_was_entered_before_a_pause_is_not_told(hearing: Typing, told: Told) -> None:
    hearing.hear("Why?")
    hearing.hear(None)
    await paused()
    assert told.texts == []


async def test_a_deleted_text_is_told_as_that(hearing: Typing, told: Told) -> None:
    for text in ("Why?", ""):
        hearing.hear(text)
        await paused()
    assert told.texts == ["Why?", ""]


@pytest.mark.parametrize("text", ["/context", '"""one', "x" * 32_001], ids=lambda text: text[:9])
async def test_commands_and_what_is_not_simply_a_question_are_not_told(
    hearing: Typing, told: Told, text: str
) -> None:
    hearing.hear(text)
    await paused()
    assert told.texts == []


def _with_a_file(session: Session) -> None:
    session.files = [FilePart("a.txt", "words")]


def _asks_otherwise(session: Session) -> None:
    session.turn = Defaults(model="another")


def _has_not_begun(session: Session) -> None:
    session.start_anew()


@pytest.mark.parametrize("change", [_with_a_file, _asks_otherwise, _has_not_begun])
async def test_nothing_is_told_of_what_would_not_be_the_plain_next_question(
    hearing: Typing, told: Told, session: Session, change: Callable[[Session], None]
) -> None:
    change(session)
    hearing.hear("Why?")
    await paused()
    assert told.texts == []


async def test_an_edited_message_is_not_told(
    hearing: Typing, told: Told, session: Session, server: StandIn
) -> None:
    session.editing = server.messages[0]
    hearing.hear("Why?")
    await paused()
    assert told.texts == []


async def test_where_nothing_is_wanted_nothing_more_is_told_until_the_next_prompt(
    hearing: Typing, told: Told
) -> None:
    told.answer = False
    for text in ("Why", "Why not"):
        hearing.hear(text)
        await paused()
    assert told.texts == ["Why"]
    hearing.hear(None)
    hearing.hear("How")
    await paused()
    assert told.texts == ["Why", "How"]


async def test_a_server_that_is_away_costs_nothing(hearing: Typing, told: Told) -> None:
    told.answer = ServerUnavailable("it is away", hint="start it")
    hearing.hear("Why")
    await paused()
    told.answer = True
    hearing.hear("Why not")
    await paused()
    assert told.texts == ["Why", "Why not"]
