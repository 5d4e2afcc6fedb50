"""What memory has of a branch: where its window begins, the digest before it, quotes before questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from fireside.conversations import StoredMessage
from fireside.memories import Ability, Digest, Memory, Recall
from fireside.memory.digest import Said, digest_block
from fireside.memory.recall import quotes_block
from fireside.messages import Role


class MemoryStore(Protocol):
    """What prompts need of a store's memory."""

    def digests(self, message_ids: Sequence[str]) -> tuple[Digest, ...]: ...

    def add_digest(self, digest: Digest) -> None: ...

    def recalls(self, message_ids: Sequence[str]) -> dict[str, Recall]: ...

    def set_recall(self, recall: Recall) -> None: ...

    def given(self, default: bool) -> tuple[Memory, ...]: ...

    def ability(self, identity: str) -> Ability | None: ...

    def set_ability(self, identity: str, ability: Ability) -> None: ...


class History(Protocol):
    """What prompts need of the store."""

    @property
    def memory(self) -> MemoryStore: ...

    def branch(self, message_id: str) -> tuple[StoredMessage, ...]: ...

    def token_ids(self, message_ids: Sequence[str], identity: str) -> dict[str, tuple[int, ...]]: ...


class Past(msgspec.Struct, frozen=True):
    """A branch as a prompt sees it.

    `spoken` is all of it that says something; `pinned` of it stay before the `window`, which is its end.
    `recalls` are by the message that they go before; `memories` are all that may be quoted.
    """

    spoken: tuple[StoredMessage, ...]
    window: tuple[StoredMessage, ...]
    pinned: tuple[StoredMessage, ...] = ()
    digest: Digest | None = None
    recalls: dict[str, Recall] = {}
    memories: tuple[Memory, ...] = ()

    @property
    def kept(self) -> tuple[StoredMessage, ...]:
        """What stays word for word."""
        return (*self.pinned, *self.window)

    @property
    def evicted(self) -> list[StoredMessage]:
        """What was said before, and doesn't stay."""
        held = {message.id for message in self.pinned}
        before = self.spoken[: len(self.spoken) - len(self.window)]
        return [message for message in before if message.id not in held]

    @property
    def digest_of(self) -> str | None:
        return self.digest.message_id if self.digest else None

    @property
    def shown(self) -> list[Recall]:
        """What is quoted in this prompt."""
        return [recall for message in self.window if (recall := self.recall_of(message))]

    def recall_of(self, message: StoredMessage) -> Recall | None:
        """Return what goes before a message of the window.

        Before the question itself only what was found beside this very digest.
        """
        recall = self.recalls.get(message.id)
        is_question = message is self.window[-1]
        if recall and is_question and recall.digest_of != self.digest_of:
            return None
        return recall

    def texts(self) -> list[str]:
        """Return what a model is given for each kept message: digest and quotes first, then the words."""
        blocks: list[list[str]] = [[] for _ in self.kept]
        if self.digest:
            people = (at for at, message in enumerate(self.kept) if message.role is Role.USER)
            blocks[next(people, 0)].append(digest_block(self.digest.text, len(self.evicted)))
        for at, message in enumerate(self.window, len(self.pinned)):
            if recall := self.recall_of(message):
                blocks[at].append(quotes_block(recall.quotes, recall.memories))
        return [
            "\n\n".join(block for block in [*before, message.message.prompt_text] if block)
            for before, message in zip(blocks, self.kept, strict=True)
        ]

    def moved(self, keep: int, pinned: tuple[StoredMessage, ...], digest: Digest | None) -> Past:
        """Return this past with a window of the last `keep` messages."""
        window = self.spoken[len(self.spoken) - keep :]
        return msgspec.structs.replace(self, window=window, pinned=pinned, digest=digest)


def read_past(
    history: History, branch: Sequence[StoredMessage], context_length: int, *, with_memories: bool
) -> Past:
    """Return what memory has of `branch`, whose last message is the question.

    A digest that was made for a smaller window isn't used: what did not fit then may fit now.
    """
    spoken = tuple(message for message in branch if message.message.prompt_text.strip())
    places = {message.id: place for place, message in enumerate(branch)}
    digest = None
    for found in history.memory.digests([message.id for message in branch[:-1]]):
        if found.context_length >= context_length and (
            digest is None or places[found.message_id] >= places[digest.message_id]
        ):
            digest = found
    start = places[digest.message_id] + 1 if digest else 0
    window = tuple(message for message in spoken if places[message.id] >= start)
    kept = set(digest.kept) if digest else set()
    pinned = tuple(message for message in spoken if message.id in kept and places[message.id] < start)
    memories = history.memory.given(with_memories)
    asked = [message.id for message in window if message.role is Role.USER]
    recalls = {id_: _still(recall, memories) for id_, recall in history.memory.recalls(asked).items()}
    return Past(spoken, window, pinned, digest, recalls, memories)


def _still(recall: Recall, memories: Sequence[Memory]) -> Recall:
    """Return the recall without memories that were forgotten or changed since: nobody is given those."""
    known = {(memory.id, memory.text) for memory in memories}
    kept = tuple(memory for memory in recall.memories if (memory.id, memory.text) in known)
    return msgspec.structs.replace(recall, memories=kept) if len(kept) < len(recall.memories) else recall


def said_by(messages: Sequence[StoredMessage], names: dict[Role, str]) -> list[Said]:
    """Return messages as memory reads them."""
    return [
        Said(message.id, names[message.role], message.message.prompt_text, message.role is Role.USER)
        for message in messages
    ]
