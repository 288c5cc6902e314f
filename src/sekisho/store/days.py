"""The call log by day: PostgreSQL keeps the calls of each UTC day in a table of its own, so that a day leaves at once.

Flows in: a Connection; when calls started. Flows out: the tables that they need. Must stay true: a day's table is there
before its first call, and the next day's with it; making one stops no writer; roll-ups and spend outlive the calls; no
transaction gives up more than a day. On SQLite there is one table, and its rows are deleted some thousand at a time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import partial

from sqlalchemy import delete, func, select, text
from sqlalchemy.engine import Connection

from sekisho.store.db import Store
from sekisho.store.marks import CALLS_KEPT_FROM, mark
from sekisho.store.schema import calls
from sekisho.store.usage import DAY_US, DAYS_LOCK

#: A day does not leave while somebody reads calls: after so long it is given up, for writers wait behind it.
LOCK_SECONDS = 5
#: Calls that one transaction deletes where they are one table.
PORTION = 2_000
_FOUND = text(
    "SELECT relname FROM pg_class WHERE relname = ANY(CAST(:names AS text[])) AND relispartition "
    "AND relnamespace = to_regnamespace(current_schema())"
)
_OLDEST = text(
    "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = to_regclass('calls') "
    "ORDER BY 1 LIMIT 1"
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


def drop_days(db: Store, before_us: int, now_us: int) -> int:
    """Give up the calls of the UTC days that ended before both times; how many days went (on SQLite: calls).

    Waits while another process does the same.
    """
    dropped = 0
    while gone := db.write(partial(drop_portion, before_us=before_us, now_us=now_us, patient=True)).result():
        dropped += gone
    return dropped


def drop_portion(connection: Connection, before_us: int, now_us: int, *, patient: bool = False) -> int:
    """The oldest of those days (on SQLite: `PORTION` calls): call it until it returns 0.

    It also returns 0 where another process is at it, unless it is `patient`. Raises DBAPIError where somebody has read
    calls for `LOCK_SECONDS`.
    """
    until_us = min(before_us, now_us) // DAY_US * DAY_US
    if connection.dialect.name != "postgresql":
        oldest = select(calls.c.call_id).where(calls.c.started_us < until_us).order_by(calls.c.started_us)
        gone = connection.execute(delete(calls).where(calls.c.call_id.in_(oldest.limit(PORTION)))).rowcount
        mark(connection, CALLS_KEPT_FROM, until_us if gone else 0)
        return gone
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
    if patient:
        connection.execute(select(func.pg_advisory_xact_lock(DAYS_LOCK)))
    elif not connection.execute(select(func.pg_try_advisory_xact_lock(DAYS_LOCK))).scalar_one():
        return 0
    name = connection.execute(_OLDEST).scalar_one_or_none()
    if name is None or name >= table_of_day(until_us):
        return 0
    mark(connection, CALLS_KEPT_FROM, until_us)
    connection.execute(text(f"ALTER TABLE calls DETACH PARTITION {name}"))
    connection.execute(text(f"DROP TABLE {name}"))
    return 1


def _missing(connection: Connection, wanted: Iterable[str]) -> list[str]:
    names = sorted(wanted)
    return sorted(set(names).difference(connection.execute(_FOUND, {"names": names}).scalars()))
