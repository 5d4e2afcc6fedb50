"""The store: everything that was said, on disk before it is acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import func, select

from fireside.conversations import (
    Conversation,
    ConversationPage,
    Failure,
    ReplyStatus,
    SearchHit,
    StoredMessage,
    Tree,
)
from fireside.errors import ConversationNotFound, FiresideError
from fireside.messages import Defaults, FinishReason, Message, Receipt, Timings, Usage
from fireside.store import (
    adopting,
    backup,
    conversations,
    messages,
    migration,
    replies,
    restoring,
    schema,
    search,
    trash,
)
from fireside.store.conversations import Changes, StoreCounts
from fireside.store.database import Database
from fireside.store.ids import Ids
from fireside.store.imported import ImportedConversation
from fireside.store.keys import KeyRows
from fireside.store.remembered import MemoryRows
from fireside.store.trash import Emptied, Trashed

_IDS_AT_ONCE = 500
_OPEN = Defaults()


class Store:
    """Conversations in one SQLite database. Synchronous, and safe to call from any thread.

    Each write is one transaction, and on disk when the call returns. Every call may raise
    StoreBusy, StoreFull and StoreDamaged; none of them loses what was acknowledged before.
    """

    def __init__(self, database: Database, backups: Path | None) -> None:
        self._database = database
        self._backups = backups
        self._ids = Ids()
        self.keys = KeyRows(database)
        self.memory = MemoryRows(database, self._ids)
        self._follow_ids()

    @classmethod
    def open(cls, path: Path, backups: Path) -> Store:
        """Open the database at `path`, made or migrated when it has to be.

        A migration first leaves a copy in `backups`. StoreTooNew when a newer program wrote the
        file, StoreDamaged when it can't be trusted: both leave it as it is.
        """
        store = cls(migration.prepare(path, backups), backups)
        with store._database.writing() as connection:
            conversations.delete_temporary(connection)
        return store

    @classmethod
    def in_memory(cls) -> Store:
        """A store that is gone when it is closed; for temporary conversations."""
        database = Database(None)
        with database.writing() as connection:
            schema.create(connection)
        return cls(database, None)

    def close(self) -> None:
        self._database.close()

    def _follow_ids(self) -> None:
        with self._database.reading() as connection:
            for table in (schema.conversations, schema.messages, schema.memories):
                self._ids.follow(connection.scalar(select(func.max(table.c.id))))

    # Conversations

    def create_conversation(
        self, *, title: str = "", defaults: Defaults = _OPEN, temporary: bool = False
    ) -> Conversation:
        with self._database.writing() as connection:
            new = conversations.create(
                connection, self._ids, title=title, defaults=defaults, temporary=temporary
            )
            return conversations.get(connection, new)

    def conversation(self, conversation_id: str) -> Conversation:
        """ConversationNotFound when there is none; one in the trash is found."""
        with self._database.reading() as connection:
            return conversations.get(connection, conversation_id)

    def has_conversation(self, conversation_id: str) -> bool:
        try:
            self.conversation(conversation_id)
        except ConversationNotFound:
            return False
        return True

    def keeps(self, conversation_id: str) -> bool:
        """Whether it is to be kept: it is surely here, isn't temporary, and doesn't lie in the trash."""
        try:
            conversation = self.conversation(conversation_id)
        except FiresideError:
            return False
        return not conversation.temporary and conversation.deleted_at is None

    def has_message(self, message_id: str) -> bool:
        with self._database.reading() as connection:
            return messages.exists(connection, message_id)

    def tree(self, conversation_id: str) -> Tree:
        """The conversation with all of its messages; a running reply as far as it is journalled."""
        with self._database.reading() as connection:
            conversation = conversations.get(connection, conversation_id)
            return Tree(conversation, messages.of_conversation(connection, conversation_id))

    def conversations(
        self, *, cursor: str | None = None, limit: int = 50, trash: bool = False
    ) -> ConversationPage:
        """Pinned ones first, then by the last thing said. BadRequest for a bad cursor."""
        with self._database.reading() as connection:
            return conversations.page(connection, cursor=cursor, limit=limit, trash=trash)

    def find_conversations(
        self, query: str, *, cursor: str | None = None, limit: int = 50
    ) -> ConversationPage:
        """The conversations in which the words were said, best first. BadRequest for a bad cursor."""
        with self._database.reading() as connection:
            return conversations.found(connection, query, cursor=cursor, limit=limit)

    def update_conversation(
        self,
        conversation_id: str,
        *,
        title: str | UnsetType = UNSET,
        pinned: bool | UnsetType = UNSET,
        head_id: str | UnsetType | None = UNSET,
        defaults: Defaults | UnsetType = UNSET,
        choices: Mapping[str, Any] | None = None,
    ) -> Conversation:
        """Change what is named; `choices` are single values of the defaults, None to take one away.

        MessageNotFound when the new head is not of this conversation.
        """
        changes = Changes(title=title, pinned=pinned, head_id=head_id, defaults=defaults, choices=choices)
        with self._database.writing() as connection:
            return conversations.change(connection, conversation_id, changes)

    def trash(self, conversation_id: str) -> Conversation:
        """Put it into the trash, where it is neither listed nor searched."""
        with self._database.writing() as connection:
            return conversations.set_deleted(connection, conversation_id, deleted=True)

    def restore(self, conversation_id: str) -> Conversation:
        """Take it out of the trash, to the place in the listing that it had."""
        with self._database.writing() as connection:
            return conversations.set_deleted(connection, conversation_id, deleted=False)

    def delete_forever(self, conversation_id: str) -> None:
        """Delete it, in the trash or not. This can't be undone."""
        with self._database.writing() as connection:
            conversations.delete_forever(connection, conversation_id)
            search.forget_for_good(connection)
        self._database.empty_log()

    # Messages

    def add_message(self, conversation_id: str, message: Message, *, parent_id: str | None) -> StoredMessage:
        """Add a complete message and move the head to it; a person's first one gives the title.

        MessageNotFound when the parent is not of this conversation, Conflict in the trash.
        """
        with self._database.writing() as connection:
            new = messages.add(connection, self._ids, conversation_id, message, parent_id=parent_id)
            return messages.get(connection, new)

    def add_turn(
        self,
        conversation_id: str,
        message: Message,
        *,
        parent_id: str | UnsetType | None,
        defaults: Defaults,
        model: str,
    ) -> tuple[StoredMessage, StoredMessage]:
        """Add a message and its queued reply together, and move the head to the reply.

        UNSET follows the head as it is in the same transaction: of two at once, one follows the other.
        """
        reply = replies.NewReply(defaults, model)
        with self._database.writing() as connection:
            if isinstance(parent_id, UnsetType):
                parent_id = conversations.get(connection, conversation_id).head_id
            said = messages.add(connection, self._ids, conversation_id, message, parent_id=parent_id)
            queued = replies.add(connection, self._ids, said, reply)
            return messages.get(connection, said), messages.get(connection, queued)

    def add_reply(
        self,
        parent_id: str,
        *,
        defaults: Defaults,
        model: str,
        continues: str | None = None,
        text: str = "",
        reasoning: str = "",
        token_ids: Sequence[int] | None = None,
        identity: str | None = None,
    ) -> StoredMessage:
        """Queue one more reply to `parent_id` and move the head to it.

        One that `continues` another begins with that one's `text`, `reasoning` and `token_ids`.
        """
        reply = replies.NewReply(defaults, model, continues, text, reasoning, token_ids or (), identity)
        with self._database.writing() as connection:
            return messages.get(connection, replies.add(connection, self._ids, parent_id, reply))

    def message(self, message_id: str) -> StoredMessage:
        """MessageNotFound when there is none."""
        with self._database.reading() as connection:
            return messages.get(connection, message_id)

    def heads(self, several: Sequence[Conversation]) -> dict[str, StoredMessage]:
        """The heads of at most a page of conversations, by the conversations' ids."""
        ids = [conversation.head_id for conversation in several if conversation.head_id]
        with self._database.reading() as connection:
            return {head.conversation_id: head for head in messages.several(connection, ids)}

    def branch(self, message_id: str) -> tuple[StoredMessage, ...]:
        """The path from the root to `message_id`, both included."""
        with self._database.reading() as connection:
            return messages.branch(connection, message_id)

    def siblings(self, message_id: str) -> tuple[StoredMessage, ...]:
        """The messages with the same parent, this one included, oldest first."""
        with self._database.reading() as connection:
            return messages.siblings(connection, message_id)

    def pin_message(self, message_id: str, *, pinned: bool) -> StoredMessage:
        """Have a message always given to the model word for word, or no more. Conflict in the trash."""
        with self._database.writing() as connection:
            return messages.set_pinned(connection, message_id, pinned=pinned)

    def trash_message(self, message_id: str) -> Trashed:
        """Put a message and all after it into the trash; the head moves to the newest of what is left."""
        with self._database.writing() as connection:
            return trash.put(connection, message_id)

    def restore_message(self, message_id: str, *, head_id: str | None = None) -> Conversation:
        """Undo exactly what `trash_message` did with this one; Conflict while one before it lies there."""
        with self._database.writing() as connection:
            return trash.take_out(connection, message_id, head_id)

    def empty_trash(self) -> Emptied:
        """Delete for good whatever lies in the trash, single messages too. This can't be undone."""
        with self._database.writing() as connection:
            emptied = trash.empty(connection)
            search.forget_for_good(connection)
        self._database.empty_log()
        return emptied

    # Replies while they run

    def start_reply(self, reply_id: str, *, defaults: Defaults, model: str) -> None:
        """Note that a queued reply is being generated, and with what: `defaults` holds the seed in use."""
        with self._database.writing() as connection:
            replies.start(connection, reply_id, defaults=defaults, model=model)

    def journal(self, reply_id: str, *, text: str = "", reasoning: str = "") -> None:
        """Write down what a running reply said since the last call. Conflict when it has ended."""
        with self._database.writing() as connection:
            replies.write_down(connection, reply_id, text=text, reasoning=reasoning)

    def set_receipt(self, reply_id: str, receipt: Receipt) -> None:
        with self._database.writing() as connection:
            replies.set_receipt(connection, reply_id, receipt)

    def finish_reply(
        self,
        reply_id: str,
        *,
        status: ReplyStatus,
        text: str,
        reasoning: str = "",
        finish_reason: FinishReason | None,
        usage: Usage | None,
        timings: Timings | None,
        failure: Failure | None = None,
        token_ids: Sequence[int] = (),
        identity: str | None = None,
    ) -> StoredMessage:
        """End a reply with all that it said; from now on it never changes, and it can be searched.

        `token_ids` are the ids that the model `identity` sampled for exactly this text.
        """
        ending = replies.Ending(
            status, text, reasoning, finish_reason, usage, timings, failure, token_ids, identity
        )
        with self._database.writing() as connection:
            return replies.finish(connection, reply_id, ending)

    def receipt(self, reply_id: str) -> Receipt | None:
        """The receipt with its full lists; None when the reply has none."""
        with self._database.reading() as connection:
            return replies.receipt(connection, reply_id)

    def token_ids(self, message_ids: Sequence[str], identity: str) -> dict[str, tuple[int, ...]]:
        """The sampled token ids of those among the messages that the model `identity` wrote."""
        with self._database.reading() as connection:
            return dict(replies.token_ids(connection, message_ids, identity))

    def interrupt_unfinished(self) -> int:
        """End the replies that a server left behind, with what they had said, and return how many."""
        with self._database.writing() as connection:
            return replies.interrupt_unfinished(connection)

    # Search and the whole

    def search(self, query: str, *, limit: int = 20, offset: int = 0) -> tuple[SearchHit, ...]:
        """What people and models said that holds every word of `query`, best first.

        Any text is a query; trash and temporary conversations are left out.
        """
        with self._database.reading() as connection:
            return search.search(connection, query, limit=limit, offset=offset)

    def counts(self) -> StoreCounts:
        with self._database.reading() as connection:
            return conversations.counts(connection)

    def backup(self, to: Path) -> int:
        """Write a consistent copy while everything goes on; its size in bytes. Conflict when `to` exists."""
        return backup.copy(self._database.path_of_file(), to)

    def replace_with(self, backup: Path) -> Path:
        """Restore a backup in place of everything here, and return where the old data lies now.

        It is checked first; StoreDamaged, StoreTooNew and NotFound change nothing.
        """
        kept = restoring.replace(self._database, backup, self._folder_of_backups())
        self._follow_ids()
        return kept

    def _folder_of_backups(self) -> Path:
        return self._backups or self._database.path_of_file().parent

    def add_imported(self, conversation: ImportedConversation) -> bool:
        """Store an imported conversation; False when its origin is already here, even in the trash."""
        with self._database.writing() as connection:
            return adopting.adopt(connection, self._ids, conversation)

    def all_conversation_ids(self) -> Iterator[str]:
        """The kept conversations that aren't in the trash, in the order in which they came here."""
        last = ""
        while True:
            with self._database.reading() as connection:
                some = conversations.ids_after(connection, last, _IDS_AT_ONCE)
            if not some:
                return
            yield from some
            last = some[-1]
