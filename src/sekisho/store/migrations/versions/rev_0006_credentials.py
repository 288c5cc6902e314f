"""Credentials of stored models; access keys that end with the secret which they were made beside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table, add the column."""
    op.create_table(
        "credentials",
        sa.Column("credential_name", sa.Text, primary_key=True),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("root_id", sa.Text, nullable=False),
        sa.Column("info", sa.Text, nullable=False, server_default="{}"),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("updated_by", sa.Text),
    )
    op.add_column("access_keys", sa.Column("until_us", sa.BigInteger))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("access_keys", "until_us")
    op.drop_table("credentials")
