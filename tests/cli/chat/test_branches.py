"""Walking among the branches of a tree."""

from __future__ import annotations

from fireside.cli.chat.branches import last_reply, latest_fork, my_messages, newest_end, twigs
from fireside.conversations import Conversation, ReplyStatus, StoredMessage, Tree
from fireside.messages import Role, TextPart


def tree_of(*edges: tuple[str, str | None]) -> Tree:
    """A tree of messages; ids that begin with `a` are replies."""
    messages = tuple(
        StoredMessage(
            name,
            "c",
            parent,
            Role.ASSISTANT if name[1] == "a" else Role.USER,
            (TextPart(name),),
            ReplyStatus.COMPLETE,
            0,
        )
        for name, parent in edges
    )
    return Tree(Conversation("c", "", 0, 0), messages)


TREE = tree_of(
    ("1u", None),
    ("2a", "1u"),
    ("3u", "2a"),
    ("4a", "3u"),
    ("5a", "3u"),
    ("6u", "5a"),
    ("7a", "6u"),
    ("8a", "1u"),
)


def test_the_latest_fork_is_the_nearest_one_on_the_branch() -> None:
    fork = latest_fork(TREE, "7a")
    assert fork
    assert [option.id for option in fork.options] == ["4a", "5a"]
    assert fork.current == 1


def test_what_follows_the_head_comes_before_any_fork_behind_it() -> None:
    fork = latest_fork(TREE, "2a")
    assert fork
    assert [option.id for option in fork.options] == ["3u"]
    assert fork.current is None


def test_before_the_first_message_the_beginnings_are_the_fork() -> None:
    fork = latest_fork(TREE, None)
    assert fork
    assert [option.id for option in fork.options] == ["1u"]


def test_a_conversation_without_forks_has_none() -> None:
    assert latest_fork(tree_of(("1u", None), ("2a", "1u")), "2a") is None


def test_next_and_prev_go_round_in_a_circle() -> None:
    fork = latest_fork(TREE, "7a")
    assert fork
    assert (fork.step(1).id, fork.step(-1).id) == ("4a", "4a")


def test_a_branch_is_followed_to_its_newest_end() -> None:
    assert newest_end(TREE, TREE.messages[0]).id == "8a"
    assert newest_end(TREE, TREE.messages[2]).id == "7a"


def test_mine_come_newest_first_and_the_last_reply_is_found() -> None:
    assert [message.id for message in my_messages(TREE, "7a")] == ["6u", "3u", "1u"]
    reply = last_reply(TREE, "6u")
    assert reply
    assert reply.id == "5a"


def test_the_tree_is_drawn_with_one_line_for_each_way_on() -> None:
    drawn = [(t.message.id, t.depth, t.number, t.is_on_branch, t.later_messages) for t in twigs(TREE, "4a")]
    assert drawn == [
        ("1u", 0, None, True, 0),
        ("2a", 1, 1, True, 1),
        ("4a", 2, 1, True, 0),
        ("5a", 2, 2, False, 2),
        ("8a", 1, 2, False, 0),
    ]


def test_a_tree_as_deep_as_a_long_chat_is_drawn() -> None:
    edges: list[tuple[str, str | None]] = [("0u", None)]
    for number in range(1, 6000):
        edges.append((f"{number:05}", edges[-1][0]))
    assert len(list(twigs(tree_of(*edges), edges[-1][0]))) == 1
