"""Queries on the ledger's calls; booking.py writes them. Flows in: a Connection, conditions. Flows out: rows as dicts.

Must stay true: every list has a limit; portable SQL only.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.engine import Connection

from sekisho.store.schema import calls
from sekisho.store.totals import total

#: A UTC day.
DAY_US = 86_400_000_000

#: Calls that are searched, counted and sorted for one answer: the newest.
SEARCHED_MAX = 100_000
#: What `/spend/logs/v2` may sort by.
SORTABLE = {
    "startTime": calls.c.started_us,
    "endTime": calls.c.ended_us,
    "spend": calls.c.cost_nano_usd,
    "total_tokens": calls.c.input_tokens
    + calls.c.cache_read_tokens
    + calls.c.cache_write_tokens
    + calls.c.output_tokens,
    "request_id": calls.c.call_id,
    "model": calls.c.routed_model,
}


class CallFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls: all given conditions together. Times are epoch µs, `from_us` inclusive, `until_us` exclusive.

    `key_hash` is any hash that opens the key, or opened it. `among` are conditions on the table itself.
    """

    key_hash: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    call_id: str | None = None
    end_user: str | None = None
    model: str | None = None
    statuses: tuple[str, ...] | None = None
    http_status: int | None = None
    session_id: str | None = None
    from_us: int | None = None
    until_us: int | None = None
    min_cost_nano_usd: int | None = None
    max_cost_nano_usd: int | None = None
    among: tuple[Any, ...] = ()


def find_calls(
    connection: Connection,
    wanted: CallFilter,
    *,
    limit: int,
    offset: int = 0,
    sort_by: str = "startTime",
    ascending: bool = False,
) -> list[dict[str, Any]]:
    """The calls that match, newest first unless told otherwise."""
    column = SORTABLE[sort_by]
    order = (column.asc(), calls.c.call_id.asc()) if ascending else (column.desc(), calls.c.call_id.desc())
    query = _filtered(select(calls), wanted).order_by(*order).limit(limit).offset(offset)
    return [dict(row) for row in connection.execute(query).mappings()]


def newest_from_us(connection: Connection, wanted: CallFilter, most: int = SEARCHED_MAX) -> int | None:
    """From when on there are only as many calls that match as are searched; None where all are."""
    starts = _filtered(select(calls.c.started_us), wanted).order_by(calls.c.started_us.desc()).offset(most).limit(1)
    first_left_out = connection.execute(starts).scalar_one_or_none()
    return None if first_left_out is None else int(first_left_out) + 1


def count_calls(connection: Connection, wanted: CallFilter) -> int:
    """How many calls match."""
    return int(connection.execute(_filtered(select(func.count()).select_from(calls), wanted)).scalar_one())


def spend_by_day(connection: Connection, wanted: CallFilter, *, limit: int) -> list[dict[str, Any]]:
    """Cost grouped by UTC day (`day_us` is its midnight), key, user and model, oldest day first."""
    day = (calls.c.started_us - calls.c.started_us % DAY_US).label("day_us")
    groups = (day, calls.c.key_hash, calls.c.user_id, calls.c.routed_model)
    cost = total(calls.c.cost_nano_usd).label("cost_nano_usd")
    query = _filtered(select(*groups, cost), wanted).group_by(*groups).order_by(day).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _filtered(query: Select[Any], wanted: CallFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [
        calls.c[name] == value
        for name in ("key_hash", "key_alias", "user_id", "team_id", "call_id", "end_user", "http_status", "session_id")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.model is not None:
        names = (calls.c.requested_model, calls.c.routed_model, calls.c.served_model)
        conditions.append(or_(*(name == wanted.model for name in names)))
    if wanted.statuses is not None:
        conditions.append(calls.c.status.in_(wanted.statuses))
    if wanted.from_us is not None:
        conditions.append(calls.c.started_us >= wanted.from_us)
    if wanted.until_us is not None:
        conditions.append(calls.c.started_us < wanted.until_us)
    if wanted.min_cost_nano_usd is not None:
        conditions.append(calls.c.cost_nano_usd >= wanted.min_cost_nano_usd)
    if wanted.max_cost_nano_usd is not None:
        conditions.append(calls.c.cost_nano_usd <= wanted.max_cost_nano_usd)
    return query.where(*conditions, *wanted.among)
