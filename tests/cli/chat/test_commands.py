"""What each slash command does, seen by a person at a plain terminal."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest

from fireside.cli.chat import commands
from fireside.cli.chat.loop import respond
from fireside.cli.chat.session import Leave, Session
from fireside.conversations import Conversation, SearchHit
from fireside.errors import (
    BadPicture,
    BadRequest,
    Conflict,
    FiresideError,
    ModelNotFound,
    PersonaNotFound,
    TooLarge,
)
from fireside.messages import FilePart, ImagePart, PromptFormat, Role
from made_pictures import png
from scripted_client import MODEL, Said, StandIn, Terminal


async def test_every_command_has_a_line_of_help(session: Session, terminal: Terminal) -> None:
    await respond(session, "/help")
    for command in commands.table().values():
        assert command.usage in terminal.getvalue()
        assert command.help in " ".join(terminal.getvalue().split())


async def test_an_unknown_command_gets_the_nearest_one(session: Session) -> None:
    with pytest.raises(BadRequest, match="/regne") as caught:
        await respond(session, "/regne")
    assert "/regen" in str(caught.value.hint)
    assert "//" in str(caught.value.hint)
    assert session.draft == "/regne"


async def test_a_command_that_takes_nothing_says_so(session: Session) -> None:
    with pytest.raises(BadRequest, match="takes no argument"):
        await respond(session, "/undo 3")


async def test_two_slashes_send_one(session: Session, server: StandIn) -> None:
    await respond(session, "//etc is a folder")
    assert server.messages[0].text == "/etc is a folder"


async def test_set_before_the_first_message_is_what_the_conversation_begins_with(
    session: Session, server: StandIn
) -> None:
    for line in ("/set temperature 0.5", "/system Be brief.", "/me Alice", "/you Bob", "/format transcript"):
        await respond(session, line)
    await respond(session, "Hi")
    assert server.conversation
    defaults = server.conversation.defaults
    assert (defaults.sampling.temperature, defaults.system) == (0.5, "Be brief.")
    assert (defaults.me, defaults.you, defaults.format) == ("Alice", "Bob", PromptFormat.TRANSCRIPT)


async def test_none_resets_a_setting_of_a_conversation(session: Session, server: StandIn) -> None:
    await respond(session, "/set seed=5 top_k=3")
    await respond(session, "Hi")
    await respond(session, "/set seed none")
    assert server.conversation
    assert server.conversation.defaults.sampling.seed is None
    assert server.conversation.defaults.sampling.top_k == 3


async def test_names_stand_before_lines_once_they_are_given(
    session: Session, terminal: Terminal, server: StandIn
) -> None:
    await respond(session, "/you Bob")
    await respond(session, "Hi")
    assert "Bob: One." in terminal.getvalue()
    await respond(session, "/names off")
    await respond(session, "Hi")
    assert "Bob: Two." not in terminal.getvalue()


async def test_an_unknown_model_changes_nothing(session: Session) -> None:
    with pytest.raises(ModelNotFound):
        await respond(session, "/model nothing")
    assert session.in_force.model is None


async def test_a_system_text_that_is_too_long_is_refused_and_changes_nothing(session: Session) -> None:
    with pytest.raises(BadRequest, match="system"):
        await respond(session, f"/system {'long ' * 50_000}")
    assert session.in_force.system is None


async def test_a_model_that_is_not_here_is_introduced_and_fetched(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    server.cards = [msgspec.structs.replace(server.cards[0], installed=False)]
    await respond(session, f"/model {MODEL}")
    assert "Small · Apache-2.0 · 98.0 MB · here" in terminal.getvalue()
    assert session.in_force.model == MODEL


async def test_a_persona_brings_its_names_and_speaks_first(session: Session, terminal: Terminal) -> None:
    await respond(session, "/persona pirate")
    assert "Jack: Ahoy!" in terminal.getvalue()
    with pytest.raises(PersonaNotFound):
        await respond(session, "/persona nobody")
    assert session.in_force.persona == "pirate"


async def test_regen_makes_a_sibling_with_other_sampling(session: Session, server: StandIn) -> None:
    await respond(session, "Hi")
    await respond(session, "/regen temperature=1.5")
    assert server.turns[-1].sampling.temperature == 1.5
    assert [message.parent_id for message in server.messages] == [None, "m000", "m000"]
    assert session.head_id == "m002"


async def test_regen_with_words_asks_again_with_them(session: Session, server: StandIn) -> None:
    await respond(session, "Hi")
    await respond(session, "/regen shorter, please")
    assert server.messages[2].text == "Hi\n\nshorter, please"
    assert server.messages[2].parent_id is None


async def test_edit_puts_my_message_into_the_prompt_and_branches(session: Session, server: StandIn) -> None:
    await respond(session, "First")
    await respond(session, "Second")
    await respond(session, "/edit 2")
    assert session.draft == "First"
    await respond(session, "First, changed")
    assert (server.messages[4].text, server.messages[4].parent_id) == ("First, changed", None)
    await respond(session, "Third")
    assert server.messages[6].parent_id == "m005"


async def test_an_edited_message_keeps_its_files(session: Session, server: StandIn, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a note", encoding="utf-8")
    await respond(session, f"/file {tmp_path / 'notes.txt'}")
    await respond(session, "What is it?")
    await respond(session, "/edit")
    await respond(session, "What is that?")
    assert server.messages[2].parts[0] == FilePart("notes.txt", "a note")
    assert session.files == []


async def test_continue_goes_on_with_the_last_reply(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    await respond(session, "Hi")
    await respond(session, "/continue")
    assert server.messages[-1].text == "One.Two."
    assert session.head_id == server.messages[-1].id


async def test_branch_moves_among_the_replies(session: Session, server: StandIn, terminal: Terminal) -> None:
    await respond(session, "Hi")
    await respond(session, "/regen")
    await respond(session, "/branch 1")
    assert session.head_id == "m001"
    await respond(session, "/branch prev")
    assert session.head_id == "m002"
    await respond(session, "/branch")
    assert "○ 1 Assistant: One." in terminal.getvalue()
    assert "● 2 Assistant: Two." in terminal.getvalue()
    with pytest.raises(BadRequest, match="has 2 branches"):
        await respond(session, "/branch 3")


async def test_branches_draws_the_tree(session: Session, terminal: Terminal) -> None:
    await respond(session, "Hi")
    await respond(session, "/regen")
    terminal.truncate(0)
    await respond(session, "/branches")
    assert terminal.getvalue().strip("\0").splitlines() == [
        "● You: Hi",
        "  ○ 1 Assistant: One.",
        "  ● 2 Assistant: Two.",
    ]


async def test_undo_moves_the_head_and_what_it_says_brings_it_back(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    await respond(session, "First")
    await respond(session, "Second")
    await respond(session, "/undo")
    assert session.head_id == "m001"
    assert "/branch 1 brings it back" in terminal.getvalue()
    await respond(session, "/branch 1")
    assert session.head_id == "m003"
    await respond(session, "/undo")
    await respond(session, "/undo")
    assert session.head_id is None
    assert server.conversation
    assert server.conversation.head_id is None
    with pytest.raises(Conflict):
        await respond(session, "/undo")


@pytest.mark.parametrize("line", ["/regen", "/edit", "/continue", "/branch", "/branches", "/undo", "/copy"])
async def test_before_anything_was_said_there_is_nothing_to_do(session: Session, line: str) -> None:
    with pytest.raises(Conflict, match="nothing was said yet"):
        await respond(session, line)


async def test_chats_are_listed_and_opened_by_number(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    server.listed = (Conversation("c7", "About \x1b[2Jforces", 0, 0), Conversation("c8", "", 0, 0))
    await respond(session, "/chats")
    assert "About ␛[2Jforces" in terminal.getvalue()
    server.conversation = Conversation("c7", "About forces", 0, 0)
    await respond(session, "/open 1")
    assert session.conversation
    assert session.conversation.id == "c7"
    with pytest.raises(BadRequest, match="no number 9"):
        await respond(session, "/open 9")


async def test_search_marks_what_matched(session: Session, server: StandIn, terminal: Terminal) -> None:
    server.hits = (SearchHit("c7", "Forces", "m1", Role.USER, "the \x02law\x03 of \x1binertia", 0),)
    await respond(session, "/search law")
    assert "the [law] of ␛inertia" in terminal.getvalue()
    assert session.listed == ["c7"]


async def test_a_temporary_chat_is_kept_nowhere(session: Session, server: StandIn, reader: Said) -> None:
    await respond(session, "/temporary")
    assert not reader.remember
    await respond(session, "A secret")
    assert server.conversation
    assert server.conversation.temporary
    await respond(session, "/new")
    assert reader.remember


async def test_delete_says_how_it_comes_back(session: Session, server: StandIn, terminal: Terminal) -> None:
    await respond(session, "Hi")
    await respond(session, "/delete")
    assert server.deleted == ["c1"]
    assert "fireside chats restore c1" in terminal.getvalue()
    assert session.conversation is None


async def test_context_tells_in_words_what_was_left_out(
    session: Session, server: StandIn, terminal: Terminal
) -> None:
    await respond(session, "Hi")
    with pytest.raises(Conflict):
        await respond(session, "/context")
    counted = msgspec.json.decode(
        b'{"context_length":2048,"prompt_tokens":1,"included":1,"digested":0,"recalled":0,"omitted":1}'
    )
    from fireside.conversations import ReceiptCounts

    counts = msgspec.convert(counted, ReceiptCounts)
    server.messages[-1] = msgspec.structs.replace(server.messages[-1], receipt=counts)
    server.omitted = ("m000",)
    await respond(session, "/context")
    assert "1,024 of the 2,048 tokens" in terminal.getvalue()
    assert "1 message left out" in terminal.getvalue()


async def test_export_asks_before_it_replaces(session: Session, reader: Said, tmp_path: Path) -> None:
    await respond(session, "Hi")
    path = tmp_path / "chat.md"
    await respond(session, f"/export {path}")
    assert path.read_text(encoding="utf-8") == "as markdown"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(Conflict):
        await respond(session, f"/export {path}")
    assert path.read_text(encoding="utf-8") == "mine"
    reader.agrees = True
    await respond(session, f"/export {path}")
    assert path.read_text(encoding="utf-8") == "as markdown"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["chat.txt", "chat"])
async def test_export_wants_an_ending_that_it_knows(session: Session, name: str, tmp_path: Path) -> None:
    await respond(session, "Hi")
    with pytest.raises(BadRequest, match=r"\.md or \.json"):
        await respond(session, f"/export {tmp_path / name}")


async def test_import_tells_what_it_did(session: Session, terminal: Terminal) -> None:
    await respond(session, "/import x.json")
    said = terminal.getvalue()
    assert "2 conversations imported" in said
    assert "1 was there already" in said
    assert "one was broken" in said


@pytest.mark.parametrize(
    ("content", "kind"), [(b"\xff\xfe\x00", BadRequest), (b"a\0b", BadRequest), (b"x" * 1_000_001, TooLarge)]
)
async def test_only_texts_of_a_sane_size_are_attached(
    session: Session, tmp_path: Path, content: bytes, kind: type[FiresideError]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(kind):
        await respond(session, f"/file {path}")
    assert session.files == []


async def test_what_is_no_file_is_not_attached(session: Session, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="folder"):
        await respond(session, f"/file {tmp_path}")
    with pytest.raises(BadRequest, match="no such file"):
        await respond(session, f"/file {tmp_path / 'none'}")
    with pytest.raises(BadRequest, match="name is missing"):
        await respond(session, "/file")


async def test_a_picture_is_attached_as_what_it_is(session: Session, server: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "cat.txt"
    path.write_bytes(png())
    await respond(session, f"/file {path}")
    await respond(session, "What is it?")
    assert server.messages[0].parts[0] == ImagePart("cat.txt", base64.b64encode(png()).decode())
    path.write_bytes(png(told=(60_000, 60_000)))
    with pytest.raises(BadPicture):
        await respond(session, f"/file {path}")


async def test_a_file_alone_is_a_message(session: Session, server: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "a b.txt"
    path.write_text("text", encoding="utf-8")
    await respond(session, f'/file "{path}"')
    await respond(session, "")
    assert server.messages[0].parts == (FilePart("a b.txt", "text"),)


async def test_quit_leaves(session: Session) -> None:
    with pytest.raises(Leave):
        await respond(session, "/quit")
