"""All-time spend: what calls add to each that they belong to.

Flows in: calls as columns by name, those of one transaction. Flows out: sums in `spend_nano_usd`. Must stay true: each
call is handed in once; a call whose price is unknown adds nothing; one statement a table, whatever it is of.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text
from sqlalchemy.engine import Connection

from sekisho.store.bulk import VALUES, run_with_rows
from sekisho.store.domain import (
    end_users,
    organization_members,
    organizations,
    projects,
    tags,
    team_members,
    teams,
    users,
)
from sekisho.store.schema import keys

Sums = dict[tuple[str, ...], int]

#: Table -> the columns of a call that name its row, in the order of the table's primary key.
_NAMED_BY: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (users, ("user_id",)),
    (teams, ("team_id",)),
    (team_members, ("team_id", "user_id")),
    (projects, ("project_id",)),
    (organizations, ("organization_id",)),
    (organization_members, ("organization_id", "user_id")),
    (end_users, ("end_user",)),
)
_ID, _AMOUNT, _SEEN = Column("id", Text), Column("amount", BigInteger), Column("seen", BigInteger)
_KEYS = (
    f"WITH more (id, amount, seen) AS ({VALUES}) UPDATE keys SET "  # noqa: S608 - VALUES is ours
    "spend_nano_usd = keys.spend_nano_usd + more.amount, last_active_us = more.seen "
    "FROM more WHERE keys.token = more.id"
)
_POOLS = (
    f"WITH more (id, amount) AS ({VALUES}), shares (id, amount) AS ("  # noqa: S608 - VALUES is ours
    "SELECT pool_keys.pool_id, CAST(sum(more.amount) AS BIGINT) FROM more "
    "JOIN pool_keys ON pool_keys.key_hash = more.id GROUP BY pool_keys.pool_id) "
    "UPDATE pools SET spend_nano_usd = pools.spend_nano_usd + shares.amount FROM shares WHERE pools.pool_id = shares.id"
)


def add_spend(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add what these calls cost, and note when their keys were last used."""
    of_keys = _by(rows, ("key_hash",))
    if of_keys:
        seen: dict[str, int] = defaultdict(int)
        for row in rows:
            if row["key_hash"] is not None:
                seen[row["key_hash"]] = max(seen[row["key_hash"]], row["ended_us"])
        sums = [(token, amount, seen[token]) for (token,), amount in of_keys.items()]
        run_with_rows(connection, _KEYS, (_ID, _AMOUNT, _SEEN), sums)
    _add_beside(connection, rows, of_keys)


def correct_spend(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add what these calls cost more than they were booked at, as their cost: less than nothing where it was too much.

    Nobody has used a key by that.
    """
    of_keys = _by(rows, ("key_hash",))
    _run(connection, _adding_to(keys), tuple(keys.primary_key), of_keys)
    _add_beside(connection, rows, of_keys)


def _add_beside(connection: Connection, rows: Sequence[dict[str, Any]], of_keys: Sums) -> None:
    """To all that calls belong to beside their keys."""
    _run(connection, _POOLS, (_ID,), of_keys)
    for table, names in _NAMED_BY:
        _run(connection, _adding_to(table), tuple(table.primary_key), _by(rows, names))
    _run(connection, _adding_to(tags), (_ID,), _by_tag(rows))


def _run(connection: Connection, text: str, named_by: Iterable[Column[Any]], sums: Sums) -> None:
    changed = [(*name, amount) for name, amount in sums.items() if amount]
    if changed:
        run_with_rows(connection, text, (*named_by, _AMOUNT), changed)


def _by(rows: Sequence[dict[str, Any]], names: tuple[str, ...]) -> Sums:
    """Cost by the values of these columns, of the calls that have them all."""
    sums: Sums = {}
    named_by = operator.itemgetter(*names)
    for row in rows:
        name = named_by(row)
        if name is not None:
            key = name if len(names) > 1 else (name,)
            sums[key] = sums.get(key, 0) + (row["cost_nano_usd"] or 0)
    return sums if len(names) == 1 else {key: amount for key, amount in sums.items() if None not in key}


def _by_tag(rows: Sequence[dict[str, Any]]) -> Sums:
    sums: Sums = defaultdict(int)
    for row in rows:
        if row["tags"] is not None:
            for tag in set(msgspec.json.decode(row["tags"], type=list[str])):
                sums[(tag,)] += row["cost_nano_usd"] or 0
    return sums


@lru_cache
def _adding_to(table: Table) -> str:
    names = [column.name for column in table.primary_key]
    values = ", ".join(f"id{at}" for at in range(len(names)))
    found = " AND ".join(f"{table.name}.{name} = more.id{at}" for at, name in enumerate(names))
    return (
        f"WITH more ({values}, amount) AS ({VALUES}) UPDATE {table.name} SET "  # noqa: S608 - names are ours
        f"spend_nano_usd = {table.name}.spend_nano_usd + more.amount FROM more WHERE {found}"
    )
