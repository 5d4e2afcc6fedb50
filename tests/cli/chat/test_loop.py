"""The loop: what is shown of a reply, and that nothing which was typed is lost."""

from __future__ import annotations

import io

import pytest

from fireside.cli.chat.input import Cleared, Lines
from fireside.cli.chat.loop import converse, respond
from fireside.cli.chat.session import Leave, Session
from fireside.errors import BadRequest, EngineCrashed, ServerUnavailable, TooLarge
from fireside.events import Failed, Finished, Reasoning, ReceiptReady
from fireside.messages import Receipt, Timings, Usage
from scripted_client import Said, StandIn, Terminal

EMPTY, TYPED = Cleared(had_text=False), Cleared(had_text=True)


async def chat(session: Session, reader: Said, *lines: str | Cleared) -> int:
    reader.lines = list(lines)
    with pytest.raises(Leave) as left:
        await converse(session, ends_at_error=False)
    return left.value.code


async def test_a_refused_message_is_in_the_prompt_again(
    session: Session, reader: Said, server: StandIn, terminal: Terminal
) -> None:
    server.refusal = TooLarge("the message is too large", hint="send it in parts")
    await chat(session, reader, "a long one")
    assert reader.prompts == [("> ", ""), ("> ", "a long one")]
    assert "error: the message is too large\nhint: send it in parts" in terminal.getvalue()


async def test_files_and_an_edit_survive_a_refusal(session: Session, reader: Said, server: StandIn) -> None:
    await respond(session, "First")
    await respond(session, "/edit")
    server.refusal = ServerUnavailable("gone")
    await chat(session, reader, "Changed")
    server.refusal = None
    await respond(session, "Changed")
    assert server.messages[-2].parent_id is None


async def test_a_failed_reply_shows_what_was_said_and_why(
    session: Session, reader: Said, server: StandIn, terminal: Terminal
) -> None:
    server.ending = Failed("engine_crashed", "the engine ended with -9")
    await chat(session, reader, "Hi")
    assert "One.\nerror: the engine ended with -9\nhint: /regen asks again" in terminal.getvalue()
    assert reader.prompts[-1] == ("> ", "")


async def test_a_script_ends_at_its_first_error(session: Session, reader: Said, server: StandIn) -> None:
    server.ending = Failed("engine_crashed", "the engine ended with -9")
    reader.lines = ["Hi", "not sent any more"]
    with pytest.raises(EngineCrashed):
        await converse(session, ends_at_error=True)
    assert len(server.messages) == 2


async def test_ctrl_c_twice_leaves_and_once_does_not(session: Session, reader: Said, server: StandIn) -> None:
    assert await chat(session, reader, EMPTY, "Hi", EMPTY, TYPED, EMPTY) == 130
    assert len(server.messages) == 2


async def test_ctrl_c_while_editing_keeps_the_message(session: Session, reader: Said) -> None:
    assert await chat(session, reader, "Hi", "/edit", TYPED) == 0
    assert session.editing is None


async def test_control_characters_of_a_model_are_shown_not_obeyed(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    server.replies[0] = "\x1b]52;c;aGk=\x07 [red]x[/red] \x9b2J"
    await respond(session, "Hi")
    assert "␛]52;c;aGk=␇ [red]x[/red] <U+009B>2J" in terminal.getvalue()


@pytest.mark.parametrize(
    ("reason", "note"), [("length", "/continue goes on"), ("stopped", "stopped"), ("repetition", "repeated")]
)
async def test_an_unusual_end_is_explained(
    session: Session, server: StandIn, terminal: Terminal, reason: str, note: str
) -> None:
    server.ending = Finished(reason, Usage(1, 1, None), Timings(1, 1, 1))  # type: ignore[arg-type]
    await respond(session, "Hi")
    assert note in terminal.getvalue()


async def test_stats_tell_speed_and_time_to_the_first_word(session: Session, terminal: Terminal) -> None:
    await respond(session, "/stats on")
    await respond(session, "Hi")
    assert "2 tokens · 50.0 tokens/s · first word after 0.12 s · prompt 20 tokens" in terminal.getvalue()


async def test_messages_that_were_left_out_are_told_once(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    server.events_before = [ReceiptReady(Receipt(512, 500, ("b",), omitted=("a",)))]
    await respond(session, "Hi")
    await respond(session, "Hi again")
    assert terminal.getvalue().count("left out") == 1


async def test_thoughts_are_folded(session: Session, server: StandIn, terminal: Terminal) -> None:
    server.events_before = [Reasoning("let me think")]
    await respond(session, "Hi")
    assert "thought: 3 words\nOne." in terminal.getvalue()


async def test_what_an_engine_has_to_say_is_said_once(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    server.notices = ("a GPU is here, and the engine runs on the CPU",)
    await respond(session, "Hi")
    await respond(session, "Hi")
    assert terminal.getvalue().count("! a GPU is here") == 1


async def test_an_empty_line_is_no_message(session: Session, server: StandIn) -> None:
    await respond(session, "  ")
    assert server.messages == []


async def test_lines_of_a_pipe_are_messages_and_quotes_hold_several() -> None:
    lines = Lines(io.BytesIO('one\r\n"""two\nthree"""\n'.encode("utf-8-sig")))
    assert await lines.read("> ", "") == "one"
    assert await lines.read("> ", "") == '"""two\nthree"""'
    with pytest.raises(Leave):
        await lines.read("> ", "")


@pytest.mark.parametrize(
    ("data", "complaint"), [(b"n\xe4h\n", "line 1 .* byte 2"), (b'"""x\n', "before .* are closed")]
)
async def test_a_broken_pipe_is_told_where(data: bytes, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        await Lines(io.BytesIO(data)).read("> ", "")
