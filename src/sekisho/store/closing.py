"""Sums of days and months that are over, for reports over long times: coarser than the roll-ups, and fewer rows.

Flows in: roll-ups by day. Flows out: rows of `summed_days` and `summed_months`, marked in `usage_closed`. Must stay
true: what is closed equals the roll-ups: a call that is booked late opens its day and month again in its own
transaction (usage.py), and until they are closed anew reports read the roll-ups themselves. Closing is the database's
work alone, a day or a month at a time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, func, insert, literal, select, text
from sqlalchemy.engine import Connection

from sekisho.store.schema import USAGE_DIMENSIONS, USAGE_MEASURES, summed_days, summed_months, usage_closed, usage_days
from sekisho.store.totals import total
from sekisho.store.usage import CLOSING_LOCK, DAY_US, hold_sums
from sekisho.store.verify import one_moment

#: A day is closed so long after it ended: by then nearly all of its calls are over.
GRACE_US = 2 * 3_600_000_000
_SECOND_US = 1_000_000
#: Days with usage that are not closed, the oldest first: one look-up in an index a day.
_OPEN = text(
    "WITH RECURSIVE found (day) AS (SELECT min(starts_us) FROM usage_days WHERE starts_us >= :from_us UNION ALL "
    "SELECT (SELECT min(starts_us) FROM usage_days WHERE starts_us > day) FROM found WHERE day < :until_us) "
    "SELECT day FROM found WHERE day < :until_us AND NOT EXISTS "
    "(SELECT 1 FROM usage_closed WHERE unit = 'day' AND starts_us = day) ORDER BY day LIMIT 1"
)

Range = tuple[int, int]


def close_next(connection: Connection, now_us: int) -> bool:
    """Close one day or month that is over; False when there is none, or another process is at it.

    Others go on booking while it is summed up; if they added to it meanwhile, it stays open for another time.
    """
    if connection.dialect.name == "postgresql":
        alone = connection.execute(select(func.pg_try_advisory_xact_lock(CLOSING_LOCK))).scalar_one()
        if not alone:
            return False
    today_us = (now_us - GRACE_US) // DAY_US * DAY_US
    day_us = _first_open(connection, 0, today_us)
    if day_us is not None:
        _close_day(connection, day_us, today_us)
        return True
    months = {month_of(starts_us) for starts_us in _closed(connection, "day")} - set(_closed(connection, "month"))
    past = sorted(month for month in months if next_month(month) <= today_us)
    if past:
        _close_month(connection, past[-1])
    return bool(past)


def closed_ranges(connection: Connection, unit: str, from_us: int, until_us: int) -> list[Range]:
    """What of a time is closed, as far apart as it has to be."""
    columns = usage_closed.c
    wanted = (columns.unit == unit, columns.ends_us > from_us, columns.starts_us < until_us)
    query = select(columns.starts_us, columns.ends_us).where(*wanted).order_by(columns.starts_us)
    ranges: list[Range] = []
    for starts_us, ends_us in connection.execute(query):
        if ranges and ranges[-1][1] >= starts_us:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], ends_us))
        else:
            ranges.append((starts_us, ends_us))
    return ranges


def differing(connection: Connection) -> Iterator[tuple[str, int]]:
    """What is closed and is not the sum of the roll-ups, as it stands at one moment: table and beginning. The
    connection has done nothing yet.
    """
    one_moment(connection)
    for unit, tables in (("day", summed_days), ("month", summed_months)):
        for starts_us in _closed(connection, unit):
            for table in tables.values():
                ends_us = starts_us + DAY_US if unit == "day" else next_month(starts_us)
                right = _sums(table, usage_days, starts_us, ends_us)
                there = select(*table.c).where(table.c.starts_us == starts_us)
                for wrong in (right.except_(there), there.except_(right)):
                    if connection.execute(wrong.limit(1)).first() is not None:
                        yield table.name, starts_us
                        break


def month_of(at_us: int) -> int:
    """The beginning of a UTC month."""
    moment = dt.datetime.fromtimestamp(at_us // _SECOND_US, dt.UTC)
    return round(dt.datetime(moment.year, moment.month, 1, tzinfo=dt.UTC).timestamp()) * _SECOND_US


def next_month(month_us: int) -> int:
    """The beginning of the one after."""
    return month_of(month_us + 31 * DAY_US)


def _close_day(connection: Connection, day_us: int, today_us: int) -> None:
    of_day = (usage_days.c.starts_us >= day_us, usage_days.c.starts_us < day_us + DAY_US)
    counted = select(total(usage_days.c.calls)).where(*of_day)
    calls = connection.execute(counted).scalar()
    for table in summed_days.values():
        _sum_up(connection, table, usage_days, day_us, day_us + DAY_US)
    hold_sums(connection)
    following = select(func.min(usage_days.c.starts_us)).where(usage_days.c.starts_us > day_us)
    ends_us = min(connection.execute(following).scalar() or today_us, today_us)
    if connection.execute(counted).scalar() == calls:
        _mark(connection, "day", day_us, ends_us)


def _close_month(connection: Connection, month_us: int) -> None:
    ends_us = next_month(month_us)
    for name, table in summed_months.items():
        _sum_up(connection, table, summed_days.get(name, usage_days), month_us, ends_us)
    hold_sums(connection)
    if _first_open(connection, month_us, ends_us) is None:
        _mark(connection, "month", month_us, ends_us)


def _sum_up(connection: Connection, table: Table, source: Table, starts_us: int, ends_us: int) -> None:
    connection.execute(delete(table).where(table.c.starts_us == starts_us))
    connection.execute(insert(table).from_select(table.c.keys(), _sums(table, source, starts_us, ends_us)))


def _sums(table: Table, source: Table, starts_us: int, ends_us: int) -> Select[tuple[int, ...]]:
    dimensions: list[ColumnElement[Any]] = [
        source.c[column.name] for column in table.c if column.name in USAGE_DIMENSIONS
    ]
    wanted = (source.c.starts_us >= starts_us, source.c.starts_us < ends_us)
    begins = literal(starts_us, source.c.starts_us.type).label("starts_us")
    found = [begins, *dimensions, *(total(source.c[name]).label(name) for name in USAGE_MEASURES)]
    # Without dimensions there is one group, but none where there are no rows.
    return select(*found).where(*wanted).group_by(*(dimensions or [source.c.starts_us >= 0]))


def _mark(connection: Connection, unit: str, starts_us: int, ends_us: int) -> None:
    connection.execute(insert(usage_closed).values(unit=unit, starts_us=starts_us, ends_us=ends_us))


def _closed(connection: Connection, unit: str) -> list[int]:
    return list(connection.execute(select(usage_closed.c.starts_us).where(usage_closed.c.unit == unit)).scalars())


def _first_open(connection: Connection, from_us: int, until_us: int) -> int | None:
    return connection.execute(_OPEN, {"from_us": from_us, "until_us": until_us}).scalar_one_or_none()
