"""Counters of limits that many gateways share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ROOM = {"fillfactor": 50}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "limit_counts",
        sa.Column("count", sa.Text, primary_key=True),
        sa.Column("settled", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("kept_until_us", sa.BigInteger, nullable=False),
        postgresql_with=_ROOM,
    )
    op.create_index("limit_counts_kept", "limit_counts", ["kept_until_us"])
    op.create_table(
        "limit_reservations",
        sa.Column("reservation", sa.Text, primary_key=True),
        sa.Column("lines", sa.Text, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        postgresql_with=_ROOM,
    )
    op.create_index("limit_reservations_until", "limit_reservations", ["until_us"])


def downgrade() -> None:
    """Take the tables away."""
    op.drop_table("limit_reservations")
    op.drop_table("limit_counts")
