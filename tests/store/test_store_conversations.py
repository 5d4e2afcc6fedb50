"""Conversations: made, listed, changed, trashed, deleted, imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireside.conversations import Conversation
from fireside.errors import BadImport, BadRequest, Conflict, ConversationNotFound, MessageNotFound, StoreError
from fireside.messages import Defaults, FilePart, Message, Role, Sampling, TextPart, said
from fireside.store import ImportedConversation, ImportedMessage, Store, ids
from fireside.store.titles import one_line, title_of


def chat(store: Store, *texts: str) -> Conversation:
    """A conversation in which these things were said one after the other."""
    conversation = store.create_conversation()
    parent = None
    for place, text in enumerate(texts):
        role = Role.ASSISTANT if place % 2 else Role.USER
        parent = store.add_message(conversation.id, said(role, text), parent_id=parent).id
    return store.conversation(conversation.id)


def listed(store: Store, *, trash: bool = False) -> list[str]:
    return [conversation.id for conversation in store.conversations(trash=trash).conversations]


def test_a_conversation_is_kept_over_a_restart(store: Store, path: Path, backups: Path) -> None:
    defaults = Defaults(system="You are Bob.", sampling=Sampling(top_k=10, stop=("\n",)))
    made = store.create_conversation(title="Physics", defaults=defaults)
    store.add_message(made.id, said(Role.USER, "Why?"), parent_id=None)
    before = store.tree(made.id)
    store.close()
    reopened = Store.open(path, backups)
    assert reopened.tree(made.id) == before
    assert reopened.conversation(made.id).defaults == defaults
    reopened.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["fireside.db"]


def test_only_its_owner_can_read_the_database(store: Store, path: Path) -> None:
    store.create_conversation()
    assert {file.stat().st_mode & 0o777 for file in path.parent.glob("fireside.db*")} == {0o600}


def test_the_first_message_of_a_person_gives_the_title(store: Store) -> None:
    conversation = store.create_conversation()
    store.add_message(conversation.id, said(Role.SYSTEM, "Be kind."), parent_id=None)
    store.add_message(conversation.id, said(Role.USER, "\n\nWhy is the sky blue?\nPlease."), parent_id=None)
    store.add_message(conversation.id, said(Role.USER, "Something else"), parent_id=None)
    assert store.conversation(conversation.id).title == "Why is the sky blue?"


def test_a_message_of_files_only_is_titled_by_their_names(store: Store) -> None:
    conversation = store.create_conversation()
    store.add_message(conversation.id, Message(Role.USER, (FilePart("report.txt", "…"),)), parent_id=None)
    assert store.conversation(conversation.id).title == "report.txt"


def test_a_title_that_was_given_stays(store: Store) -> None:
    conversation = store.create_conversation(title="Mine")
    store.add_message(conversation.id, said(Role.USER, "Why?"), parent_id=None)
    assert store.conversation(conversation.id).title == "Mine"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("word " * 30, "word word word word word word word word word word word word…"),
        ("a" * 100, "a" * 59 + "…"),
        ("今天天气怎么样" * 20, ("今天天气怎么样" * 20)[:59] + "…"),
        ("\x1b]0;evil\x07 title", "]0;evil title"),
        ("\u202eright to left", "right to left"),
        (" \n\t\n", ""),
        ("x" * 60, "x" * 60),
    ],
)
def test_titles_are_one_short_line_without_control_characters(text: str, title: str) -> None:
    assert title_of(text) == title
    assert len(title) <= 60


def test_a_given_title_is_cleaned_too(store: Store) -> None:
    conversation = store.create_conversation(title="a\nb\x00c")
    assert conversation.title == "a b c"
    assert len(one_line("long " * 100)) <= 200


def test_the_last_thing_said_comes_first_and_pinned_ones_before_all(store: Store) -> None:
    first, second, third = (chat(store, name) for name in ("one", "two", "three"))
    assert listed(store) == [third.id, second.id, first.id]
    store.add_message(first.id, said(Role.USER, "more"), parent_id=first.head_id)
    assert listed(store) == [first.id, third.id, second.id]
    store.update_conversation(second.id, pinned=True)
    assert listed(store) == [second.id, first.id, third.id]


def test_the_listing_keeps_its_order_when_the_clock_jumps_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = chat(store, "one")
    monkeypatch.setattr("fireside.store.conversations.now_ms", lambda: 1)
    second = chat(store, "two")
    assert listed(store) == [second.id, first.id]


def test_pages_meet_without_gap_or_overlap(store: Store) -> None:
    made = [chat(store, str(number)).id for number in range(7)]
    store.update_conversation(made[2], pinned=True)
    seen, cursor = [], None
    while True:
        page = store.conversations(cursor=cursor, limit=2)
        seen += [conversation.id for conversation in page.conversations]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [made[2], *(id_ for id_ in reversed(made) if id_ != made[2])]


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "💥", "W10", "WzEsMl0", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ"]
)
def test_a_bad_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(BadRequest) as refused:
        store.conversations(cursor=cursor)
    assert refused.value.param == "cursor"
    with pytest.raises(BadRequest):
        store.find_conversations("word", cursor=cursor)


def test_the_trash_keeps_everything_and_gives_it_back(store: Store) -> None:
    kept, trashed = chat(store, "kept words"), chat(store, "thrown words")
    before = store.tree(trashed.id)
    assert store.trash(trashed.id).deleted_at is not None
    assert (listed(store), listed(store, trash=True)) == ([kept.id], [trashed.id])
    assert store.counts().trash == 1
    with pytest.raises(Conflict):
        store.add_message(trashed.id, said(Role.USER, "?"), parent_id=None)
    with pytest.raises(Conflict):
        store.add_reply(trashed.head_id or "", defaults=Defaults(), model="m")
    store.restore(trashed.id)
    assert store.tree(trashed.id) == before
    assert listed(store) == [trashed.id, kept.id]


def test_trashing_and_restoring_twice_changes_nothing(store: Store) -> None:
    conversation = chat(store, "words")
    assert store.trash(conversation.id) == store.trash(conversation.id)
    assert store.restore(conversation.id) == store.restore(conversation.id)


def test_deleting_for_ever_leaves_no_word_in_the_file(store: Store, path: Path) -> None:
    conversation = chat(store, "xylophonist " * 200, "answer")
    reply = store.add_reply(
        conversation.head_id or "", defaults=Defaults(), model="m", token_ids=[1], identity="m"
    )
    store.journal(reply.id, text="xylophonist")
    store.delete_forever(conversation.id)
    store.close()
    assert b"xylophonist " not in path.read_bytes()
    for gone in (store.conversation, store.tree, store.trash, store.delete_forever):
        with pytest.raises(StoreError):
            gone(conversation.id)


def test_a_chain_longer_than_sqlites_limit_on_cascades_can_be_deleted(store: Store) -> None:
    messages = tuple(
        ImportedMessage(str(n), str(n - 1) if n else None, said(Role.USER, "x"), n) for n in range(1500)
    )
    store.add_imported(ImportedConversation("test:1", "", 0, 0, None, messages))
    (only,) = listed(store)
    store.delete_forever(only)
    with pytest.raises(ConversationNotFound):
        store.tree(only)


def test_only_what_is_named_is_changed(store: Store) -> None:
    conversation = chat(store, "one", "two")
    changed = store.update_conversation(conversation.id, title="New")
    assert changed.head_id == conversation.head_id
    assert store.update_conversation(conversation.id, head_id=None).head_id is None
    defaults = Defaults(me="Alice")
    assert store.update_conversation(conversation.id, defaults=defaults).defaults == defaults
    assert store.conversation(conversation.id).title == "New"


def test_single_choices_are_changed_and_taken_back(store: Store) -> None:
    told = Defaults(me="Alice", system="Be brief.", sampling=Sampling(seed=1))
    conversation = store.create_conversation(defaults=told)
    store.update_conversation(conversation.id, choices={"sampling": {"top_k": 5}})
    changed = store.update_conversation(conversation.id, choices={"me": None, "sampling": {"seed": None}})
    assert changed.defaults == Defaults(system="Be brief.", sampling=Sampling(top_k=5))
    assert store.conversation(conversation.id).defaults == changed.defaults


def test_the_head_must_be_a_message_of_the_conversation(store: Store) -> None:
    conversation, other = chat(store, "one"), chat(store, "two")
    for head in (other.head_id, "no such message"):
        with pytest.raises(MessageNotFound) as refused:
            store.update_conversation(conversation.id, head_id=head)
        assert refused.value.param == "head_id"


def test_temporary_ones_are_never_listed_counted_or_found(store: Store, path: Path, backups: Path) -> None:
    temporary = store.create_conversation(temporary=True, title="secret words")
    store.add_message(temporary.id, said(Role.USER, "secret words"), parent_id=None)
    assert store.conversations().conversations == ()
    assert store.search("secret") == ()
    assert list(store.all_conversation_ids()) == []
    assert store.counts().conversations == 0
    store.close()
    reopened = Store.open(path, backups)
    assert not reopened.has_conversation(temporary.id)
    reopened.close()


def test_a_store_in_memory_does_the_same(tmp_path: Path) -> None:
    store = Store.in_memory()
    conversation = store.create_conversation(temporary=True)
    asked, reply = store.add_turn(
        conversation.id, said(Role.USER, "Hi"), parent_id=None, defaults=Defaults(), model="m"
    )
    assert [message.id for message in store.branch(reply.id)] == [asked.id, reply.id]
    with pytest.raises(StoreError):
        store.backup(tmp_path / "copy.db")
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_counts(store: Store) -> None:
    chat(store, "one", "two")
    trashed = chat(store, "three")
    store.trash(trashed.id)
    counts = store.counts()
    assert (counts.conversations, counts.trash, counts.messages) == (1, 1, 2)


def imported(origin: str, *, updated_at: int = 2_000, head: str | None = "b") -> ImportedConversation:
    messages = (
        ImportedMessage("a", None, said(Role.USER, "Imported question"), 1_000),
        ImportedMessage("b", "a", said(Role.ASSISTANT, "One answer"), 1_001, model="gpt-4"),
        ImportedMessage("c", "a", Message(Role.ASSISTANT, (TextPart("Another\ud83d"),)), 1_002),
    )
    return ImportedConversation(origin, "", 1_000, updated_at, head, messages)


def test_an_import_keeps_branches_dates_and_head_under_new_ids(store: Store) -> None:
    assert store.add_imported(imported("chatgpt:1"))
    (conversation,) = store.conversations().conversations
    tree = store.tree(conversation.id)
    assert (conversation.title, conversation.created_at) == ("Imported question", 1_000)
    assert [message.created_at for message in tree.messages] == [1_000, 1_001, 1_002]
    assert [message.text for message in tree.branch()] == ["Imported question", "One answer"]
    assert tree.messages[1].model == "gpt-4"
    assert tree.messages[2].text == "Another\N{REPLACEMENT CHARACTER}"
    assert store.search("answer")[0].message_id == tree.messages[1].id
    assert not {message.id for message in tree.messages} & {"a", "b", "c"}


def test_importing_twice_changes_nothing_even_in_the_trash(store: Store) -> None:
    store.add_imported(imported("claude:1"))
    assert not store.add_imported(imported("claude:1"))
    store.trash(listed(store)[0])
    assert not store.add_imported(imported("claude:1"))
    assert (listed(store), store.counts().trash) == ([], 1)


def test_an_import_is_listed_by_its_own_date(store: Store) -> None:
    recent = chat(store, "recent")
    store.add_imported(imported("chatgpt:old"))
    assert listed(store)[0] == recent.id
    store.add_imported(imported("chatgpt:future", updated_at=10**30))
    new = chat(store, "new")
    assert listed(store)[0] == new.id
    store.add_imported(imported("chatgpt:today", updated_at=ids.now_ms() + 60_000))
    assert listed(store)[1] == new.id, "one date far in the future doesn't spoil the order of the rest"


def test_an_import_that_breaks_off_leaves_nothing(store: Store) -> None:
    broken = ImportedMessage("x", "missing", said(Role.USER, "lost words"), 1)
    with pytest.raises(BadImport):
        store.add_imported(ImportedConversation("chatgpt:1", "", 1, 1, None, (broken,)))
    assert listed(store) == []
    assert store.add_imported(imported("chatgpt:1"))


def test_all_kept_conversations_in_the_order_they_came(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fireside.store.store._IDS_AT_ONCE", 2)
    made = [chat(store, str(number)).id for number in range(5)]
    store.trash(made[1])
    assert list(store.all_conversation_ids()) == [made[0], *made[2:]]


def test_new_ids_follow_the_stored_ones_after_a_restart(
    store: Store, path: Path, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = chat(store, "one")
    store.close()
    monkeypatch.setattr(ids, "now_ms", lambda: 1)
    reopened = Store.open(path, backups)
    later = reopened.add_message(conversation.id, said(Role.USER, "two"), parent_id=None)
    assert [message.id for message in reopened.tree(conversation.id).messages][-1] == later.id
    reopened.close()
