"""Digests, recalls and memories in the store."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from fireside.errors import MemoryNotFound
from fireside.memories import Ability, Digest, Quote, Recall, RememberedText
from fireside.messages import Defaults, Receipt, Role, said
from fireside.store import Store, schema

LONG = "- User: I like tea. " * 200


def a_turn(store: Store) -> tuple[str, str, str]:
    """Return the ids of a new conversation, of its message and of the reply to it."""
    conversation = store.create_conversation()
    asked, reply = store.add_turn(
        conversation.id, said(Role.USER, "Hi"), parent_id=None, defaults=Defaults(), model="m"
    )
    return conversation.id, asked.id, reply.id


def rows(store: Store, name: str) -> int:
    table = schema.metadata.tables[name]
    with store._database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_digest_is_kept_once_for_all_receipts_that_have_it(store: Store, path: Path) -> None:
    _, asked, reply = a_turn(store)
    store.memory.add_digest(Digest(asked, LONG, "extractive", 2048, (asked,), 3))
    receipt = Receipt(2048, 9, (), LONG, (asked,), (asked,), (), "it is old", ("m1",))
    store.set_receipt(reply, receipt)
    assert store.receipt(reply) == receipt
    with store._database.reading() as connection:
        kept = connection.execute(select(schema.messages.c.receipt, schema.messages.c.digest)).all()
    assert all("tea" not in (column or "") for row in kept for column in row)


def test_a_receipt_keeps_its_digest_when_another_one_is_written(store: Store) -> None:
    _, asked, reply = a_turn(store)
    store.memory.add_digest(Digest(asked, "first", "extractive", 2048))
    store.set_receipt(reply, Receipt(2048, 9, (), "first", (asked,)))
    store.memory.add_digest(Digest(asked, "second", "model", 2048))
    receipt = store.receipt(reply)
    assert receipt
    assert receipt.digest == "first"
    assert [digest.text for digest in store.memory.digests([asked])] == ["first", "second"]


def test_a_digest_that_is_nowhere_else_is_kept_with_its_receipt(store: Store) -> None:
    _, asked, reply = a_turn(store)
    store.set_receipt(reply, Receipt(2048, 9, (), "only here", (asked,)))
    receipt = store.receipt(reply)
    assert receipt
    assert receipt.digest == "only here"


def test_what_goes_before_a_question_is_replaced(store: Store) -> None:
    _, asked, _ = a_turn(store)
    first = Recall(asked, None, (Quote("q", "User", "My cat is Tom."),))
    second = Recall(asked, "x", (), (RememberedText("m", "tea"),))
    store.memory.set_recall(first)
    store.memory.set_recall(second)
    assert store.memory.recalls([asked, "other"]) == {asked: second}


def test_they_go_with_their_conversation(store: Store) -> None:
    conversation, asked, _ = a_turn(store)
    store.memory.add_digest(Digest(asked, "text", "extractive", 2048))
    store.memory.set_recall(Recall(asked))
    store.delete_forever(conversation)
    assert (rows(store, "digests"), rows(store, "recalls")) == (0, 0)


def test_memories_survive_a_restart_and_are_given_when_switched_on(
    store: Store, path: Path, backups: Path
) -> None:
    kept = store.memory.add("I like tea.")
    assert store.memory.given(False) == ()
    assert store.memory.given(True) == (kept,)
    store.memory.switch(is_on=False)
    store.close()
    again = Store.open(path, backups)
    assert again.memory.all() == (kept,)
    assert again.memory.given(True) == (), "what was switched goes before the setting"
    again.memory.remove(kept.id)
    with pytest.raises(MemoryNotFound):
        again.memory.edit(kept.id, "x")
    again.close()


def test_what_a_model_can_do_is_kept_by_its_identity(store: Store) -> None:
    assert store.memory.ability("sha256:a") is None
    store.memory.set_ability("sha256:a", Ability(0.5, 0.4))
    store.memory.set_ability("sha256:a", Ability(0.9, 0.4))
    assert store.memory.ability("sha256:a") == Ability(0.9, 0.4)
