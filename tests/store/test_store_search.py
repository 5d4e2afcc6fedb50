"""Search: words in any script, any text as a query, and what follows the trash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.conversations import ReplyStatus
from fireside.messages import Defaults, FilePart, Message, ReasoningPart, Role, TextPart, said
from fireside.store import Store, words


def say(store: Store, text: str, *, role: Role = Role.USER, title: str = "Untitled") -> str:
    """Say `text` in a new conversation of its own and return that one's id."""
    conversation = store.create_conversation(title=title)
    store.add_message(conversation.id, said(role, text), parent_id=None)
    return conversation.id


def snippets(store: Store, query: str) -> list[str]:
    marked = (hit.snippet for hit in store.search(query))
    return [text.replace("\x02", "[").replace("\x03", "]") for text in marked]


@pytest.mark.parametrize(
    ("text", "query", "snippet"),
    [
        ("Newtonian mechanics", "newton", "[Newtonian] mechanics"),
        ("Newtonian mechanics", "MECHANICS newtonian", "[Newtonian] [mechanics]"),
        ("un café crème", "cafe", "un [café] crème"),
        ("un cafe\u0301 crème", "café", "un [cafe\u0301] crème"),
        ("naïve ＦＵＬＬ width", "full", "naïve [ＦＵＬＬ] width"),
        ("I don't know", "don't", "I [don't] know"),
        ("see C++ and x86-64", "x86-64", "see C++ and [x86-64]"),
        ("今天的天气很好", "天气", "今天的[天气]很好"),
        ("今天的天气很好", "好", "今天的天气很[好]"),
        ("我用Python写程序", "python 程序", "我用[Python]写[程序]"),
        ("我用Python写程序", "python写", "我用[Python][写]程序"),
        ("你，好", "你好", "[你，好]"),
        ("東京タワーへ行く", "タワー", "東京[タワー]へ行く"),
        ("서울에서 만나요", "서울", "[서울]에서 만나요"),
        ("ฉันกินข้าว", "กิน", "ฉัน[กิน]ข้าว"),
        ("Здравствуй, мир", "МИР", "Здравствуй, [мир]"),
        ("line one\nline\ttwo \x1b[31m", "two", "line one line [two] [31m"),
        ("𠮷野家", "𠮷", "[𠮷]野家"),
    ],
)
def test_words_are_found_and_marked(store: Store, text: str, query: str, snippet: str) -> None:
    say(store, text)
    say(store, "nothing of this")
    assert snippets(store, query) == [snippet]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("天很气", "天气"),
        ("art", "ar"),
        ("smart", "art"),
        ("one", "one two"),
        ("know don't", "don'ts"),
        ("気天", "天気"),
    ],
)
def test_what_was_not_said_is_not_found(store: Store, text: str, query: str) -> None:
    say(store, text)
    assert store.search(query) == ()
    assert store.find_conversations(query).conversations == ()


def test_a_hit_names_message_conversation_and_role(store: Store) -> None:
    conversation = store.create_conversation(title="Weather")
    asked, reply = store.add_turn(
        conversation.id, said(Role.USER, "Sun?"), parent_id=None, defaults=Defaults(), model="m"
    )
    store.finish_reply(
        reply.id,
        status=ReplyStatus.COMPLETE,
        text="Rain.",
        reasoning="Thunder?",
        finish_reason="stop",
        usage=None,
        timings=None,
    )
    (hit,) = store.search("rain")
    assert (hit.conversation_id, hit.title, hit.message_id) == (conversation.id, "Weather", reply.id)
    assert (hit.role, hit.created_at) == (Role.ASSISTANT, reply.created_at)
    assert store.search("sun")[0].message_id == asked.id
    assert store.search("thunder") == (), "what a model only thought was not said"


def test_a_running_reply_is_found_once_it_has_ended(store: Store) -> None:
    conversation = store.create_conversation()
    _, reply = store.add_turn(
        conversation.id, said(Role.USER, "?"), parent_id=None, defaults=Defaults(), model="m"
    )
    store.journal(reply.id, text="umbrella")
    assert store.search("umbrella") == ()
    store.interrupt_unfinished()
    assert store.search("umbrella")[0].message_id == reply.id


def test_files_are_found_by_name_and_system_texts_not_at_all(store: Store) -> None:
    conversation = store.create_conversation()
    parts = (FilePart("quarterly report.txt", "budget"), ReasoningPart("hm"), TextPart("Summarise it"))
    store.add_message(conversation.id, Message(Role.USER, parts), parent_id=None)
    say(store, "You are Bob", role=Role.SYSTEM)
    assert len(store.search("quarterly")) == 1
    assert store.search("budget") == ()
    assert store.search("bob") == ()


def test_titles_are_found_as_they_are_now(store: Store) -> None:
    conversation_id = say(store, "words", title="Holiday in Rome")
    (hit,) = store.search("rome")
    assert (hit.conversation_id, hit.snippet) == (conversation_id, "Holiday in \x02Rome\x03")
    store.update_conversation(conversation_id, title="Journey to Paris")
    assert store.search("rome") == ()
    assert [found.id for found in store.find_conversations("paris").conversations] == [conversation_id]


def test_the_trash_is_left_out_until_it_is_restored(store: Store) -> None:
    conversation_id = say(store, "ephemeral words", title="Fleeting")
    store.trash(conversation_id)
    assert store.search("ephemeral") == store.search("fleeting") == ()
    assert store.find_conversations("ephemeral").conversations == ()
    store.restore(conversation_id)
    assert len(store.search("ephemeral")) == len(store.search("fleeting")) == 1
    store.delete_forever(conversation_id)
    assert store.search("ephemeral") == store.search("fleeting") == ()


def test_after_deleting_the_index_is_empty_and_whole(store: Store, path: Path) -> None:
    for text in ("plain words", "今天天气", "café", "\x00odd\ud83d"):
        store.delete_forever(say(store, text, title=text))
    store.close()
    with sqlite3.connect(path) as connection:
        for index in ("message_words", "title_words"):
            check = f"INSERT INTO {index}({index}) VALUES ('integrity-check')"  # noqa: S608
            connection.execute(check)
            documents = f"SELECT count(*) FROM {index}_docsize"  # noqa: S608
            assert connection.execute(documents).fetchone() == (0,)


def test_the_message_that_is_most_about_it_comes_first(store: Store) -> None:
    passing = say(store, "trains and " + "many other things " * 30)
    about = say(store, "trains trains trains")
    say(store, "nothing")
    assert [hit.conversation_id for hit in store.search("trains")] == [about, passing]
    assert [found.id for found in store.find_conversations("trains").conversations] == [about, passing]


def test_of_equals_the_newest_comes_first_and_pages_follow_each_other(store: Store) -> None:
    said_first_to_last = [say(store, "same words") for _ in range(5)]
    whole = [hit.conversation_id for hit in store.search("same")]
    assert whole == said_first_to_last[::-1]
    pages = [store.search("same", limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [hit.conversation_id for page in pages for hit in page] == whole
    first = store.find_conversations("same", limit=3)
    second = store.find_conversations("same", limit=3, cursor=first.next_cursor)
    assert [found.id for found in (*first.conversations, *second.conversations)] == whole
    assert second.next_cursor is None


def test_of_a_very_common_word_the_newest_are_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fireside.store.search._RANKED", 3)
    ids = [say(store, "common") for _ in range(5)]
    assert [hit.conversation_id for hit in store.search("common")] == ids[:1:-1]


def test_a_snippet_is_short_and_shows_the_match(store: Store) -> None:
    say(store, "before " * 500 + "needle" + " after" * 500)
    (text,) = snippets(store, "needle")
    assert "[needle]" in text
    assert text.startswith("…")
    assert text.endswith("…")
    assert len(text) < 200


@pytest.mark.parametrize("query", ["", " ", "!?", '"', "*", "()", "\x00", "\ud83d", "😀", "- ^ :"])
def test_a_query_without_words_finds_nothing(store: Store, query: str) -> None:
    say(store, "words")
    assert store.search(query) == ()
    assert store.find_conversations(query).conversations == ()


@pytest.mark.parametrize(
    "query",
    [
        '"words',
        "words*",
        "words)",
        "NEAR( words words )",
        "words OR",
        "words AND NOT",
        "words:",
        "-words",
        "^words",
    ],
)
def test_nothing_of_a_query_is_syntax(store: Store, query: str) -> None:
    say(store, "words and near or not")
    assert len(store.search(query)) == 1


@pytest.fixture(scope="module")
def filled() -> Iterator[Store]:
    store = Store.in_memory()
    for text in ("plain words", "今天天气很好 NEAR", "café \x00 \ud83d don't", "🙂 ﬁ ß ǆ İ"):
        say(store, text)
    yield store
    store.close()


@given(st.text(st.characters(codec=None), max_size=60) | st.from_regex(r'[\w"*^():+\-{} \x00気天]{0,40}'))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_query(filled: Store, query: str) -> None:
    for hit in filled.search(query):
        assert hit.snippet.replace("\x02", "").replace("\x03", "")
    filled.find_conversations(query)


SCRIPTS = st.text("aZé ǆß_-.,'0９ \n今天気のタｶ서울กินДя\u0301\x00\ud83d😀", max_size=30)


@given(SCRIPTS, SCRIPTS)
@settings(max_examples=150, deadline=None)
def test_whatever_was_said_is_found_by_its_own_words(filled: Store, before: str, text: str) -> None:
    conversation_id = say(filled, f"{before} {text}", title="…")
    found = filled.search(text, limit=1000)
    filled.delete_forever(conversation_id)
    if words.phrases(text):
        (own,) = (hit for hit in found if hit.conversation_id == conversation_id)
        assert own.snippet.count(words.MARK_BEGIN) == own.snippet.count(words.MARK_END) > 0


@given(st.text(st.characters(codec=None), max_size=200))
def test_folding_keeps_every_character_in_its_place(text: str) -> None:
    assert len(words.folded(text)) == len(text)
    assert words.folded(words.folded(text)) == words.folded(text)
