"""Usage of days and months that are over, summed up; times that the ledger remembers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_SCOPES = ("key_hash", "user_id", "team_id", "organization_id", "project_id")
_SERVED = ("requested_model", "model_group", "model", "provider", "region", "account", "tool")
_MEASURES = (
    "calls",
    "errors",
    "incomplete",
    "unpriced",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nano_usd",
    "latency_us",
)
_SUMMARIES = {
    "all": (),
    "model": _SERVED,
    "tag": ("tags", *_SERVED),
    "organization": ("organization_id", *_SERVED),
    "team": ("team_id", "organization_id", "project_id"),
    "user": ("user_id",),
    "key": ("key_hash",),
}
_TABLES = {f"usage_{name}_{unit}": columns for name, columns in _SUMMARIES.items() for unit in ("days", "months")} | {
    "usage_months": (*_SCOPES, *_SERVED, "tags")
}


def upgrade() -> None:
    """Make the tables. A gateway that runs fills them, day by day."""
    for name, columns in _TABLES.items():
        op.create_table(
            name,
            sa.Column("starts_us", sa.BigInteger, nullable=False),
            *(sa.Column(column, sa.Text, nullable=False) for column in columns),
            *(sa.Column(measure, sa.BigInteger, nullable=False) for measure in _MEASURES),
        )
        op.create_index(f"{name}_starts", name, ["starts_us"])
        for column in columns:
            if column in _SCOPES:
                op.create_index(f"{name}_{column}", name, [column, "starts_us"])
    op.create_table(
        "usage_closed",
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("starts_us", sa.BigInteger, primary_key=True),
        sa.Column("ends_us", sa.BigInteger, nullable=False),
    )
    op.create_index("usage_closed_ends", "usage_closed", ["ends_us"])
    op.create_table(
        "marks", sa.Column("name", sa.Text, primary_key=True), sa.Column("at_us", sa.BigInteger, nullable=False)
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("marks", "usage_closed", *_TABLES):
        op.drop_table(name)
