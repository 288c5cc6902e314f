"""Access keys that stand for a virtual key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "access_keys",
        sa.Column("access_key_id", sa.Text, primary_key=True),
        sa.Column(
            "key_hash",
            sa.Text,
            sa.ForeignKey("keys.token", ondelete="CASCADE", name="access_keys_key"),
            nullable=False,
        ),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("root_id", sa.Text, nullable=False),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text),
        sa.Column("last_used_us", sa.BigInteger),
    )
    op.create_index("access_keys_key_hash", "access_keys", ["key_hash"])
    op.create_index("access_keys_created", "access_keys", ["created_us", "access_key_id"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("access_keys")
