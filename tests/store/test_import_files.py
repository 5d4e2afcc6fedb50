"""Exports as people have them (zips, folders, JSON files) into a real store."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.cards import ImportSummary
from fireside.errors import BadImport
from fireside.store import Store
from fireside.store.archives import Limits
from fireside.store.imports import import_file

PIECES = [b'"', b"{", b"}", b"[", b"]", b"\\", b"\\ud800", b"null", b"1e999", b":", b",", b"-1", b"\xff"]


@pytest.fixture
def store() -> Iterator[Store]:
    kept = Store.in_memory()
    yield kept
    kept.close()


def chatgpt(name: str, *texts: str) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for at, text in enumerate(texts):
        mapping[f"{name}-{at}"] = {
            "parent": f"{name}-{at - 1}" if at else None,
            "children": [],
            "message": {
                "author": {"role": "assistant" if at % 2 else "user"},
                "content": {"content_type": "text", "parts": [text]},
                "create_time": 1_700_000_000 + at,
            },
        }
    return {"id": name, "title": f"About {name}", "create_time": 1_700_000_000, "mapping": mapping}


def claude(name: str, *texts: str) -> dict[str, Any]:
    senders = ("human", "assistant")
    messages = [
        {"uuid": f"{name}{at}", "sender": senders[at % 2], "text": text} for at, text in enumerate(texts)
    ]
    return {"uuid": name, "name": f"About {name}", "chat_messages": messages}


def zipped(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def written(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def titles(store: Store) -> list[str]:
    return sorted(conversation.title for conversation in store.conversations(limit=100).conversations)


def test_a_chatgpt_zip_and_importing_it_twice(store: Store, tmp_path: Path) -> None:
    members: dict[str, str | bytes] = {
        "conversations.json": json.dumps([chatgpt("tea", "Why?", "So."), chatgpt("rain", "When?")]),
        "user.json": json.dumps({"id": "u"}),
        "message_feedback.json": "[]",
        "chat.html": "<html>",
        "file-1.png": b"\x89PNG",
    }
    path = zipped(tmp_path / "export.zip", members)
    assert import_file(store, path) == ImportSummary(2, 3, 0)
    before = store.conversations().conversations
    assert import_file(store, path) == ImportSummary(0, 0, 2)
    assert store.conversations().conversations == before
    tree = store.tree(next(c.id for c in before if c.title == "About tea"))
    assert [message.text for message in tree.branch()] == ["Why?", "So."]
    assert [message.created_at for message in tree.messages] == [1_700_000_000_000, 1_700_000_001_000]
    assert [hit.title for hit in store.search("When")] == ["About rain"]


def test_what_lies_in_the_trash_is_not_imported_again(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "conversations.json", [chatgpt("tea", "Why?")])
    import_file(store, path)
    store.trash(store.conversations().conversations[0].id)
    assert import_file(store, path) == ImportSummary(0, 0, 1)
    assert titles(store) == []


def test_a_split_export_in_a_folder(store: Store, tmp_path: Path) -> None:
    written(tmp_path / "x" / "conversations-000.json", [chatgpt("tea", "Why?")])
    written(tmp_path / "x" / "conversations-001.json", [chatgpt("rain", "When?")])
    written(tmp_path / "x" / "shared_conversations.json", [{"id": "tea"}])
    assert import_file(store, tmp_path) == ImportSummary(2, 2, 0)


def test_a_claude_export_by_its_content(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "renamed.json", [claude("c", "Hello", "Hi"), claude("empty")])
    summary = import_file(store, path)
    assert (summary.conversations, summary.messages) == (1, 2)
    assert "conversation 2" in summary.skipped[0]
    assert "no messages" in summary.skipped[0]


def test_one_unreadable_conversation_is_skipped_with_its_reason(store: Store, tmp_path: Path) -> None:
    good, bad = json.dumps(chatgpt("tea", "Why?")), '{"title": "b", "mapping": {"n": 7}}'
    path = written(
        tmp_path / "c.json", f'[{good}, {bad}, {{"mapping": {{"a" 1}}}}, {json.dumps(chatgpt("rain", "?"))}]'
    )
    summary = import_file(store, path)
    assert summary.conversations == 2
    assert [line.split(":")[0] for line in summary.skipped] == [
        "c.json, conversation 2",
        "c.json, conversation 3",
    ]
    assert "mapping" in summary.skipped[0]


def test_a_file_that_was_cut_off_keeps_what_came_before(store: Store, tmp_path: Path) -> None:
    whole = json.dumps([chatgpt("tea", "Why?"), chatgpt("rain", "When?"), chatgpt("sun", "Where?")])
    path = written(tmp_path / "conversations.json", whole[: whole.index("Where")])
    with pytest.raises(
        BadImport, match=r"conversations\.json is cut off.*conversation 3.*2 conversations"
    ) as caught:
        import_file(store, path)
    assert caught.value.hint
    assert titles(store) == ["About rain", "About tea"]
    assert import_file(store, written(path, whole)) == ImportSummary(1, 1, 2)


def test_a_broken_part_does_not_keep_the_other_parts_out(store: Store, tmp_path: Path) -> None:
    parts = {
        "conversations-000.json": json.dumps([chatgpt("tea", "Why?")])[:-1],
        "conversations-001.json": json.dumps([chatgpt("rain", "When?")]),
    }
    with pytest.raises(BadImport, match=r"conversations-000\.json is cut off"):
        import_file(store, zipped(tmp_path / "e.zip", dict(parts)))
    assert titles(store) == ["About rain", "About tea"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<html>", "web page"),
        ("", "is empty"),
        ('[{"name": "no chat"}]', "holds no conversations"),
        ('{"a": 1}', "holds no conversations"),
        ("PK\x03\x04 and then nothing", "damaged zip"),
        ('{"format": "fireside", "version": 2, "conversations": []}', "version 2"),
    ],
)
def test_what_is_no_export_is_refused_with_a_hint(
    store: Store, tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(BadImport, match=said) as caught:
        import_file(store, written(tmp_path / "x.json", content))
    assert caught.value.hint


def test_what_is_not_there_or_holds_nothing_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadImport, match="neither a file nor a folder"):
        import_file(store, tmp_path / "nowhere")
    with pytest.raises(BadImport, match=r"found: notes\.txt"):
        import_file(store, zipped(tmp_path / "e.zip", {"notes.txt": "hello"}))
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadImport, match="found: nothing"):
        import_file(store, tmp_path / "folder")


def test_other_json_beside_a_renamed_export_is_left_aside(store: Store, tmp_path: Path) -> None:
    others = {"a.json": "7", "b.json": '{"id": 1}', "c.json": '[{"x"'}
    path = zipped(tmp_path / "e.zip", {**others, "mine.json": json.dumps([claude("c", "Hello")])})
    assert import_file(store, path) == ImportSummary(1, 1, 0)
    with pytest.raises(BadImport, match="holds no conversations"):
        import_file(store, zipped(tmp_path / "o.zip", dict(others)))


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_damage_to_an_export_ends_in_anything_but_a_clear_error(data: st.DataObject) -> None:
    whole = bytearray(
        json.dumps([chatgpt("tea", "Why?", "So."), claude("rain", "When?"), chatgpt("x", "?")]).encode()
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.sampled_from(PIECES)
        )
    store = Store.in_memory()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "conversations.json")
        path.write_bytes(whole)
        with contextlib.suppress(BadImport):
            assert import_file(store, path).conversations == store.counts().conversations
    store.close()


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1, 0x7F, 0xFF])), min_size=1, max_size=4)
)
def test_no_damage_to_a_zip_ends_in_anything_but_a_clear_error(damage: list[tuple[int, int]]) -> None:
    store = Store.in_memory()
    with tempfile.TemporaryDirectory() as folder:
        contents = {f"conversations-{at}.json": json.dumps([chatgpt(f"c{at}", "Why?")]) for at in range(2)}
        path = zipped(Path(folder, "e.zip"), dict(contents))
        data = bytearray(path.read_bytes())
        for at, byte in damage:
            data[at % len(data)] = byte
        path.write_bytes(data)
        with contextlib.suppress(BadImport):
            assert import_file(store, path).conversations <= 2
    store.close()


def test_members_without_a_name_and_places_beyond_the_end(store: Store, tmp_path: Path) -> None:
    members: dict[str, str | bytes] = {"conversations.json": json.dumps([chatgpt("tea", "Why?")]), "x": ""}
    data = zipped(tmp_path / "e.zip", members).read_bytes()
    first, second = data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02")
    nameless = tmp_path / "nameless.zip"
    nameless.write_bytes(data[: second + 28] + b"\0\0\1\0" + data[second + 32 :])
    assert import_file(store, nameless) == ImportSummary(1, 1, 0)
    beyond = tmp_path / "beyond.zip"
    beyond.write_bytes(data[: first + 42] + b"\xff\xff\xff\x7f" + data[first + 46 :])
    with pytest.raises(BadImport, match="damaged"):
        import_file(store, beyond)


def test_an_empty_export_is_no_error(store: Store, tmp_path: Path) -> None:
    assert import_file(store, written(tmp_path / "conversations.json", [])) == ImportSummary(0, 0, 0)


def test_names_in_an_archive_are_never_paths(store: Store, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    content = json.dumps([chatgpt("tea", "Why?")])
    names = ["../conversations.json", "/etc/conversations-001.json", "..\\..\\conversations-002.json"]
    path = zipped(inside / "e.zip", dict.fromkeys(names, content))
    assert import_file(store, path) == ImportSummary(1, 1, 2)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["e.zip", "inside"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_links_in_a_folder_are_not_followed(store: Store, tmp_path: Path) -> None:
    secret = written(tmp_path / "outside" / "conversations.json", [chatgpt("secret", "?")])
    folder = written(tmp_path / "export" / "conversations-000.json", [chatgpt("tea", "Why?")]).parent
    (folder / "conversations.json").symlink_to(secret)
    (folder / "more").symlink_to(secret.parent)
    os.mkfifo(folder / "conversations-001.json")
    assert import_file(store, folder) == ImportSummary(1, 1, 0)
    assert titles(store) == ["About tea"]


def test_a_zip_bomb_is_refused_by_its_ratio(store: Store, tmp_path: Path) -> None:
    bomb = b"[" + b" " * (48 << 20) + b"]"
    path = zipped(tmp_path / "e.zip", {"conversations.json": bomb})
    assert path.stat().st_size < 100_000
    with pytest.raises(BadImport, match="refused: it unpacks to more than 200 times"):
        import_file(store, path)


def test_what_is_really_read_counts_not_what_the_zip_claims(store: Store, tmp_path: Path) -> None:
    path = zipped(tmp_path / "e.zip", {"conversations.json": os.urandom(1 << 20).hex().join(["[1,", "]"])})
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(BadImport, match=r"damaged inside the archive|cut off"):
        import_file(store, path)


def test_limits_on_bytes_files_and_conversations(store: Store, tmp_path: Path) -> None:
    many = [chatgpt(f"c{at}", "x" * 1000) for at in range(20)]
    path = zipped(tmp_path / "e.zip", {"conversations.json": json.dumps(many), "a.txt": "", "b.txt": ""})
    for limits, said in [
        (Limits(total_bytes=10_000), "holds more than"),
        (Limits(files=2), "holds 3 files"),
        (Limits(directory_bytes=150), "table of contents is too large"),
    ]:
        with pytest.raises(BadImport, match=said):
            import_file(store, path, limits=limits)
    assert titles(store) == []
    with pytest.raises(BadImport, match="more than 5 conversations"):
        import_file(store, path, limits=Limits(conversations=5))
    assert len(titles(store)) == 5


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_zip_that_was_cut_off_or_damaged(store: Store, tmp_path: Path, at: float) -> None:
    random = json.dumps([chatgpt(f"c{n}", os.urandom(500).hex()) for n in range(50)])
    data = bytearray(zipped(tmp_path / "e.zip", {"conversations.json": random}).read_bytes())
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(data[: int(len(data) * at)])
    with pytest.raises(BadImport, match="damaged zip"):
        import_file(store, damaged)
    where = int(len(data) * at)
    data[where : where + 8] = bytes(byte ^ 0xFF for byte in data[where : where + 8])
    damaged.write_bytes(data)
    with pytest.raises(BadImport) as caught:
        import_file(store, damaged)
    assert caught.value.hint


def test_other_compressions_are_refused(store: Store, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "e.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("conversations.json", json.dumps([chatgpt("tea", "Why?")]))
    with pytest.raises(BadImport, match="never use"):
        import_file(store, tmp_path / "e.zip")


def test_progress_is_told_in_bytes_up_to_the_end(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", [chatgpt(f"c{at}", "x" * 400_000) for at in range(10)])
    told: list[tuple[int, int]] = []
    import_file(store, path, progress=lambda done, total: told.append((done, total)))
    size = path.stat().st_size
    assert [total for _, total in told] == [size] * len(told)
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == (size, size)
