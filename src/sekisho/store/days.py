"""The call log by day: PostgreSQL keeps the calls of each UTC day in a table of its own, so that a day leaves at once.

Flows in: a Connection; when calls started. Flows out: the tables that they need. Must stay true: a day's table is there
before its first call, and the next day's with it; making one stops no writer; roll-ups and spend outlive the calls. On
SQLite there is one table, and a day's rows are deleted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import delete, func, select, text
from sqlalchemy.engine import Connection

from sekisho.store.schema import calls
from sekisho.store.usage import DAY_US

#: A day does not leave while somebody reads calls: after so long it is given up, for writers wait behind it.
LOCK_SECONDS = 10
#: PostgreSQL's lock for who makes and drops the tables of days.
DAYS_LOCK = 0x53454B44
_FOUND = text(
    "SELECT relname FROM pg_class WHERE relname = ANY(CAST(:names AS text[])) AND relispartition "
    "AND relnamespace = to_regnamespace(current_schema())"
)
_PRESENT = text(
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass('calls') ORDER BY 1 LIMIT 10000"
)


def table_of_day(at_us: int) -> str:
    """The name of the table for calls that started at this time."""
    day = dt.datetime.fromtimestamp(at_us // DAY_US * 86_400, dt.UTC)
    return f"calls_{day:%Y%m%d}"


def ensure_days(connection: Connection, started_us: Iterable[int]) -> None:
    """Make the tables of these days and of the day after the last, on PostgreSQL. One look-up when they are there."""
    days = {at_us // DAY_US * DAY_US for at_us in started_us}
    if connection.dialect.name != "postgresql" or not days:
        return
    wanted = {table_of_day(day): day for day in (*days, max(days) + DAY_US)}
    if not _missing(connection, wanted):
        return
    connection.execute(select(func.pg_advisory_xact_lock(DAYS_LOCK)))
    for name in _missing(connection, wanted):  # another may have made them while this one waited
        day = wanted[name]
        connection.execute(text(f"CREATE TABLE {name} (LIKE calls INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
        # To attach a table waits for nobody who writes; to create it as a part would.
        attach = f"ALTER TABLE calls ATTACH PARTITION {name} FOR VALUES FROM ({day}) TO ({day + DAY_US})"
        connection.execute(text(attach))


def drop_days(connection: Connection, before_us: int) -> int:
    """Give up the calls of the UTC days that ended before this time; returns how many days (on SQLite: calls)."""
    until_us = before_us // DAY_US * DAY_US
    if connection.dialect.name != "postgresql":
        return connection.execute(delete(calls).where(calls.c.started_us < until_us)).rowcount
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
    connection.execute(select(func.pg_advisory_xact_lock(DAYS_LOCK)))
    first_kept = table_of_day(until_us)
    old = [name for name in connection.execute(_PRESENT).scalars() if name < first_kept]
    for name in old:
        connection.execute(text(f"ALTER TABLE calls DETACH PARTITION {name}"))
        connection.execute(text(f"DROP TABLE {name}"))
    return len(old)


def _missing(connection: Connection, wanted: Iterable[str]) -> list[str]:
    names = sorted(wanted)
    return sorted(set(names).difference(connection.execute(_FOUND, {"names": names}).scalars()))
