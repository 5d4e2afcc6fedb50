"""`fireside.AsyncChat` and `fireside.Chat` with the real server and the real small model."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

import fireside
from fireside.client.routes import connected
from fireside.conversations import ReplyStatus
from fireside.errors import BadRequest, Conflict, EmptyMessage
from fireside.events import Failed, Text
from fireside.messages import Defaults, Sampling
from fireside.settings import Home
from starting import end_server

LONG = "Tell me a long story about a lighthouse keeper and the sea."


async def test_a_chat_remembers_what_was_said(shared_home: Home) -> None:
    async with fireside.AsyncChat(system="Be brief.", temperature=0, max_tokens=12) as chat:
        assert chat.conversation_id is None
        pieces = [piece async for piece in chat.ask("My name is Alice.")]
        assert len(pieces) > 1
        assert chat.last is not None
        assert chat.last.text == "".join(pieces)
        await chat.say("What is my name?")
        assert chat.last.usage is not None
        assert chat.last.usage.cached_tokens
        assert [message.role for message in await chat.messages()] == ["user", "assistant"] * 2


async def test_another_chat_object_goes_on_with_a_conversation(shared_home: Home) -> None:
    async with fireside.AsyncChat(max_tokens=3) as first:
        await first.say("Hello.")
    async with fireside.AsyncChat(conversation=first.conversation_id, max_tokens=5) as second:
        await second.say("And again.")
        assert len(await second.messages()) == 4
        defaults = (await second.messages())[-1].defaults
    assert defaults is not None
    assert defaults.sampling.max_tokens == 5


async def test_the_same_seed_gives_the_same_reply_again(shared_home: Home) -> None:
    async with fireside.AsyncChat(seed=7, temperature=1.5, max_tokens=16) as chat:
        said = await chat.say("Tell me a story.")
        assert "".join([piece async for piece in chat.regenerate()]) == said
        branch = await chat.messages()
        assert len(branch) == 2


async def test_leaving_the_loop_stops_the_reply_and_keeps_what_was_said(shared_home: Home) -> None:
    async with fireside.AsyncChat(temperature=0) as chat:
        async with aclosing(chat.ask(LONG)) as pieces:
            async for _piece in pieces:
                break
        assert chat.last is not None
        assert chat.last.status is ReplyStatus.STOPPED
        assert chat.last.text


async def test_a_cancelled_question_is_stopped_at_the_server(shared_home: Home) -> None:
    async with fireside.AsyncChat(temperature=0) as chat:
        begun = asyncio.Event()

        async def ask() -> None:
            async with aclosing(chat.ask(LONG)) as pieces:
                async for _piece in pieces:
                    begun.set()

        task = asyncio.create_task(ask())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert chat.last is not None
        assert chat.last.status is ReplyStatus.STOPPED


async def test_a_temporary_chat_is_not_listed(shared_home: Home) -> None:
    async with fireside.AsyncChat(temporary=True, max_tokens=3) as chat:
        await chat.say("This is nobody's business.")
        async with connected(shared_home) as client:
            listed = [conversation.id async for conversation in client.all_conversations()]
    assert chat.conversation_id not in listed


async def test_nothing_to_regenerate_and_nothing_asked_are_errors(shared_home: Home) -> None:
    async with fireside.AsyncChat() as chat:
        with pytest.raises(Conflict):
            await anext(chat.regenerate())
        with pytest.raises(EmptyMessage):
            await chat.say("")


@pytest.mark.parametrize("wrong", [{"top_k": -1}, {"me": ""}, {"format": "poem"}, {"topk": 3}])
def test_a_wrong_argument_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises((BadRequest, TypeError), match=next(iter(wrong))):
        fireside.Chat(**wrong)  # type: ignore[arg-type]


def test_a_chat_without_an_event_loop(shared_home: Home) -> None:
    with fireside.Chat(format="transcript", me="Alice", you="Bob", stop="\n", max_tokens=20) as bob:
        pieces = list(bob.ask("What is Newtonian mechanics?"))
        assert bob.last is not None
        assert bob.last.text == "".join(pieces)
        assert "\n" not in bob.last.text
        assert [message.text for message in bob.messages] == ["What is Newtonian mechanics?", bob.last.text]
        for _piece in bob.regenerate():
            break
        assert bob.last.status is ReplyStatus.STOPPED


async def test_it_works_inside_a_running_event_loop_too(shared_home: Home) -> None:
    with fireside.Chat(max_tokens=3) as chat:
        assert chat.say("Hello.")


def test_ctrl_c_in_a_program_stops_the_reply(shared_home: Home, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import fireside\n"
        "chat = fireside.Chat(temperature=0)\n"
        f"for piece in chat.ask({LONG!r}):\n"
        "    print(chat.conversation_id, flush=True)\n"
    )
    running = subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    conversation = running.stdout.readline().strip()
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=60)
    assert "KeyboardInterrupt" in err
    chat = fireside.Chat(conversation=conversation)
    assert chat.messages[-1].status is ReplyStatus.STOPPED


def test_a_program_that_closes_nothing_leaves_nothing_open(home: Home, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import fireside, gc\n"
        "dropped = fireside.Chat(max_tokens=3)\n"
        "dropped.say('Hello.')\n"
        "del dropped\n"
        "gc.collect()\n"
        "kept = fireside.Chat(max_tokens=3)\n"
        "print(kept.say('Hello.'))\n"
    )
    ran = subprocess.run([sys.executable, "-X", "dev", program], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "ResourceWarning" not in ran.stderr


async def test_a_killed_server_costs_the_reply_its_end_and_nothing_else(home: Home) -> None:
    async with connected(home) as client:
        greedy = Defaults(sampling=Sampling(temperature=0))
        conversation = await client.create_conversation(defaults=greedy)
        sent = await client.send(conversation.id, LONG)
        said, stored, events = "", "", []
        async for event in client.events(sent.reply.id):
            events.append(event)
            said += event.text if isinstance(event, Text) else ""
            if said and not stored and (stored := (await client.message(sent.reply.id)).text):
                end_server(home, signal.SIGKILL)
        assert isinstance(events[-1], Failed)
        branch = (await client.tree(conversation.id)).branch()
    assert branch[0].text == LONG
    assert said.startswith(branch[-1].text)
    assert branch[-1].text.startswith(stored)
    assert stored
    assert branch[-1].status is ReplyStatus.INTERRUPTED
