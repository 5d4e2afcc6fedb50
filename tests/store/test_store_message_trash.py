"""Messages in the trash: gone from everywhere at once, and back exactly as they were."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from fireside.conversations import StoredMessage
from fireside.errors import Conflict, ConversationNotFound, MessageNotFound
from fireside.messages import Defaults, Role, said
from fireside.store import Store, export_json, export_markdown


class Chat:
    """A conversation that branches: `why` is answered twice, and the first answer was talked about."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.id = store.create_conversation(title="Physics").id
        self.why = self._say(Role.USER, "why blue", None)
        self.scatter = self._say(Role.ASSISTANT, "scattering light", self.why)
        self.more = self._say(Role.USER, "more please", self.scatter)
        self.rayleigh = self._say(Role.ASSISTANT, "rayleigh did it", self.more)
        self.magic = self._say(Role.ASSISTANT, "magic alone", self.why)
        self.show(self.rayleigh)

    def _say(self, role: Role, text: str, parent_id: str | None) -> str:
        return self.store.add_message(self.id, said(role, text), parent_id=parent_id).id

    def show(self, head_id: str) -> None:
        self.store.update_conversation(self.id, head_id=head_id)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.store.tree(self.id).messages]

    @property
    def head(self) -> str | None:
        return self.store.conversation(self.id).head_id

    def found(self, word: str) -> list[str]:
        return [hit.message_id for hit in self.store.search(word)]


@pytest.fixture
def chat(store: Store) -> Chat:
    return Chat(store)


def ids(messages: tuple[StoredMessage, ...]) -> list[str]:
    return [message.id for message in messages]


def test_a_message_goes_with_all_that_was_said_after_it(store: Store, chat: Chat) -> None:
    trashed = store.trash_message(chat.scatter)
    assert set(trashed.message_ids) == {chat.scatter, chat.more, chat.rayleigh}
    assert chat.texts == ["why blue", "magic alone"]
    assert ids(store.siblings(chat.magic)) == [chat.magic]
    assert chat.found("rayleigh") == []
    assert chat.found("scattering") == []
    assert chat.found("magic") == [chat.magic]
    whole = export_json(store.tree(chat.id)) + export_markdown(store.tree(chat.id)).encode()
    assert b"rayleigh" not in whole
    assert store.conversation(chat.id).messages_count == 2
    assert store.counts().messages == 2


def test_the_head_moves_to_the_newest_of_what_is_left_there(store: Store, chat: Chat) -> None:
    assert store.trash_message(chat.rayleigh).conversation.head_id == chat.more
    assert store.trash_message(chat.scatter).conversation.head_id == chat.magic
    assert store.trash_message(chat.why).conversation.head_id is None
    assert chat.texts == []


def test_a_head_elsewhere_stays(store: Store, chat: Chat) -> None:
    chat.show(chat.magic)
    store.trash_message(chat.scatter)
    assert chat.head == chat.magic


def test_restoring_undoes_exactly_that(store: Store, chat: Chat) -> None:
    before, branch = store.tree(chat.id), ids(store.branch(chat.rayleigh))
    store.trash_message(chat.scatter)
    back = store.restore_message(chat.scatter)
    assert store.tree(chat.id).messages == before.messages
    assert back.messages_count == before.conversation.messages_count
    assert back.head_id == chat.rayleigh
    assert ids(store.branch(chat.rayleigh)) == branch
    assert chat.found("rayleigh") == [chat.rayleigh]


def test_what_went_before_stays_in_the_trash(store: Store, chat: Chat) -> None:
    store.trash_message(chat.rayleigh)
    store.trash_message(chat.scatter)
    store.restore_message(chat.scatter)
    assert "rayleigh did it" not in chat.texts
    assert "more please" in chat.texts
    store.restore_message(chat.rayleigh)
    assert "rayleigh did it" in chat.texts


def test_the_head_that_was_shown_can_be_shown_again(store: Store, chat: Chat) -> None:
    chat.show(chat.more)
    store.trash_message(chat.scatter)
    assert store.restore_message(chat.scatter, head_id=chat.more).head_id == chat.more
    other = Chat(store)
    store.trash_message(chat.scatter)
    with pytest.raises(MessageNotFound):
        store.restore_message(chat.scatter, head_id=other.why)
    assert "scattering light" not in chat.texts


def test_twice_is_once(store: Store, chat: Chat) -> None:
    store.trash_message(chat.scatter)
    assert store.trash_message(chat.scatter).message_ids == ()
    assert store.trash_message(chat.more).message_ids == ()
    assert store.conversation(chat.id).messages_count == 2
    store.restore_message(chat.scatter)
    assert store.restore_message(chat.scatter).messages_count == 5


def test_nothing_follows_or_pins_what_lies_in_the_trash(store: Store, chat: Chat) -> None:
    store.trash_message(chat.scatter)
    with pytest.raises(MessageNotFound):
        store.add_message(chat.id, said(Role.USER, "and?"), parent_id=chat.rayleigh)
    with pytest.raises(MessageNotFound):
        store.update_conversation(chat.id, head_id=chat.rayleigh)
    with pytest.raises(Conflict):
        store.add_reply(chat.more, defaults=Defaults(), model="m")
    with pytest.raises(Conflict):
        store.pin_message(chat.more, pinned=True)
    with pytest.raises(Conflict, match="what it answers"):
        store.restore_message(chat.more)


def test_what_is_pinned_is_kept_and_told(store: Store, chat: Chat) -> None:
    assert store.pin_message(chat.more, pinned=True).pinned
    assert [message.id for message in store.tree(chat.id).messages if message.pinned] == [chat.more]
    assert not store.pin_message(chat.more, pinned=False).pinned
    store.trash(chat.id)
    with pytest.raises(Conflict):
        store.pin_message(chat.more, pinned=True)


def test_emptying_the_trash_deletes_conversations_and_single_messages_for_good(
    store: Store, chat: Chat
) -> None:
    gone = Chat(store)
    store.trash(gone.id)
    store.trash_message(chat.scatter)
    emptied = store.empty_trash()
    assert (emptied.conversations, emptied.messages) == (1, 3)
    assert chat.texts == ["why blue", "magic alone"]
    with pytest.raises(MessageNotFound):
        store.message(chat.rayleigh)
    with pytest.raises(ConversationNotFound):
        store.conversation(gone.id)
    assert chat.found("rayleigh") == []
    assert store.empty_trash().messages == 0
    assert json.loads(export_json(store.tree(chat.id)))["conversations"][0]["title"] == "Physics"


def test_a_conversation_deleted_for_good_takes_its_trash_along(store: Store, chat: Chat) -> None:
    store.trash_message(chat.scatter)
    store.delete_forever(chat.id)
    with pytest.raises(MessageNotFound):
        store.message(chat.rayleigh)
    assert chat.found("rayleigh") == []


def test_a_long_branch_goes_and_comes_back(store: Store) -> None:
    conversation = store.create_conversation()
    said_ids: list[str] = []
    for number in range(1500):
        parent = said_ids[-1] if said_ids else None
        said_ids.append(store.add_message(conversation.id, said(Role.USER, str(number)), parent_id=parent).id)
    assert all(one < other for one, other in pairwise(said_ids))
    assert len(store.trash_message(said_ids[1]).message_ids) == 1499
    assert store.restore_message(said_ids[1]).head_id == said_ids[-1]
