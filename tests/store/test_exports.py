"""Conversations on their way out, and back in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireside.cards import ImportSummary
from fireside.conversations import Conversation, Failure, ReplyStatus, StoredMessage, Tree
from fireside.messages import (
    Defaults,
    FilePart,
    Message,
    PromptFormat,
    ReasoningPart,
    Role,
    Sampling,
    TextPart,
    Timings,
    Usage,
    said,
)
from fireside.store import ImportedConversation, ImportedMessage, Store
from fireside.store.exports import export_all, export_json, export_markdown
from fireside.store.imports import import_file

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
short = st.text("abc δ漢😀", min_size=1, max_size=8)
times = st.integers(0, 2_000_000_000_000)
parts = st.lists(
    st.builds(TextPart, texts) | st.builds(ReasoningPart, texts) | st.builds(FilePart, short, texts),
    max_size=3,
).map(tuple)
defaults = st.builds(
    Defaults,
    model=st.none() | short,
    system=st.none() | texts,
    sampling=st.builds(Sampling, top_k=st.none() | st.integers(0, 99), stop=st.none() | st.just(("\n",))),
    format=st.none() | st.sampled_from(PromptFormat),
    me=st.none() | short,
)
ended = st.sampled_from([status for status in ReplyStatus if status.ended])


@st.composite
def conversations(draw: st.DrawFn) -> ImportedConversation:
    count = draw(st.integers(0, 8))
    messages = tuple(
        ImportedMessage(
            id=str(at),
            parent_id=draw(st.none() | st.integers(0, at - 1).map(str)) if at else None,
            message=Message(draw(st.sampled_from(Role)), draw(parts)),
            created_at=draw(times),
            model=draw(st.none() | short),
            status=draw(ended),
            defaults=draw(st.none() | defaults),
            finish_reason=draw(st.sampled_from([None, "stop", "length"])),
            usage=draw(st.none() | st.just(Usage(5, 7, None))),
            timings=draw(st.none() | st.just(Timings(1.5, None, 20.25))),
            failure=draw(st.none() | st.just(Failure("x", "it broke"))),
            pinned=draw(st.booleans()),
        )
        for at in range(count)
    )
    return ImportedConversation(
        origin=f"test:{draw(st.uuids())}",
        title=draw(st.text("abδ漢😀", min_size=1, max_size=8)),
        created_at=draw(times),
        updated_at=draw(times),
        head_id=draw(st.sampled_from([message.id for message in messages])) if messages else None,
        messages=messages,
        defaults=draw(defaults),
        pinned=draw(st.booleans()),
    )


def without_ids(document: bytes) -> list[Any]:
    """The conversations by date, each id replaced by the place where it first stands in its own."""
    found = json.loads(document)["conversations"]
    return sorted((_plain(each, "", {}) for each in found), key=by_date)


def _plain(value: Any, key: str, places: dict[str, str]) -> Any:
    if key in ("id", "parent_id", "head_id", "continues"):
        return value and places.setdefault(value, f"#{len(places)}")
    if isinstance(value, dict):
        return {name: _plain(value[name], name, places) for name in sorted(value)}
    return [_plain(entry, "", places) for entry in value] if isinstance(value, list) else value


def by_date(exported: dict[str, Any]) -> int:
    return int(exported["created_at"])


def as_tree(conversation: ImportedConversation) -> Tree:
    """The tree that the store should make of it, but for the ids."""
    shared = set(Conversation.__struct_fields__) & set(ImportedConversation.__struct_fields__) - {"messages"}
    of_message = set(StoredMessage.__struct_fields__) & set(ImportedMessage.__struct_fields__) - {"message"}
    return Tree(
        Conversation("c", **{name: getattr(conversation, name) for name in shared}),
        tuple(
            StoredMessage(
                conversation_id="c",
                role=message.message.role,
                parts=message.message.parts,
                **{name: getattr(message, name) for name in of_message},
            )
            for message in conversation.messages
        ),
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=30,
)
@given(st.lists(conversations(), max_size=3, unique_by=lambda each: each.created_at))
def test_an_export_imported_elsewhere_exports_the_same(
    tmp_path: Path, found: list[ImportedConversation]
) -> None:
    here, there = Store.in_memory(), Store.in_memory()
    for conversation in found:
        here.add_imported(conversation)
    document = b"".join(export_all(here))
    assert without_ids(document) == sorted(
        (each for conversation in found for each in without_ids(export_json(as_tree(conversation)))),
        key=by_date,
    )
    path = tmp_path / "fireside.json"
    path.write_bytes(document)
    count = sum(len(conversation.messages) for conversation in found)
    assert import_file(there, path) == ImportSummary(len(found), count, 0)
    assert import_file(there, path) == ImportSummary(0, 0, len(found))
    assert without_ids(b"".join(export_all(there))) == without_ids(document)
    here.close()
    there.close()


def test_an_export_imported_where_it_came_from_changes_nothing(tmp_path: Path) -> None:
    store = Store.in_memory()
    conversation = store.create_conversation(title="Tea")
    store.add_message(conversation.id, said(Role.USER, "Why?"), parent_id=None)
    path = tmp_path / "x.json"
    path.write_bytes(export_json(store.tree(conversation.id)))
    assert import_file(store, path) == ImportSummary(0, 0, 1)
    assert store.counts().conversations == 1
    store.close()


def test_a_reply_that_was_being_written_arrives_as_interrupted(tmp_path: Path) -> None:
    here, there = Store.in_memory(), Store.in_memory()
    conversation = here.create_conversation(title="Tea")
    _, reply = here.add_turn(
        conversation.id, said(Role.USER, "Why?"), parent_id=None, defaults=Defaults(model="m"), model="m"
    )
    here.start_reply(reply.id, defaults=Defaults(model="m", sampling=Sampling(seed=7)), model="m")
    path = tmp_path / "x.json"
    path.write_bytes(export_json(here.tree(conversation.id)))
    import_file(there, path)
    arrived = there.tree(there.conversations().conversations[0].id).branch()
    assert [message.status for message in arrived] == [ReplyStatus.COMPLETE, ReplyStatus.INTERRUPTED]
    assert arrived[1].defaults == Defaults(model="m", sampling=Sampling(seed=7))
    here.close()
    there.close()


def stored(name: str, parent: str | None, role: Role, *found: Any, **more: Any) -> StoredMessage:
    status = more.pop("status", ReplyStatus.COMPLETE)
    return StoredMessage(name, "c", parent, role, found, status, 1_700_000_000_000, **more)


@pytest.fixture
def tree() -> Tree:
    conversation = Conversation(
        "c",
        "Of *tea*\n# and <b>",
        1_700_000_000_000,
        1_700_000_060_000,
        head_id="a2",
        defaults=Defaults(system="Be brief.", me="Alice"),
    )
    return Tree(
        conversation,
        (
            stored("q", None, Role.USER, FilePart("a`.md", "x ``` y"), TextPart("Why "), TextPart("tea?")),
            stored("a1", "q", Role.ASSISTANT, TextPart("Another branch.")),
            stored(
                "a2",
                "q",
                Role.ASSISTANT,
                ReasoningPart("Hm.\nWell."),
                TextPart("Because **so**."),
                model="smollm2",
                status=ReplyStatus.STOPPED,
            ),
        ),
    )


def test_markdown_is_the_branch_of_the_head_for_people(tree: Tree) -> None:
    assert export_markdown(tree) == (
        "# Of \\*tea\\* # and \\<b\\>\n\n"
        "*2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z*\n\n"
        "**System**\n\n> Be brief.\n\n"
        "## Alice\n\n*2023-11-14T22:13:20Z*\n\n"
        "**a\\`.md**\n\n````\nx ``` y\n````\n\n"
        "Why tea?\n\n"
        "## Assistant\n\n*2023-11-14T22:13:20Z, smollm2*\n\n"
        "*Thoughts*\n\n> Hm.\n> Well.\n\n"
        "Because **so**.\n\n*(stopped)*\n"
    )


def test_json_names_its_format_and_holds_every_branch(tree: Tree) -> None:
    document = msgspec.json.decode(export_json(tree))
    assert (document["format"], document["version"]) == ("fireside", 1)
    assert [message["id"] for message in document["conversations"][0]["messages"]] == ["q", "a1", "a2"]


def test_everything_is_exported_one_conversation_at_a_time() -> None:
    store = Store.in_memory()
    for at in range(3):
        store.create_conversation(title=f"number {at}")
    store.create_conversation(title="not kept", temporary=True)
    store.trash(store.create_conversation(title="in the trash").id)
    pieces = list(export_all(store))
    assert len(pieces) == 5
    found = json.loads(b"".join(pieces))["conversations"]
    assert [each["title"] for each in found] == ["number 0", "number 1", "number 2"]
    store.close()
