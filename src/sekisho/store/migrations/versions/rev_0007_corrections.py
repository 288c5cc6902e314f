"""What calls cost before they were priced anew, and how they were served, which their price depends on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_CALLS_GAIN = ("service_tier", "inference_geo")


def upgrade() -> None:
    """Make the table, widen the calls."""
    for column in _CALLS_GAIN:
        op.add_column("calls", sa.Column(column, sa.Text))
    op.create_table(
        "corrections",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("cost_before_nano_usd", sa.BigInteger),
        sa.Column("cost_after_nano_usd", sa.BigInteger, nullable=False),
        sa.Column("price_version_before", sa.Text),
        sa.Column("price_version_after", sa.Text, nullable=False),
    )
    op.create_index("corrections_call", "corrections", ["call_id"])


def downgrade() -> None:
    """Take both away."""
    op.drop_table("corrections")
    for column in _CALLS_GAIN:
        op.drop_column("calls", column)
