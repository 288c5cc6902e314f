"""Queries on the ledger's table. Flows in: a Connection and columns by name. Flows out: rows as dicts.

Must stay true: a call is inserted once, however often it is handed in, and its cost reaches its key's spend in the
same transaction; every list has a limit; portable SQL only.
"""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Dialect

from sekisho.store.schema import calls, keys

#: Ids looked up by one statement: SQLite's oldest bound on parameters is 999.
IDS_A_STATEMENT = 500
#: Rows inserted by one statement, the most first: few sizes, so that the driver keeps their statements prepared.
ROWS_A_STATEMENT = (64, 8, 1)
#: A UTC day.
DAY_US = 86_400_000_000

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


def known_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that have a row."""
    found: set[str] = set()
    for start in range(0, len(ids), IDS_A_STATEMENT):
        chunk = ids[start : start + IDS_A_STATEMENT]
        found.update(connection.execute(select(calls.c.call_id).where(calls.c.call_id.in_(chunk))).scalars())
    return found


def insert_calls(connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Insert the rows that are not there yet; returns how many. One transaction with the spend of their keys."""
    by_id: dict[str, dict[str, Any]] = {}
    for row in rows:
        by_id.setdefault(row["call_id"], row)
    present = known_ids(connection, list(by_id))
    return insert_fresh_calls(connection, [row for call_id, row in by_id.items() if call_id not in present])


def insert_fresh_calls(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """The same for rows that nobody has handed in before. Raises IntegrityError, and has done nothing, when one was."""
    if rows:
        _insert(connection, rows)
        _add_to_keys(connection, rows)
    return len(rows)


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


def count_calls(connection: Connection, wanted: CallFilter) -> int:
    """How many calls match."""
    return int(connection.execute(_filtered(select(func.count()).select_from(calls), wanted)).scalar_one())


def spend_by_day(connection: Connection, wanted: CallFilter, *, limit: int) -> list[dict[str, Any]]:
    """Cost grouped by UTC day (`day_us` is its midnight), key, user and model, oldest day first."""
    day = (calls.c.started_us - calls.c.started_us % DAY_US).label("day_us")
    groups = (day, calls.c.key_hash, calls.c.user_id, calls.c.routed_model)
    cost = func.sum(calls.c.cost_nano_usd).label("cost_nano_usd")
    query = _filtered(select(*groups, cost), wanted).group_by(*groups).order_by(day).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Many rows a statement, by the driver.

    SQLite gives the interpreter back before each statement and takes it after: row by row, the event loop and this
    thread would wake each other for every row, which cost more than the insert itself.
    """
    statement, values_of = _insert_statement(connection.dialect)
    head, _, values = statement.partition(" VALUES ")
    at = 0
    for size in ROWS_A_STATEMENT:
        text = f"{head} VALUES {', '.join([values] * size)}"
        while at + size <= len(rows):
            group = rows[at : at + size]
            connection.exec_driver_sql(text, tuple(chain.from_iterable(map(values_of, group))))
            at += size


@functools.cache
def _insert_statement(dialect: Dialect) -> tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]:
    """(the statement for one row, what brings a row's columns into its order)."""
    compiled = insert(calls).compile(dialect=dialect)
    return str(compiled), operator.itemgetter(*(compiled.positiontup or ()))


def _add_to_keys(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Sorted by key, so that two writers on PostgreSQL can never wait for each other in a ring."""
    spend: dict[str, int] = defaultdict(int)
    seen: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["key_hash"] is not None:
            spend[row["key_hash"]] += row["cost_nano_usd"] or 0
            seen[row["key_hash"]] = max(seen[row["key_hash"]], row["ended_us"])
    for token in sorted(spend):
        change = {keys.c.spend_nano_usd: keys.c.spend_nano_usd + spend[token], keys.c.last_active_us: seen[token]}
        connection.execute(update(keys).where(keys.c.token == token).values(change))


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
