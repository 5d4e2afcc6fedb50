"""Where a conversation forks, and how one walks among its branches. Pure: trees in, values out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fireside.conversations import StoredMessage, Tree
from fireside.messages import Role

Children = dict[str | None, list[StoredMessage]]


@dataclass(frozen=True)
class Fork:
    """A place with more than one way on. `current` is the way that the head lies on, if any."""

    options: tuple[StoredMessage, ...]
    current: int | None

    def step(self, by: int) -> StoredMessage:
        """Return the option `by` places further, in a circle; from no option the first or the last."""
        if self.current is None:
            return self.options[0 if by > 0 else -1]
        return self.options[(self.current + by) % len(self.options)]


def children_of(tree: Tree) -> Children:
    """Return each message's answers, oldest first; the beginnings are under None."""
    children: Children = {}
    for message in sorted(tree.messages, key=lambda message: message.id):
        children.setdefault(message.parent_id, []).append(message)
    return children


def path_to(tree: Tree, head_id: str | None) -> tuple[StoredMessage, ...]:
    """Return the branch that ends at `head_id`; the empty branch for None."""
    return tree.branch(head_id) if head_id else ()


def latest_fork(tree: Tree, head_id: str | None) -> Fork | None:
    """Return the fork nearest to the head: what follows the head, else the last one on its branch."""
    children = children_of(tree)
    if ahead := children.get(head_id):
        return Fork(tuple(ahead), None)
    for message in reversed(path_to(tree, head_id)):
        options = tuple(children[message.parent_id])
        if len(options) > 1:
            return Fork(options, options.index(message))
    return None


def newest_end(tree: Tree, message: StoredMessage) -> StoredMessage:
    """Return the last message of the newest branch that goes through `message`."""
    children = children_of(tree)
    while below := children.get(message.id):
        message = below[-1]
    return message


def my_messages(tree: Tree, head_id: str | None) -> tuple[StoredMessage, ...]:
    """Return what the person said on the branch, newest first."""
    return tuple(message for message in reversed(path_to(tree, head_id)) if message.role is Role.USER)


def last_reply(tree: Tree, head_id: str | None) -> StoredMessage | None:
    """Return the last reply on the branch."""
    replies = (message for message in reversed(path_to(tree, head_id)) if message.role is Role.ASSISTANT)
    return next(replies, None)


@dataclass(frozen=True)
class Twig:
    """One line of the drawn tree: how deep it stands, its number at its fork, where it leads."""

    message: StoredMessage
    depth: int
    number: int | None
    """its place among its siblings, from 1; None where nothing forks"""
    is_on_branch: bool
    later_messages: int
    """how many messages follow it before the next fork or the end"""


def twigs(tree: Tree, head_id: str | None) -> Iterator[Twig]:
    """Yield the forks as lines from top to bottom; runs without a fork are one line."""
    children = children_of(tree)
    on_branch = {message.id for message in path_to(tree, head_id)}
    waiting = _numbered(children.get(None, []), 0)
    while waiting:
        message, depth, number = waiting.pop()
        end, later = message, 0
        while len(below := children.get(end.id, [])) == 1:
            end, later = below[0], later + 1
        yield Twig(message, depth, number, message.id in on_branch, later)
        waiting += _numbered(below, depth + 1)


def _numbered(options: list[StoredMessage], depth: int) -> list[tuple[StoredMessage, int, int | None]]:
    alone = len(options) == 1
    numbered = [(message, depth, None if alone else place) for place, message in enumerate(options, 1)]
    return numbered[::-1]
