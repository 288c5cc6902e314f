"""What binds a key, and what binds a call beside its key: one query each, by primary keys.

Flows in: a Connection, hashes and names. Flows out: rows of the key, its team, member, user, project, organisation,
shared budgets and pools. Must stay true: one statement whatever there is to find; nothing here is decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    FromClause,
    Join,
    Label,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.engine import Connection, RowMapping

from sekisho.store.domain import (
    budgets,
    end_users,
    organization_members,
    organizations,
    pools,
    projects,
    tags,
    team_members,
    teams,
    users,
)
from sekisho.store.keys import KeyRow, key_of_columns
from sekisho.store.schema import key_tokens, keys, pool_keys

#: Columns of one row, without the table's name before them.
Columns = Mapping[str, Any]

#: In a user's metadata: their limits bind keys of teams too.
BINDS_TEAM_KEYS = "limits_bind_team_keys"

_BUDGET_OF_KEY = budgets.alias("budget_of_key")
_BUDGET_OF_ORGANIZATION = budgets.alias("budget_of_organization")
#: The columns of a key that name what binds it.
_NAMED_BY_KEY = ("token", "user_id", "team_id", "project_id", "organization_id", "budget_id")
#: What is read of each table, by the name that the row has in a `Binding`.
_PARTS = {
    "team": (
        teams,
        ("team_id", "team_alias", "organization_id", "models", "aliases", "metadata", "limits", "member_limits"),
        ("bound", "blocked", "created_us"),
    ),
    "team_member": (team_members, ("team_id", "user_id", "limits", "created_us"), ()),
    "user": (
        users,
        ("user_id", "user_alias", "user_email", "user_role", "models", "metadata", "limits", "blocked", "created_us"),
        (),
    ),
    "project": (projects, ("project_id", "project_alias", "models", "limits", "blocked", "created_us"), ()),
    "organization": (
        organizations,
        ("organization_id", "organization_alias", "models", "limits", "residency", "blocked", "created_us"),
        ("budget_id",),
    ),
    "organization_member": (organization_members, ("organization_id", "user_id", "limits", "created_us"), ()),
    "pool": (pools, ("pool_id", "pool_alias", "limits", "created_us"), ()),
    "budget_of_key": (_BUDGET_OF_KEY, ("budget_id", "limits"), ()),
    "budget_of_organization": (_BUDGET_OF_ORGANIZATION, ("budget_id", "limits"), ()),
}


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A key and the rows that bind it. `parts` has those that exist: team, team_member, user, project, organization,
    organization_member, budget_of_key, budget_of_organization.

    `shown_until_us`: how long the secret that was shown is good (a rotated key's former one); None for ever.
    """

    key: KeyRow
    shown_until_us: int | None
    parts: Mapping[str, Columns]
    pools: tuple[Columns, ...]


def member_id(place_id: str, user_id: str) -> str:
    """A member of a team, or of an organisation, as one name, that no other pair has."""
    return f"{place_id.replace('%', '%25').replace('/', '%2F')}/{user_id}"


def member_of(name: str) -> tuple[str, str]:
    """The other way: (team or organisation, user)."""
    place_id, _, user_id = name.partition("/")
    return place_id.replace("%2F", "/").replace("%25", "%"), user_id


def binding_of_secret(connection: Connection, token: str) -> Binding | None:
    """What binds the key that a secret with this hash opens, also when its time is over."""
    return _read(connection.execute(_query(by_secret=True), {"token": token}).mappings().all(), token)


def binding_of_key(connection: Connection, token: str) -> Binding | None:
    """What binds the key of this name (`keys.token`)."""
    return _read(connection.execute(_query(by_secret=False), {"token": token}).mappings().all(), None)


def binding_of_nobody(connection: Connection, key: KeyRow) -> Binding:
    """What binds a key that is not stored, by the names in it."""
    names = {name: getattr(key, name) for name in _NAMED_BY_KEY}
    parts, shared = _parts(connection.execute(_query_beside(), names).mappings().all())
    return Binding(key=key, shown_until_us=None, parts=parts, pools=shared)


def call_bindings(
    connection: Connection, end_user: str | None, tag_names: Sequence[str]
) -> tuple[Columns | None, list[Columns]]:
    """(the end user, the tags) of a call, as far as they are declared. `shared` is the text of a shared budget."""
    of_end_user = (
        select(
            literal("end_user").label("kind"),
            end_users.c.end_user_id.label("id"),
            end_users.c.alias.label("alias"),
            literal("[]").label("models"),
            end_users.c.limits.label("limits"),
            end_users.c.blocked.label("blocked"),
            end_users.c.created_us.label("created_us"),
            end_users.c.budget_id.label("budget_id"),
            budgets.c.limits.label("shared"),
        )
        .select_from(end_users.outerjoin(budgets, budgets.c.budget_id == end_users.c.budget_id))
        .where(end_users.c.end_user_id == end_user)
    )
    of_tags = (
        select(
            literal("tag"),
            tags.c.name,
            null(),
            tags.c.models,
            tags.c.limits,
            literal(value=False),
            tags.c.created_us,
            tags.c.budget_id,
            budgets.c.limits,
        )
        .select_from(tags.outerjoin(budgets, budgets.c.budget_id == tags.c.budget_id))
        .where(tags.c.name.in_(tag_names))
    )
    rows: list[Columns] = [dict(row) for row in connection.execute(union_all(of_end_user, of_tags)).mappings()]
    found = next((row for row in rows if row["kind"] == "end_user"), None)
    return found, [row for row in rows if row["kind"] == "tag"]


@cache
def _query(*, by_secret: bool) -> Select[Any]:
    token: BindParameter[str] = bindparam("token")
    opened = select(key_tokens.c.key_token).where(key_tokens.c.token == token).scalar_subquery()
    until = select(key_tokens.c.until_us).where(key_tokens.c.token == token).scalar_subquery()
    columns = [column.label(f"key.{column.name}") for column in keys.c]
    name = func.coalesce(opened, token) if by_secret else token
    found = select(*columns, *_columns(), until.label("until_us")).select_from(_joined(keys))
    return found.where(keys.c.token == name)


@cache
def _query_beside() -> Select[Any]:
    named = select(*(bindparam(name, type_=Text).label(name) for name in _NAMED_BY_KEY)).subquery()
    return select(*_columns()).select_from(_joined(named))


def _columns() -> list[Label[Any]]:
    return [
        table.c[name].label(f"{part}.{name}")
        for part, (table, names, more) in _PARTS.items()
        for name in (*names, *more)
    ]


def _joined(key: FromClause) -> Join:
    """A key, or what has the columns that name what binds it, beside all of that."""
    return (
        key.outerjoin(teams, teams.c.team_id == key.c.team_id)
        .outerjoin(
            team_members,
            and_(team_members.c.team_id == key.c.team_id, team_members.c.user_id == key.c.user_id),
        )
        .outerjoin(users, users.c.user_id == key.c.user_id)
        .outerjoin(projects, projects.c.project_id == key.c.project_id)
        .outerjoin(
            organizations,
            organizations.c.organization_id == func.coalesce(key.c.organization_id, teams.c.organization_id),
        )
        .outerjoin(
            organization_members,
            and_(
                organization_members.c.organization_id == organizations.c.organization_id,
                organization_members.c.user_id == key.c.user_id,
            ),
        )
        .outerjoin(_BUDGET_OF_KEY, _BUDGET_OF_KEY.c.budget_id == key.c.budget_id)
        .outerjoin(_BUDGET_OF_ORGANIZATION, _BUDGET_OF_ORGANIZATION.c.budget_id == organizations.c.budget_id)
        .outerjoin(pool_keys, pool_keys.c.key_hash == key.c.token)
        .outerjoin(pools, pools.c.pool_id == pool_keys.c.pool_id)
    )


def _read(rows: Sequence[RowMapping], secret: str | None) -> Binding | None:
    if not rows:
        return None
    parts, shared = _parts(rows)
    key = key_of_columns(parts.pop("key"))
    until_us = rows[0]["until_us"] if secret != key.token else key.grace_until_us
    return Binding(key=key, shown_until_us=until_us if secret is not None else None, parts=parts, pools=shared)


def _parts(rows: Sequence[RowMapping]) -> tuple[dict[str, dict[str, Any]], tuple[Columns, ...]]:
    """(the parts that exist, the pools) of a key, one row for each of its pools."""
    parts: dict[str, dict[str, Any]] = {}
    for label, value in rows[0].items():
        part, dot, name = label.partition(".")
        if dot:
            parts.setdefault(part, {})[name] = value
    parts.pop("pool")
    names = [f"pool.{name}" for name in _PARTS["pool"][1]]
    shared = [{name.removeprefix("pool."): row[name] for name in names} for row in rows]
    found = {part: columns for part, columns in parts.items() if next(iter(columns.values())) is not None}
    return found, tuple(pool for pool in shared if pool["pool_id"] is not None)
