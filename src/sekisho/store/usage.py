"""The roll-ups: calls by hour and by day, by who, what and where.

Flows in: calls as columns by name, those of one transaction. Flows out: counts and sums in `usage_hours` and
`usage_days`. Must stay true: each call is handed in once, so the roll-ups equal the rows (`sekisho ledger verify`); a
day to which something was added is not closed any more (closing.py).
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Table, delete, func, select
from sqlalchemy.engine import Connection

from sekisho.store.bulk import insert_rows
from sekisho.store.marks import CALLS_KEPT_FROM, marked_us
from sekisho.store.schema import USAGE_DIMENSIONS, USAGE_MEASURES, calls, usage_closed, usage_days, usage_hours

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
Row = tuple[Any, ...]
#: (beginning, *dimensions) -> measures.
Groups = dict[Row, list[int]]

#: Columns of a call from which the dimensions are made, and those that are summed as they are.
_FROM: tuple[str, ...] = tuple(name if name != "model" else "routed_model" for name in USAGE_DIMENSIONS)
_SUMMED = tuple(name for name in USAGE_MEASURES if name.endswith("_tokens"))
_dimensions_of: Callable[[dict[str, Any]], Row] = operator.itemgetter(*_FROM)
_summed_of: Callable[[dict[str, Any]], Row] = operator.itemgetter(*_SUMMED)
_COUNTED = dict.fromkeys((*_FROM, *_SUMMED, "started_us", "ended_us", "status", "cost_nano_usd"))
#: PostgreSQL's locks: for sums; for who sums up what is over (closing.py), or changes what was counted; for who makes
#: and drops the tables of days (days.py). Taken in the order of `DAYS_LOCK`, `CLOSING_LOCK`, `SUMS_LOCK`.
SUMS_LOCK = 0x53454B49
CLOSING_LOCK = 0x53454B43
DAYS_LOCK = 0x53454B44
#: Calls read at once.
ROWS_READ = 5_000
_TAGS = USAGE_DIMENSIONS.index("tags")
_REQUESTED = USAGE_DIMENSIONS.index("requested_model")


def add_usage(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Count these calls."""
    reopen(connection, {row["started_us"] // DAY_US * DAY_US for row in rows})
    _add(connection, rows)


def correct_usage(connection: Connection, before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> None:
    """Count calls as they are now, which were counted as they were before, in the same order."""
    reopen(connection, {row["started_us"] // DAY_US * DAY_US for row in after})
    hours = {key: [-measure for measure in measures] for key, measures in group(before).items()}
    for key, measures in group(after).items():
        hours[key] = list(map(operator.add, hours[key], measures))
    _add_hours(connection, hours)


def count_all(connection: Connection) -> None:
    """Count every call there is into roll-ups that are new."""
    for day_us in _days_from(connection, 0):
        for rows in counted_calls(connection, day_us, day_us + DAY_US):
            _add(connection, rows)


def days_with_calls(connection: Connection) -> list[int]:
    """The UTC days that have all their calls, oldest first."""
    return _days_from(connection, marked_us(connection, CALLS_KEPT_FROM))


def count_anew(connection: Connection, day_us: int) -> bool:
    """Make both roll-ups of a UTC day anew, from its calls; False when these were given up: nothing is done then."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(DAYS_LOCK)))
    hold_counted(connection)
    reopen(connection, [day_us])  # on SQLite nobody else writes from here on
    if day_us < marked_us(connection, CALLS_KEPT_FROM):
        return False
    for table in (usage_hours, usage_days):
        connection.execute(delete(table).where(table.c.starts_us >= day_us, table.c.starts_us < day_us + DAY_US))
    for rows in counted_calls(connection, day_us, day_us + DAY_US):
        _add(connection, rows)
    return True


def hold_counted(connection: Connection) -> None:
    """Until this transaction ends, nobody adds to sums, nor sums up what is over: it would not see what is changed."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(CLOSING_LOCK)))
    hold_sums(connection)


def hold_sums(connection: Connection) -> None:
    """Until this transaction ends, nobody else adds to sums: in another order, two would wait for each other."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(SUMS_LOCK)))


def counted_calls(connection: Connection, from_us: int, until_us: int) -> Iterator[list[dict[str, Any]]]:
    """The calls that started in [from_us, until_us), as far as they are counted here, some thousand at a time."""
    wanted = (calls.c.started_us >= from_us, calls.c.started_us < until_us)
    query = select(*(calls.c[name] for name in _COUNTED)).where(*wanted).order_by(calls.c.started_us)
    found = connection.execute(query.execution_options(yield_per=ROWS_READ)).mappings()
    for rows in found.partitions():
        yield [dict(row) for row in rows]


def group(rows: Iterable[dict[str, Any]]) -> Groups:
    """The calls by hour and dimensions."""
    groups: Groups = {}
    for row in rows:
        started_us = row["started_us"]
        key = (started_us - started_us % HOUR_US, *_dimensions(row))
        measures, sums = _measures(row), groups.get(key)
        groups[key] = measures if sums is None else list(map(operator.add, sums, measures))
    return groups


def by_day(hours: Groups) -> Groups:
    """The same by UTC day."""
    days: Groups = {}
    for (starts_us, *dimensions), measures in hours.items():
        key = (starts_us - starts_us % DAY_US, *dimensions)
        sums = days.get(key)
        days[key] = measures if sums is None else list(map(operator.add, sums, measures))
    return days


def add_groups(connection: Connection, table: Table, groups: Groups) -> None:
    """Add these counts and sums to what is there."""
    given = [(key[0], usage_id(key[1:]), *key[1:], *measures) for key, measures in groups.items()]
    insert_rows(connection, table, given, _added_up(table.name))


@lru_cache(maxsize=4_096)
def usage_id(dimensions: Row) -> str:
    """What the dimensions together are known by: an index over all of them would be too long."""
    return hashlib.blake2b(msgspec.json.encode(dimensions), digest_size=16).hexdigest()


def _days_from(connection: Connection, from_us: int) -> list[int]:
    """One look-up in an index a day."""
    days: list[int] = []
    while True:
        later = calls.c.started_us >= (days[-1] + DAY_US if days else from_us)
        first = connection.execute(select(func.min(calls.c.started_us)).where(later)).scalar()
        if first is None:
            return days
        days.append(first // DAY_US * DAY_US)


def _add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    _add_hours(connection, group(rows))


def _add_hours(connection: Connection, hours: Groups) -> None:
    add_groups(connection, usage_hours, hours)
    add_groups(connection, usage_days, by_day(hours))


def reopen(connection: Connection, days_us: Iterable[int]) -> None:
    """What has been closed over these days is so no longer."""
    for day_us in days_us:
        covers = (usage_closed.c.starts_us <= day_us, usage_closed.c.ends_us > day_us)
        connection.execute(delete(usage_closed).where(*covers))


def _dimensions(row: dict[str, Any]) -> Row:
    """Empty for what is not known. A model that no deployment serves is not told: callers may write anything."""
    found = [value or "" for value in _dimensions_of(row)]
    if not row["routed_model"]:
        found[_REQUESTED] = ""
    found[_TAGS] = _tag_set(found[_TAGS]) if found[_TAGS] else "[]"
    return tuple(found)


@lru_cache(maxsize=4_096)
def _tag_set(text: str) -> str:
    return msgspec.json.encode(sorted(set(msgspec.json.decode(text, type=list[str])))).decode()


def _measures(row: dict[str, Any]) -> list[int]:
    """In the order of USAGE_MEASURES."""
    status, cost = row["status"], row["cost_nano_usd"]
    return [
        1,
        int(status == "failure"),
        int(status == "incomplete"),
        int(cost is None),
        *_summed_of(row),
        cost or 0,
        max(0, row["ended_us"] - row["started_us"]),
    ]


@lru_cache
def _added_up(table: str) -> str:
    sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in USAGE_MEASURES)
    return f"ON CONFLICT (starts_us, usage_id) DO UPDATE SET {sums}"
