"""The slash commands about memory."""

from __future__ import annotations

import pytest

from fireside.cli.chat.commands_memory import receipt_lines
from fireside.cli.chat.loop import respond
from fireside.cli.chat.session import Session
from fireside.errors import BadRequest
from fireside.events import ReceiptReady
from fireside.messages import Receipt
from scripted_client import StandIn, Terminal


async def test_something_is_remembered_listed_and_forgotten(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    await respond(session, "/remember I like tea.")
    assert [memory.text for memory in server.memories.kept] == ["I like tea."]
    assert "memories are off" in terminal.getvalue()
    await respond(session, "/memories on")
    assert "I like tea." in terminal.getvalue()
    await respond(session, "/forget")
    assert "/forget NUMBER" in terminal.getvalue()
    await respond(session, "/forget 1")
    assert server.memories.kept == []
    await respond(session, "/memories")
    assert "nothing is remembered yet" in terminal.getvalue()


async def test_what_cannot_be_done_is_said(session: Session) -> None:
    with pytest.raises(BadRequest, match="nothing to remember"):
        await respond(session, "/remember")
    with pytest.raises(BadRequest, match="neither on nor off"):
        await respond(session, "/memories maybe")


def test_a_receipt_tells_digest_recall_and_memories() -> None:
    receipt = Receipt(
        2048, 1024, ("c",), "- User: I like tea.", ("a", "b"), ("a",), (), "two are old", ("m",)
    )
    text = "\n".join(receipt_lines(receipt))
    for told in ("2 messages as a digest", "1 message recalled", "two are old", "I like tea.", "1 memory:"):
        assert told in text


async def test_the_first_digest_is_told_once(session: Session, server: StandIn, terminal: Terminal) -> None:
    server.events_before = [ReceiptReady(Receipt(512, 500, ("b",), "- User: Hi", ("a",)))]
    await respond(session, "Hi")
    await respond(session, "Hi")
    assert terminal.getvalue().count("1 earlier message is given as a digest") == 1
