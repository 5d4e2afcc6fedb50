"""Foreign trees, however odd, become trees of ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fireside.messages import Message, ReasoningPart, Role, said
from fireside.store.import_tree import ForeignNode, grown

names = st.sampled_from("abcdefgh")
messages = st.sampled_from([None, said(Role.USER, "u"), said(Role.ASSISTANT, "a")])
nodes = st.builds(
    ForeignNode, names, st.none() | names | st.just("nowhere"), messages, st.none() | st.integers(0, 99)
)


def node(name: str, parent: str | None, role: Role | None, at: int | None = None) -> ForeignNode:
    return ForeignNode(name, parent, said(role, name) if role else None, at)


@given(st.lists(nodes, max_size=12), st.none() | names)
def test_any_graph_becomes_a_tree_of_all_that_was_said(found: list[ForeignNode], head: str | None) -> None:
    tree, ours = grown(found, head)
    seen: set[str] = set()
    for message in tree:
        assert message.parent_id is None or message.parent_id in seen
        seen.add(message.id)
    kept = {each.id: each.message for each in found}
    words = "".join(message.message.text.replace("\n", "") for message in tree)
    assert sorted(words) == sorted(each.text for each in kept.values() if each)
    assert ours is None or ours in seen


def test_children_of_what_is_not_shown_hang_on_the_nearest_that_is() -> None:
    tree, head = grown(
        [
            node("root", None, None),
            node("question", "root", Role.USER),
            node("hidden", "question", None),
            node("tool", "hidden", None),
            node("answer", "tool", Role.ASSISTANT),
            node("tail", "answer", None),
        ],
        "tail",
    )
    assert [(message.id, message.parent_id) for message in tree] == [
        ("question", None),
        ("answer", "question"),
    ]
    assert head == "answer"


def test_the_steps_of_one_reply_are_one_message() -> None:
    thought = ForeignNode("t", "q", Message(Role.ASSISTANT, (ReasoningPart("hm"),)), 2, "small")
    tree, head = grown(
        [
            node("q", None, Role.USER, 1),
            thought,
            node("a", "t", Role.ASSISTANT, 3),
            node("b", "a", Role.ASSISTANT, 4),
        ],
        "b",
    )
    assert [message.id for message in tree] == ["q", "t"]
    assert tree[1].message.parts[0] == ReasoningPart("hm")
    assert tree[1].message.text == "a\n\nb"
    assert (tree[1].created_at, tree[1].model, head) == (2, "small", "t")


def test_where_branches_part_nothing_is_joined() -> None:
    tree, _ = grown(
        [node("a", None, Role.ASSISTANT), node("b", "a", Role.ASSISTANT), node("c", "a", Role.ASSISTANT)], "c"
    )
    assert [(message.id, message.parent_id) for message in tree] == [("a", None), ("b", "a"), ("c", "a")]


def test_a_message_without_a_time_has_its_parents() -> None:
    tree, _ = grown(
        [node("a", None, Role.USER), node("b", "a", Role.ASSISTANT, 70), node("c", "b", Role.USER)],
        None,
        since=50,
    )
    assert [message.created_at for message in tree] == [50, 70, 70]


def test_messages_are_ordered_by_time_but_never_before_what_they_answer() -> None:
    tree, _ = grown(
        [
            node("a", None, Role.USER, 10),
            node("b", "a", Role.ASSISTANT, 40),
            node("b2", "b", Role.USER, 5),
            node("c", "a", Role.ASSISTANT, 20),
        ],
        None,
    )
    assert [message.id for message in tree] == ["a", "c", "b", "b2"]


def test_a_very_long_chain_is_no_trouble() -> None:
    found = [node(str(at), str(at - 1), Role.USER if at % 2 else None, at) for at in range(20_000)]
    tree, head = grown(list(reversed(found)), "19998")
    assert len(tree) == 10_000
    assert head == "19997"
