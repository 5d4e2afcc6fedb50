"""What was deleted for good is nowhere in the files: not in the index, not in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.memories import Quote, Recall, RememberedText
from fireside.messages import Role, said
from fireside.store import Store

SECRET = "Zyxomma"


def in_files(folder: Path, word: str) -> list[str]:
    """Return the names of the files that have `word`, as it was written or as the index has it."""
    found = [(file.name, file.read_bytes()) for file in sorted(folder.rglob("*")) if file.is_file()]
    return [name for name, data in found if word.encode() in data or word.lower().encode()[1:] in data]


def talk(store: Store, secret: str) -> tuple[str, str]:
    """Return the ids of a conversation that has the secret in its title and words, and of a message."""
    conversation = store.create_conversation(title=f"About {secret}")
    first = store.add_message(conversation.id, said(Role.USER, "Hello"), parent_id=None)
    told = store.add_message(conversation.id, said(Role.USER, f"It is {secret}!"), parent_id=first.id)
    return conversation.id, told.id


def test_a_conversation_that_is_deleted_for_good_leaves_no_word(store: Store, path: Path) -> None:
    talk(store, "something else")
    conversation_id, _ = talk(store, SECRET)
    assert in_files(path.parent, SECRET)
    store.delete_forever(conversation_id)
    assert in_files(path.parent, SECRET) == []
    assert len(store.search("something")) == 1


@pytest.mark.parametrize("single", [True, False], ids=["a message", "a conversation"])
def test_what_lay_in_the_trash_leaves_no_word_when_it_is_emptied(
    store: Store, path: Path, *, single: bool
) -> None:
    conversation_id, told = talk(store, SECRET)
    if single:
        store.update_conversation(conversation_id, title="Nothing")
        store.trash_message(told)
    else:
        store.trash(conversation_id)
    assert in_files(path.parent, SECRET)
    store.empty_trash()
    assert in_files(path.parent, SECRET) == []


@pytest.mark.parametrize("edited", [True, False], ids=["edited", "forgotten"])
def test_a_memory_leaves_no_copy_before_the_questions_that_it_was_given_with(
    store: Store, path: Path, *, edited: bool
) -> None:
    conversation_id, told = talk(store, "something else")
    memory, other = store.memory.add(f"my dog is {SECRET}"), store.memory.add("I like tea")
    quotes = (Quote(told, "User", "It is something else!"),)
    given = tuple(RememberedText(one.id, one.text) for one in (memory, other))
    store.memory.set_recall(Recall(told, None, quotes, given))
    assert store.memory.given_to(memory.id) == (conversation_id,)
    if edited:
        store.memory.edit(memory.id, "my dog is old")
    else:
        store.memory.remove(memory.id)
    assert in_files(path.parent, SECRET) == []
    assert store.memory.recalls([told])[told] == Recall(told, None, quotes, given[1:])
    assert store.memory.given_to(memory.id) == ()


def test_whoever_reads_meanwhile_keeps_the_log_and_stops_nobody(store: Store, path: Path) -> None:
    conversation_id, _ = talk(store, SECRET)
    with store._database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM messages")
        store.delete_forever(conversation_id)
    talk(store, "something else")
    store.empty_trash()
    assert in_files(path.parent, SECRET) == []
