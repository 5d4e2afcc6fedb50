"""Digests, recalls, memories across conversations, and what a model can do with a text."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "digests",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.Text, sa.ForeignKey("messages.id"), nullable=False, index=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("context_length", sa.Integer, nullable=False),
        sa.Column("kept", sa.Text, nullable=False),
        sa.Column("left_out", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recalls",
        sa.Column("message_id", sa.Text, sa.ForeignKey("messages.id"), primary_key=True),
        sa.Column("digest_of", sa.Text),
        sa.Column("quotes", sa.Text, nullable=False),
        sa.Column("memories", sa.Text, nullable=False),
    )
    op.create_table(
        "memories",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("is_on", sa.Boolean, nullable=False),
    )
    op.create_table(
        "abilities",
        sa.Column("identity", sa.Text, primary_key=True),
        sa.Column("facts_kept", sa.Float, nullable=False),
        sa.Column("length", sa.Float, nullable=False),
    )
