"""The tables of who there is: organisations, teams, projects, users, members, shared budgets, end users, tags, pools.

Must stay true: as in schema.py, which adds keys and the ledger: money is BIGINT nano-USD, times are BIGINT epoch µs
UTC, JSON is text, every statement runs on SQLite and on PostgreSQL. `limits` holds what limits.py reads;
`spend_nano_usd` is what has been spent in all time, written only in the transaction of the rows that spent it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
)

metadata = MetaData()


def with_room(table: Table, *, percent: int) -> Table:
    """`table`, whose rows are updated in place many times a second: its pages keep so much free for that.

    Said by an event, for an option of the table would load SQLAlchemy's PostgreSQL also where there is none (6 MB).
    """
    room = DDL(f"ALTER TABLE {table.name} SET (fillfactor = {100 - percent})")  # type: ignore[no-untyped-call]
    event.listen(table, "after_create", room.execute_if(dialect="postgresql"))
    return table


def limits_column() -> Column[str]:
    """JSON text of a `Limits`."""
    return Column("limits", Text, nullable=False, server_default="{}")


def _json(name: str, empty: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=empty)


def _blocked() -> Column[bool]:
    return Column("blocked", Boolean, nullable=False, server_default=false())


def _spend() -> Column[int]:
    return Column("spend_nano_usd", BigInteger, nullable=False, server_default="0")


def _stamps() -> list[Column[Any]]:
    """Who made a row and changed it last, and when."""
    return [
        Column("created_us", BigInteger, nullable=False),
        Column("created_by", Text),
        Column("updated_us", BigInteger, nullable=False),
        Column("updated_by", Text),
    ]


def _of(column: str, name: str, *, target: str, deleting: str = "CASCADE", **options: Any) -> Column[str]:
    """A reference to another table's row. `name` is the constraint's."""
    return Column(column, Text, ForeignKey(target, ondelete=deleting, name=name), **options)


#: Limits that several scopes share by naming them; each scope has its own counters.
budgets = Table("budgets", metadata, Column("budget_id", Text, primary_key=True), limits_column(), *_stamps())

#: `residency` is as `sekisho.residency` in the configuration.
organizations = Table(
    "organizations",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("organization_alias", Text),
    _json("models", "[]"),
    _json("metadata", "{}"),
    limits_column(),
    _of("budget_id", "organizations_budget", target="budgets.budget_id", deleting="SET NULL"),
    _json("residency", "{}"),
    _blocked(),
    _spend(),
    *_stamps(),
    UniqueConstraint("organization_alias", name="organizations_alias"),
)

#: `member_limits` are those of a member whose own say nothing; `bound` names the accounts, providers and regions that
#: the team may use; `member_permissions` the paths that a plain member may call for keys of the team.
teams = Table(
    "teams",
    metadata,
    Column("team_id", Text, primary_key=True),
    Column("team_alias", Text),
    _of("organization_id", "teams_organization", target="organizations.organization_id", deleting="RESTRICT"),
    _json("models", "[]"),
    _json("aliases", "{}"),
    _json("metadata", "{}"),
    limits_column(),
    _json("member_limits", "{}"),
    _json("member_permissions", "[]"),
    _json("bound", "{}"),
    _blocked(),
    _spend(),
    *_stamps(),
    Index("teams_alias", "team_alias"),
    Index("teams_organization_id", "organization_id"),
    Index("teams_created", "created_us", "team_id"),
)

projects = Table(
    "projects",
    metadata,
    Column("project_id", Text, primary_key=True),
    _of("team_id", "projects_team", target="teams.team_id"),
    Column("project_alias", Text),
    _json("models", "[]"),
    _json("metadata", "{}"),
    limits_column(),
    _blocked(),
    _spend(),
    *_stamps(),
    Index("projects_team_id", "team_id"),
)

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("user_email", Text),
    Column("user_alias", Text),
    Column("user_role", Text, nullable=False, server_default="internal_user"),
    _json("models", "[]"),
    _json("metadata", "{}"),
    limits_column(),
    Column("sso_user_id", Text),
    Column("password_hash", Text),
    _blocked(),
    _spend(),
    *_stamps(),
    UniqueConstraint("user_email", name="users_email"),
    Index("users_sso", "sso_user_id"),
    Index("users_created", "created_us", "user_id"),
)

team_members = Table(
    "team_members",
    metadata,
    _of("team_id", "team_members_team", target="teams.team_id", primary_key=True),
    _of("user_id", "team_members_user", target="users.user_id", primary_key=True),
    Column("role", Text, nullable=False, server_default="user"),
    limits_column(),
    _spend(),
    *_stamps(),
    Index("team_members_user_id", "user_id"),
)

organization_members = Table(
    "organization_members",
    metadata,
    _of(
        "organization_id", "organization_members_organization", target="organizations.organization_id", primary_key=True
    ),
    _of("user_id", "organization_members_user", target="users.user_id", primary_key=True),
    Column("role", Text, nullable=False, server_default="internal_user"),
    limits_column(),
    _spend(),
    *_stamps(),
    Index("organization_members_user_id", "user_id"),
)

#: Those in whose name a key's holder calls, as far as an administrator declared them.
end_users = Table(
    "end_users",
    metadata,
    Column("end_user_id", Text, primary_key=True),
    Column("alias", Text),
    _blocked(),
    limits_column(),
    _of("budget_id", "end_users_budget", target="budgets.budget_id", deleting="SET NULL"),
    Column("default_model", Text),
    Column("allowed_model_region", Text),
    _spend(),
    *_stamps(),
)

tags = Table(
    "tags",
    metadata,
    Column("name", Text, primary_key=True),
    Column("description", Text),
    _json("models", "[]"),
    limits_column(),
    _of("budget_id", "tags_budget", target="budgets.budget_id", deleting="SET NULL"),
    _spend(),
    *_stamps(),
)

#: A budget and limits that chosen keys share.
pools = Table(
    "pools",
    metadata,
    Column("pool_id", Text, primary_key=True),
    Column("pool_alias", Text),
    limits_column(),
    _spend(),
    *_stamps(),
    UniqueConstraint("pool_alias", name="pools_alias"),
)

#: Models that administrators added beside the configuration. `params` is sealed (core/envelope.py) under `root_id`.
models = Table(
    "models",
    metadata,
    Column("model_id", Text, primary_key=True),
    Column("model_name", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("root_id", Text, nullable=False),
    _json("info", "{}"),
    _blocked(),
    *_stamps(),
    Index("models_name", "model_name"),
)

#: What several stored models have alike: keys and addresses of a provider. `params` is sealed under `root_id`.
credentials = Table(
    "credentials",
    metadata,
    Column("credential_name", Text, primary_key=True),
    Column("params", Text, nullable=False),
    Column("root_id", Text, nullable=False),
    _json("info", "{}"),
    *_stamps(),
)

#: Who changed what: one row a change, in the same transaction. `before` and `after` are JSON, None for no row.
audit_changes = Table(
    "audit_changes",
    metadata,
    Column("change_id", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text),
    Column("action", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("audit_changes_at", "at_us", "change_id"),
    Index("audit_changes_object", "object_kind", "object_id", "at_us"),
)

#: What every process has to forget: a row is added by each transaction that changes something cached (changes.py).
changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Index("changes_at", "at_us"),
    sqlite_autoincrement=True,
)
