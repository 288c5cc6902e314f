"""Organisations, teams, users and what limits them; rotation of keys; roll-ups of usage; notices of changes.

Only databases of SQLite come this way: one on PostgreSQL begins at a later revision.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from sekisho.store.usage import count_all

revision = "0003"
down_revision = "0002"

_SCOPES = ("key_hash", "user_id", "team_id", "organization_id", "project_id")
_DIMENSIONS = (*_SCOPES, "requested_model", "model_group", "model", "provider", "region", "account", "tool", "tags")
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
#: Table -> what stands in its indexes, by name.
_INDEXES = {
    "teams": {
        "teams_alias": ["team_alias"],
        "teams_organization_id": ["organization_id"],
        "teams_created": ["created_us", "team_id"],
    },
    "projects": {"projects_team_id": ["team_id"]},
    "users": {"users_sso": ["sso_user_id"], "users_created": ["created_us", "user_id"]},
    "team_members": {"team_members_user_id": ["user_id"]},
    "organization_members": {"organization_members_user_id": ["user_id"]},
    "models": {"models_name": ["model_name"]},
    "audit_changes": {
        "audit_changes_at": ["at_us", "change_id"],
        "audit_changes_object": ["object_kind", "object_id", "at_us"],
    },
    "changes": {"changes_at": ["at_us"]},
    "key_tokens": {"key_tokens_key_token": ["key_token"]},
    "pool_keys": {"pool_keys_pool_id": ["pool_id"]},
    "usage_days": {f"usage_days_{column}": [column, "starts_us"] for column in _SCOPES},
}
_INDEXES_OF_KEYS = {
    "keys_organization": ["organization_id"],
    "keys_project": ["project_id"],
    "keys_rotation": ["next_rotation_us"],
}
_KEYS_GAIN = (
    "limits",
    "organization_id",
    "project_id",
    "budget_id",
    "key_type",
    "current_token",
    "grace_until_us",
    "rotation_interval",
    "rotation_count",
    "last_rotation_us",
    "next_rotation_us",
)
_CALLS_GAIN = ("organization_id", "project_id", "model_group", "region", "account")
#: In the order in which they can be dropped.
_TABLES = (
    "usage_days",
    "usage_hours",
    "changes",
    "audit_changes",
    "models",
    "pool_keys",
    "key_tokens",
    "pools",
    "tags",
    "end_users",
    "organization_members",
    "team_members",
    "users",
    "projects",
    "teams",
    "organizations",
    "budgets",
)


def upgrade() -> None:
    """Make the tables, widen keys and calls, and count the calls of before into the roll-ups."""
    _organizations_and_teams()
    _people()
    _end_users_tags_and_pools()
    _models_and_changes()
    _keys()
    _usage("usage_hours")
    _usage("usage_days")
    for table, indexes in _INDEXES.items():
        for name, columns in indexes.items():
            op.create_index(name, table, columns)
    for column in _CALLS_GAIN:
        op.add_column("calls", sa.Column(column, sa.Text))
    op.create_index("calls_end_user", "calls", ["end_user", "started_us"])
    count_all(op.get_bind())


def downgrade() -> None:
    """Take the tables and columns away."""
    op.drop_index("calls_end_user", "calls")
    for column in _CALLS_GAIN:
        op.drop_column("calls", column)
    for table in _TABLES:
        op.drop_table(table)
    for name in _INDEXES_OF_KEYS:
        op.drop_index(name, "keys")
    for column in _KEYS_GAIN:
        op.drop_column("keys", column)


def _json(name: str, empty: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=empty)


def _limits() -> sa.Column[str]:
    return _json("limits", "{}")


def _blocked() -> sa.Column[bool]:
    return sa.Column("blocked", sa.Boolean, nullable=False, server_default=sa.false())


def _spend() -> sa.Column[int]:
    return sa.Column("spend_nano_usd", sa.BigInteger, nullable=False, server_default="0")


def _stamps() -> list[sa.Column[Any]]:
    return [
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("updated_by", sa.Text),
    ]


def _of(column: str, name: str, *, target: str, deleting: str = "CASCADE", **options: Any) -> sa.Column[str]:
    return sa.Column(column, sa.Text, sa.ForeignKey(target, ondelete=deleting, name=name), **options)


def _organizations_and_teams() -> None:
    op.create_table("budgets", sa.Column("budget_id", sa.Text, primary_key=True), _limits(), *_stamps())
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("organization_alias", sa.Text),
        _json("models", "[]"),
        _json("metadata", "{}"),
        _limits(),
        _of("budget_id", "organizations_budget", target="budgets.budget_id", deleting="SET NULL"),
        _json("residency", "{}"),
        _blocked(),
        _spend(),
        *_stamps(),
        sa.UniqueConstraint("organization_alias", name="organizations_alias"),
    )
    op.create_table(
        "teams",
        sa.Column("team_id", sa.Text, primary_key=True),
        sa.Column("team_alias", sa.Text),
        _of("organization_id", "teams_organization", target="organizations.organization_id", deleting="RESTRICT"),
        _json("models", "[]"),
        _json("aliases", "{}"),
        _json("metadata", "{}"),
        _limits(),
        _json("member_limits", "{}"),
        _json("member_permissions", "[]"),
        _json("bound", "{}"),
        _blocked(),
        _spend(),
        *_stamps(),
    )
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Text, primary_key=True),
        _of("team_id", "projects_team", target="teams.team_id"),
        sa.Column("project_alias", sa.Text),
        _json("models", "[]"),
        _json("metadata", "{}"),
        _limits(),
        _blocked(),
        _spend(),
        *_stamps(),
    )


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("user_email", sa.Text),
        sa.Column("user_alias", sa.Text),
        sa.Column("user_role", sa.Text, nullable=False, server_default="internal_user"),
        _json("models", "[]"),
        _json("metadata", "{}"),
        _limits(),
        sa.Column("sso_user_id", sa.Text),
        sa.Column("password_hash", sa.Text),
        _blocked(),
        _spend(),
        *_stamps(),
        sa.UniqueConstraint("user_email", name="users_email"),
    )
    for table, scope, role in (("team_members", "team", "user"), ("organization_members", "organization", None)):
        op.create_table(
            table,
            _of(f"{scope}_id", f"{table}_{scope}", target=f"{scope}s.{scope}_id", primary_key=True),
            _of("user_id", f"{table}_user", target="users.user_id", primary_key=True),
            sa.Column("role", sa.Text, nullable=False, server_default=role or "internal_user"),
            _limits(),
            _spend(),
            *_stamps(),
        )


def _end_users_tags_and_pools() -> None:
    op.create_table(
        "end_users",
        sa.Column("end_user_id", sa.Text, primary_key=True),
        sa.Column("alias", sa.Text),
        _blocked(),
        _limits(),
        _of("budget_id", "end_users_budget", target="budgets.budget_id", deleting="SET NULL"),
        sa.Column("default_model", sa.Text),
        sa.Column("allowed_model_region", sa.Text),
        _spend(),
        *_stamps(),
    )
    op.create_table(
        "tags",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("description", sa.Text),
        _json("models", "[]"),
        _limits(),
        _of("budget_id", "tags_budget", target="budgets.budget_id", deleting="SET NULL"),
        _spend(),
        *_stamps(),
    )
    op.create_table(
        "pools",
        sa.Column("pool_id", sa.Text, primary_key=True),
        sa.Column("pool_alias", sa.Text),
        _limits(),
        _spend(),
        *_stamps(),
        sa.UniqueConstraint("pool_alias", name="pools_alias"),
    )
    op.create_table(
        "pool_keys",
        _of("key_hash", "pool_keys_key", target="keys.token", primary_key=True),
        _of("pool_id", "pool_keys_pool", target="pools.pool_id", primary_key=True),
    )


def _models_and_changes() -> None:
    op.create_table(
        "models",
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("root_id", sa.Text, nullable=False),
        _json("info", "{}"),
        _blocked(),
        *_stamps(),
    )
    op.create_table(
        "audit_changes",
        sa.Column("change_id", sa.Text, primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object_kind", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    op.create_table(
        "changes",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )


def _keys() -> None:
    columns = (
        _limits(),
        sa.Column("organization_id", sa.Text),
        sa.Column("project_id", sa.Text),
        sa.Column("budget_id", sa.Text),
        sa.Column("key_type", sa.Text, nullable=False, server_default="default"),
        sa.Column("current_token", sa.Text),
        sa.Column("grace_until_us", sa.BigInteger),
        sa.Column("rotation_interval", sa.Text),
        sa.Column("rotation_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_rotation_us", sa.BigInteger),
        sa.Column("next_rotation_us", sa.BigInteger),
    )
    for column in columns:
        op.add_column("keys", column)
    for name, indexed in _INDEXES_OF_KEYS.items():
        op.create_index(name, "keys", indexed)
    op.create_table(
        "key_tokens",
        sa.Column("token", sa.Text, primary_key=True),
        _of("key_token", "key_tokens_key", target="keys.token", nullable=False),
        sa.Column("until_us", sa.BigInteger),
        sa.Column("created_us", sa.BigInteger, nullable=False),
    )


def _usage(name: str) -> None:
    op.create_table(
        name,
        sa.Column("starts_us", sa.BigInteger, primary_key=True),
        sa.Column("usage_id", sa.Text, primary_key=True),
        *(sa.Column(dimension, sa.Text, nullable=False) for dimension in _DIMENSIONS),
        *(sa.Column(measure, sa.BigInteger, nullable=False) for measure in _MEASURES),
    )
