"""Branches, siblings and heads of random trees, against a model of plain dictionaries."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.conversations import ReplyStatus
from fireside.messages import Defaults, Role, said
from fireside.store import Store

# Each step names the message that the new one follows (counted from the last; beyond the first
# is the root) and whether it is said, or said and replied to, or one more reply.
steps = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["message", "turn", "reply", "head"])), max_size=25
)


def grow(
    store: Store, conversation_id: str, script: list[tuple[int, str]]
) -> tuple[dict[str, str | None], str | None]:
    """Return each message's parent, in the order of their making, and the head."""
    parents: dict[str, str | None] = {}
    head: str | None = None
    for back, kind in script:
        parent = [*parents][-1 - back] if back < len(parents) else None
        if kind == "head":
            head = store.update_conversation(conversation_id, head_id=parent).head_id
            continue
        if kind == "reply" and parent is not None:
            new = [store.add_reply(parent, defaults=Defaults(), model="m")]
        elif kind == "turn":
            message = said(Role.USER, f"turn {len(parents)}")
            new = [
                *store.add_turn(conversation_id, message, parent_id=parent, defaults=Defaults(), model="m")
            ]
        else:
            new = [store.add_message(conversation_id, said(Role.USER, "said"), parent_id=parent)]
        for message_ in new:
            parents[message_.id] = parent
            parent = head = message_.id
    return parents, head


def path_to(parents: dict[str, str | None], id_: str | None) -> list[str]:
    return [*path_to(parents, parents[id_]), id_] if id_ is not None else []


@given(steps)
@settings(max_examples=25, deadline=None)
def test_the_store_agrees_with_a_plain_tree(script: list[tuple[int, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fireside.db"
        store = Store.open(path, Path(folder))
        conversation = store.create_conversation()
        other = store.create_conversation()
        store.add_message(other.id, said(Role.USER, "elsewhere"), parent_id=None)
        parents, head = grow(store, conversation.id, script)
        check(store, conversation.id, parents, head)
        store.close()
        reopened = Store.open(path, Path(folder))
        waiting = sum(not message.status.ended for message in reopened.tree(conversation.id).messages)
        assert reopened.interrupt_unfinished() == waiting
        check(reopened, conversation.id, parents, head)
        assert all(
            message.status in (ReplyStatus.COMPLETE, ReplyStatus.INTERRUPTED)
            for message in reopened.tree(conversation.id).messages
        )
        reopened.close()


def check(store: Store, conversation_id: str, parents: dict[str, str | None], head: str | None) -> None:
    tree = store.tree(conversation_id)
    assert {message.id: message.parent_id for message in tree.messages} == parents
    assert [message.id for message in tree.messages] == list(parents)
    assert tree.conversation.head_id == head
    assert tree.conversation.messages_count == len(parents)
    assert [message.id for message in tree.branch()] == path_to(parents, head)
    for id_, parent in parents.items():
        assert [message.id for message in store.branch(id_)] == path_to(parents, id_)
        same = [other for other, its in parents.items() if its == parent]
        assert [message.id for message in store.siblings(id_)] == same
        assert store.siblings(id_) == tree.siblings(id_)
