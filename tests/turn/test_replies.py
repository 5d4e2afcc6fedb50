"""Replies outlive their watchers, stop when told, and are kept whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

from fireside.conversations import ReplyStatus
from fireside.errors import EngineCrashed, EngineOutOfMemory, StoreFull
from fireside.events import Cursor, Failed, Finished, ReceiptReady, Started, Text
from talk import MakeTalk, Talk


async def test_a_reply_tells_its_whole_way_and_is_stored(make_talk: MakeTalk) -> None:
    talk = make_talk(["It falls."])
    reply = talk.begin("Why?")
    seen = await talk.watch(reply)
    assert isinstance(seen[0], Started)
    assert isinstance(seen[1], ReceiptReady)
    assert "".join(event.text for event in seen if isinstance(event, Text)) == "It falls."
    assert isinstance(seen[-1], Finished)
    stored = talk.store.message(reply.id)
    assert (stored.status, stored.text, stored.finish_reason) == (ReplyStatus.COMPLETE, "It falls.", "stop")
    assert stored.usage
    assert stored.usage.completion_tokens == len("It falls.")
    assert stored.defaults
    assert stored.defaults.sampling.seed == 1


async def test_a_reply_goes_on_when_its_watcher_leaves(make_talk: MakeTalk) -> None:
    gate = asyncio.Event()
    talk = make_talk([["First", gate, " and second."]])
    reply = talk.begin("Go")
    cursor = await talk.until(reply, "First")
    gate.set()
    resumed = await talk.watch(reply, cursor)
    assert "".join(event.text for event in resumed if isinstance(event, Text)) == " and second."
    assert not any(isinstance(event, Started | ReceiptReady) for event in resumed)


async def test_an_ended_reply_is_resumed_from_the_store(make_talk: MakeTalk) -> None:
    talk = make_talk(["It falls down."])
    reply = await talk.ask("Why?")
    seen = await talk.watch(reply, Cursor(started=True, receipt=True, text=len("It falls")))
    assert [event.text for event in seen if isinstance(event, Text)] == [" down."]
    assert isinstance(seen[-1], Finished)


async def test_stopping_keeps_what_was_said_and_frees_the_engine(make_talk: MakeTalk) -> None:
    talk = make_talk([["Half", asyncio.Event()]])
    reply = talk.begin("Go")
    await talk.until(reply, "Half")
    await talk.replies.stop(reply.id)
    stored = talk.store.message(reply.id)
    assert (stored.status, stored.text, stored.finish_reason) == (ReplyStatus.STOPPED, "Half", "stopped")
    assert talk.engine.generating == 0
    assert talk.engine.abandoned == 1
    await talk.replies.stop(reply.id)


async def test_a_reply_is_on_disk_while_it_still_runs(make_talk: MakeTalk) -> None:
    talk = make_talk([["Half", asyncio.Event()]])
    reply = talk.begin("Go")
    await talk.until(reply, "Half")
    journalled = asyncio.Event()
    inner = talk.store.journal

    def journal(*arguments: Any, **named: Any) -> None:
        inner(*arguments, **named)
        loop.call_soon_threadsafe(journalled.set)

    loop = asyncio.get_running_loop()
    talk.store.journal = journal  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        while talk.store.message(reply.id).text != "Half":
            await journalled.wait()
    assert talk.store.interrupt_unfinished() == 1
    assert talk.store.message(reply.id).text == "Half"
    await talk.replies.stop(reply.id)


async def test_a_message_that_is_sent_meanwhile_waits_for_its_turn(make_talk: MakeTalk) -> None:
    gate = asyncio.Event()
    talk = make_talk([["One", gate, "."], "Two."])
    first = talk.begin("1")
    await talk.until(first, "One")
    second = talk.begin("2")
    assert [step.text for step in talk.engine.asked] == [talk.engine.asked[0].text]
    gate.set()
    await talk.watch(second)
    assert "One.<|im_end|>" in talk.engine.asked[1].text
    assert talk.store.message(second.id).text == "Two."


async def test_a_crash_keeps_what_was_said_and_tells(make_talk: MakeTalk) -> None:
    talk = make_talk(["It falls."], crash_at=5)
    reply = talk.begin("Why?")
    seen = await talk.watch(reply)
    assert isinstance(seen[-1], Failed)
    assert seen[-1].code == EngineCrashed.code
    stored = talk.store.message(reply.id)
    assert (stored.status, stored.text) == (ReplyStatus.INTERRUPTED, "It fa")
    assert stored.failure
    assert stored.failure.code == EngineCrashed.code
    assert [type(event) for event in await talk.watch(reply)] == [type(event) for event in _merged(seen)]


def _merged(seen: list[Any]) -> list[Any]:
    """Return the events with all text in one, as a resumed watcher gets them."""
    texts = [event for event in seen if isinstance(event, Text)]
    return [event for event in seen if event not in texts[1:]]


async def test_a_failure_before_the_first_word_names_its_reason(make_talk: MakeTalk) -> None:
    talk = make_talk([[EngineOutOfMemory("no memory for the cache", hint="a smaller context")]])
    reply = await talk.ask("Why?")
    assert reply.status is ReplyStatus.FAILED
    assert reply.failure
    assert (reply.failure.code, reply.failure.hint) == (
        "engine_out_of_memory",
        "a smaller context",
    )


async def test_a_stopped_reply_goes_on_where_it_was(make_talk: MakeTalk) -> None:
    talk = make_talk([["Once upon", asyncio.Event()], " a time."])
    reply = talk.begin("A story")
    await talk.until(reply, "upon")
    await talk.replies.stop(reply.id)
    again = talk.begin_again(reply, continued=talk.store.message(reply.id))
    seen = await talk.watch(again, Cursor(text=len("Once upon")))
    assert "".join(event.text for event in seen if isinstance(event, Text)) == " a time."
    assert talk.engine.asked[1].text.endswith("<|im_start|>assistant\nOnce upon")
    assert talk.store.message(again.id).text == "Once upon a time."
    assert talk.store.message(reply.id).text == "Once upon"


async def test_draining_waits_and_then_interrupts(make_talk: MakeTalk) -> None:
    gate = asyncio.Event()
    talk = make_talk(lambda prompt: ["Quick", gate, "."] if "quick" in prompt else ["Slow", asyncio.Event()])
    quick = talk.begin("quick")
    await talk.until(quick, "Quick")
    other = Talk(talk.store, talk.engine, talk.file, talk.defaults)
    other.replies = talk.replies
    slow = other.begin("slow")
    await other.until(slow, "Slow")
    asyncio.get_running_loop().call_soon(gate.set)
    await talk.replies.drain(0.5)
    assert talk.store.message(quick.id).status is ReplyStatus.COMPLETE
    assert talk.store.message(slow.id).status is ReplyStatus.INTERRUPTED
    assert talk.replies.count == 0


async def test_a_full_disk_is_told_and_the_reply_is_stored_once_there_is_room(make_talk: MakeTalk) -> None:
    talk = make_talk(["It falls."])
    full = 2
    inner = talk.store.finish_reply

    def finish_reply(*arguments: Any, **named: Any) -> Any:
        nonlocal full
        full -= 1
        if full >= 0:
            raise StoreFull("no room", hint="make room")
        return inner(*arguments, **named)

    talk.store.finish_reply = finish_reply  # type: ignore[method-assign]
    reply = talk.begin("Why?")
    seen = await talk.watch(reply)
    assert isinstance(seen[-1], Failed)
    assert seen[-1].code == "disk_full"
    await talk.replies.drain(10)
    assert talk.store.message(reply.id).text == "It falls."


async def test_a_watcher_that_was_held_up_still_gets_everything(make_talk: MakeTalk) -> None:
    gate = asyncio.Event()
    talk = make_talk([["First", gate, " and second."]])
    reply = talk.begin("Go")
    heard = ""
    async for event, _ in talk.replies.watch(reply, talk.store, Cursor()):
        heard += event.text if isinstance(event, Text) else ""
        if heard == "First":
            gate.set()
            while talk.replies.count:
                await asyncio.sleep(0)
    assert heard == "First and second."


async def test_stored_ids_spell_the_stored_text_after_a_stop(make_talk: MakeTalk) -> None:
    talk = make_talk([["One", ". Two ", asyncio.Event()]])
    reply = talk.begin("Go")
    await talk.until(reply, "Two")
    await talk.replies.stop(reply.id)
    ids = talk.store.token_ids([reply.id], talk.file.identity).get(reply.id, ())
    assert "".join(map(chr, ids)) in ("", talk.store.message(reply.id).text)


async def test_a_reply_that_is_stopped_before_it_began_is_stopped(make_talk: MakeTalk) -> None:
    talk = make_talk(["It falls."])
    reply = talk.begin("Why?")
    await talk.replies.stop(reply.id)
    assert talk.store.message(reply.id).status is ReplyStatus.STOPPED
    assert talk.replies.count == 0


async def test_an_end_that_a_fault_swallowed_is_told(make_talk: MakeTalk) -> None:
    talk = make_talk(["It falls."])

    def broken(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError("a fault of ours")

    talk.store.finish_reply = broken  # type: ignore[method-assign]
    seen = await talk.watch(talk.begin("Why?"))
    assert isinstance(seen[-1], Failed)


async def test_deleting_helps_when_the_disk_is_full(make_talk: MakeTalk) -> None:
    talk = make_talk([["Half", asyncio.Event()]])

    def full(*arguments: Any, **named: Any) -> Any:
        raise StoreFull("no room", hint="make room")

    reply = talk.begin("Go")
    await talk.until(reply, "Half")
    finish, talk.store.finish_reply = talk.store.finish_reply, full  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        await talk.replies.stop(reply.id)
    talk.store.delete_forever(talk.conversation.id)
    talk.store.finish_reply = finish  # type: ignore[method-assign]
    await talk.replies.drain(10)
    assert talk.replies.count == 0
