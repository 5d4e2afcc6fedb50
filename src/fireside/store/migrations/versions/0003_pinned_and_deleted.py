"""Messages that stay word for word, and messages that lie in the trash."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("messages", sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.text("0")))
    op.add_column("messages", sa.Column("deleted_at", sa.BigInteger))
