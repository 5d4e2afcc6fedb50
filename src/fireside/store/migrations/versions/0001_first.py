"""The first schema: conversations, messages, the journal, sampled token ids, the search indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("activity", sa.BigInteger, nullable=False),
        sa.Column("head_id", sa.Text),
        sa.Column("defaults", sa.Text, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("temporary", sa.Boolean, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("messages_count", sa.Integer, nullable=False),
        sa.Column("origin", sa.Text, unique=True),
        sqlite_autoincrement=True,
    )
    op.create_index("conversations_listed", "conversations", ["pinned", "activity"])
    op.create_index("conversations_activity", "conversations", ["activity"])
    _create_messages()
    op.create_table(
        "journal",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.Text, sa.ForeignKey("messages.id"), nullable=False, index=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reasoning", sa.Text, nullable=False),
    )
    op.create_table(
        "sampled",
        sa.Column("message_id", sa.Text, sa.ForeignKey("messages.id"), primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("token_ids", sa.LargeBinary, nullable=False),
    )
    for name in ("message_words", "title_words"):
        op.execute(
            f"CREATE VIRTUAL TABLE {name} USING "
            "fts5(words, content='', tokenize='unicode61 remove_diacritics 2')"
        )


def _create_messages() -> None:
    parent = sa.ForeignKey("messages.id", deferrable=True, initially="DEFERRED")
    op.create_table(
        "messages",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("conversation_id", sa.Text, sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("parent_id", sa.Text, parent, index=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("defaults", sa.Text),
        sa.Column("continues", sa.Text),
        sa.Column("finish_reason", sa.Text),
        sa.Column("usage", sa.Text),
        sa.Column("timings", sa.Text),
        sa.Column("failure", sa.Text),
        sa.Column("receipt", sa.Text),
        sa.Column("digest", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("messages_of_conversation", "messages", ["conversation_id", "id"])
    op.create_index(
        "messages_unfinished",
        "messages",
        ["status"],
        sqlite_where=sa.text("status IN ('queued', 'streaming')"),
    )
