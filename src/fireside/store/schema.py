"""The tables of the store.

`HEAD` is the revision that these definitions are; the migrations lead an older database here,
and a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

HEAD = "0004"

metadata = MetaData()

# `number` is SQLite's rowid: the search index refers to it, and AUTOINCREMENT never uses one twice.
# `activity` orders the listing: Unix milliseconds of the last thing said, but always growing.
conversations = Table(
    "conversations",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("activity", BigInteger, nullable=False),
    Column("head_id", Text),
    Column("defaults", Text, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("temporary", Boolean, nullable=False),
    Column("deleted_at", BigInteger),
    Column("messages_count", Integer, nullable=False),
    Column("origin", Text, unique=True),
    Index("conversations_listed", "pinned", "activity"),
    Index("conversations_activity", "activity"),
    sqlite_autoincrement=True,
)

KEPT = conversations.c.deleted_at.is_(None) & conversations.c.temporary.is_(False)
TRASHED = conversations.c.deleted_at.is_not(None) & conversations.c.temporary.is_(False)

# A chain of messages is longer than SQLite's limit on cascades (1,000), so a conversation's
# messages are deleted by one statement and the reference to the parent is checked at its end.
messages = Table(
    "messages",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("conversation_id", Text, ForeignKey("conversations.id"), nullable=False),
    Column("parent_id", Text, ForeignKey("messages.id", deferrable=True, initially="DEFERRED"), index=True),
    Column("role", Text, nullable=False),
    Column("parts", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("model", Text),
    Column("defaults", Text),
    Column("continues", Text),
    Column("finish_reason", Text),
    Column("usage", Text),
    Column("timings", Text),
    Column("failure", Text),
    Column("receipt", Text),
    Column("digest", Text),
    Column("pinned", Boolean, nullable=False, server_default=text("0")),
    Column("deleted_at", BigInteger),
    Index("messages_of_conversation", "conversation_id", "id"),
    Index("messages_unfinished", "status", sqlite_where=text("status IN ('queued', 'streaming')")),
    sqlite_autoincrement=True,
)

# What a running reply has said since it was queued; folded into the message when it ends.
journal = Table(
    "journal",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("message_id", Text, ForeignKey("messages.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("reasoning", Text, nullable=False),
)

# The token ids that a model really sampled; `identity` says which model's ids they are.
sampled = Table(
    "sampled",
    metadata,
    Column("message_id", Text, ForeignKey("messages.id"), primary_key=True),
    Column("identity", Text, nullable=False),
    Column("token_ids", LargeBinary, nullable=False),
)

# What stands for a branch up to a message. Rows never change: receipts refer to them by number.
digests = Table(
    "digests",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("message_id", Text, ForeignKey("messages.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("context_length", Integer, nullable=False),
    Column("kept", Text, nullable=False),
    Column("left_out", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# What was quoted before a question, so that it reads the same in every later prompt.
recalls = Table(
    "recalls",
    metadata,
    Column("message_id", Text, ForeignKey("messages.id"), primary_key=True),
    Column("digest_of", Text),
    Column("quotes", Text, nullable=False),
    Column("memories", Text, nullable=False),
)

memories = Table(
    "memories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

# What was switched while the server ran; a setting says what holds until then.
switches = Table(
    "switches",
    metadata,
    Column("name", Text, primary_key=True),
    Column("is_on", Boolean, nullable=False),
)

# How well a model wrote a digest of a known text, measured once.
abilities = Table(
    "abilities",
    metadata,
    Column("identity", Text, primary_key=True),
    Column("facts_kept", Float, nullable=False),
    Column("length", Float, nullable=False),
)

# Of keys and sessions only hashes are kept: who reads the file can't get in with what it says.
keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False, index=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("device", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
)

revision = Table("alembic_version", MetaData(), Column("version_num", Text, primary_key=True))

# Contentless: the words are kept once, in the messages (docs/decisions/0003-search.md).
SEARCH_INDEXES = tuple(
    f"CREATE VIRTUAL TABLE {name} USING fts5(words, content='', tokenize='unicode61 remove_diacritics 2')"
    for name in ("message_words", "title_words")
)


def create(connection: Connection) -> None:
    """Create everything in an empty database, stamped with `HEAD`."""
    metadata.create_all(connection)
    for statement in SEARCH_INDEXES:
        connection.exec_driver_sql(statement)
    revision.create(connection)
    connection.execute(revision.insert().values(version_num=HEAD))
