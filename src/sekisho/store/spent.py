"""What was spent under a budget in a period, by the ledger: from roll-ups, and from rows where an hour is cut.

Flows in: a scope, a model or "" for all, a period [starts_us, ends_us) in epoch µs UTC. Flows out: nano-USD. Must stay
true: a call belongs to the period in which it started; a call whose price is unknown adds nothing; what is counted for
a user is what the user's own budget binds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, and_, func, or_, select
from sqlalchemy.engine import Connection

from sekisho.store.bindings import BINDS_TEAM_KEYS, member_of
from sekisho.store.domain import (
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
from sekisho.store.schema import calls, keys, pool_keys, usage_days, usage_hours
from sekisho.store.totals import total
from sekisho.store.usage import DAY_US, HOUR_US

#: Kind of scope -> the column that names it, in calls and roll-ups.
_COLUMNS = {
    "key": "key_hash",
    "user": "user_id",
    "team": "team_id",
    "project": "project_id",
    "organization": "organization_id",
}
#: Kind of a scope that is a user in some place -> the column that names the place.
_PLACES = {"team_member": "team_id", "organization_member": "organization_id"}
#: Kind of scope -> where its all-time spend stands.
_TABLES: dict[str, Table] = {
    "key": keys,
    "user": users,
    "team": teams,
    "project": projects,
    "organization": organizations,
    "team_member": team_members,
    "organization_member": organization_members,
    "end_user": end_users,
    "tag": tags,
    "pool": pools,
}
#: What is summed, the widest first: whole days and hours from roll-ups, the rest from calls.
_ROLLED_UP = ((usage_days, DAY_US), (usage_hours, HOUR_US))


def spent_nano_usd(
    connection: Connection, kind: str, scope_id: str, model: str, *, starts_us: int, ends_us: int
) -> int:
    """The costs of a scope's calls. `kind` is one of those of identity/scopes.py.

    A period that begins with time itself is all there is: with what was imported or set by an administrator. A model is
    named as a caller names it, or as the configuration does.
    """
    with_teams = kind != "user" or _binds_team_keys(connection, scope_id)
    whole = _all_time(connection, kind, scope_id) if starts_us == 0 and not model and kind in _TABLES else None
    if whole is not None:
        of_teams = and_(usage_days.c.user_id == scope_id, usage_days.c.team_id != "")
        return whole if with_teams else whole - _sum(connection, usage_days, [of_teams])
    tables = () if kind == "end_user" else _ROLLED_UP  # of whom there may be as many as calls
    return _pieces(connection, tables, (kind, scope_id, model, with_teams), (starts_us, ends_us))


def has_scope(connection: Connection, kind: str, scope_id: str) -> bool:
    """Whether there is such a scope; there is always a gateway."""
    return kind not in _TABLES or _all_time(connection, kind, scope_id) is not None


def _pieces(
    connection: Connection,
    tables: Sequence[tuple[Table, int]],
    what: tuple[str, str, str, bool],
    period: tuple[int, int],
) -> int:
    starts_us, ends_us = period
    if starts_us >= ends_us:
        return 0
    if not tables:
        conditions = [calls.c.started_us >= starts_us, calls.c.started_us < ends_us, *_conditions(calls, *what)]
        return _sum(connection, calls, conditions)
    (table, unit_us), *narrower = tables
    first_us, last_us = -(-starts_us // unit_us) * unit_us, ends_us // unit_us * unit_us
    if first_us >= last_us:
        return _pieces(connection, narrower, what, period)
    conditions = [table.c.starts_us >= first_us, table.c.starts_us < last_us, *_conditions(table, *what)]
    return (
        _pieces(connection, narrower, what, (starts_us, first_us))
        + _sum(connection, table, conditions)
        + _pieces(connection, narrower, what, (last_us, ends_us))
    )


def _sum(connection: Connection, table: Table, conditions: Sequence[ColumnElement[bool]]) -> int:
    query = select(func.coalesce(total(table.c.cost_nano_usd), 0)).where(*conditions)
    return int(connection.execute(query).scalar_one())


def _conditions(
    table: Table,
    kind: str,
    scope_id: str,
    model: str,
    with_teams: bool,  # noqa: FBT001 - unpacked from a tuple
) -> list[ColumnElement[bool]]:
    conditions = _of(table, kind, scope_id)
    if not with_teams:
        conditions.append(func.coalesce(table.c.team_id, "") == "")
    if model:
        conditions.append(or_(table.c.requested_model == model, table.c.model_group == model))
    return conditions


def _of(table: Table, kind: str, scope_id: str) -> list[ColumnElement[bool]]:
    if kind == "gateway":
        return []
    if kind in _PLACES:
        place_id, user_id = member_of(scope_id)
        return [table.c[_PLACES[kind]] == place_id, table.c.user_id == user_id]
    if kind == "tag":
        return [table.c.tags.contains(msgspec.json.encode(scope_id).decode(), autoescape=True)]
    if kind == "pool":
        return [table.c.key_hash.in_(select(pool_keys.c.key_hash).where(pool_keys.c.pool_id == scope_id))]
    if kind == "end_user":
        return [table.c.end_user == scope_id]
    return [table.c[_COLUMNS[kind]] == scope_id]


def _all_time(connection: Connection, kind: str, scope_id: str) -> int | None:
    """What stands in the scope's row; None without a row."""
    table = _TABLES[kind]
    names: Sequence[Any] = member_of(scope_id) if kind in _PLACES else (scope_id,)
    named = (column == name for column, name in zip(table.primary_key, names, strict=True))
    return connection.execute(select(table.c.spend_nano_usd).where(*named)).scalar_one_or_none()


def _binds_team_keys(connection: Connection, user_id: str) -> bool:
    text = connection.execute(select(users.c.metadata).where(users.c.user_id == user_id)).scalar_one_or_none()
    return text is not None and msgspec.json.decode(text, type=dict[str, Any]).get(BINDS_TEAM_KEYS) is True
