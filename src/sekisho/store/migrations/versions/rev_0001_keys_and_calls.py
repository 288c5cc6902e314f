"""Virtual keys and the ledger of calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make both tables."""
    _keys()
    _calls()


def downgrade() -> None:
    """Take both tables away."""
    op.drop_table("calls")
    op.drop_table("keys")


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("key_name", sa.Text, nullable=False),
        sa.Column("key_alias", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("team_id", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("models", "aliases", "allowed_routes", "metadata")),
        sa.Column("blocked", sa.Boolean, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.Column("spend_nano_usd", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("updated_by", sa.Text),
        sa.Column("last_active_us", sa.BigInteger),
        sa.UniqueConstraint("key_alias", name="keys_key_alias"),
    )
    op.create_index("keys_created", "keys", ["created_us", "token"])
    op.create_index("keys_user", "keys", ["user_id"])
    op.create_index("keys_team", "keys", ["team_id"])


def _calls() -> None:
    who = ("session_id", "client_request_id", "key_hash", "key_alias", "user_id", "team_id", "tool", "tool_version")
    what = ("interface", "os", "client_confidence", "requested_model", "routed_model", "served_model", "provider")
    how = ("deployment_id", "api_base", "dialect", "upstream_dialect", "operation")
    tokens = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("ended_us", sa.BigInteger, nullable=False),
        sa.Column("first_token_us", sa.BigInteger),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("http_status", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text) for name in who + what + how),
        sa.Column("stream", sa.Boolean, nullable=False),
        *(sa.Column(f"{kind}_tokens", sa.BigInteger, nullable=False) for kind in tokens),
        sa.Column("cost_nano_usd", sa.BigInteger),
        sa.Column("price_version", sa.Text),
        sa.Column("usage_complete", sa.Boolean, nullable=False),
        sa.Column("error_class", sa.Text),
        sa.Column("error_detail", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("end_user", "tags", "spend_logs_metadata")),
    )
    op.create_index("calls_started", "calls", ["started_us", "call_id"])
    op.create_index("calls_key", "calls", ["key_hash", "started_us"])
    op.create_index("calls_user", "calls", ["user_id", "started_us"])
