"""Whether the ledger's books agree: what is rolled up, and what is written off as spent, with the calls themselves.

Flows in: a Connection. Flows out: differences, day by day. Must stay true: it reads only, one day at a time, so that
it may run beside the gateway over any number of calls; a day whose calls were given up is not compared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from sekisho.store.marks import CALLS_KEPT_FROM, marked_us
from sekisho.store.schema import USAGE_DIMENSIONS, USAGE_MEASURES, usage_days, usage_hours
from sekisho.store.usage import DAY_US, Groups, by_day, counted_calls, group

#: Differences told of one day: one wrong row is seldom alone, a thousand are told no better than ten.
TOLD_OF_A_DAY = 10


class Difference(msgspec.Struct, frozen=True):
    """One row of a roll-up that is not the sum of its calls. `by_rows` and `rolled_up` are measures that differ."""

    table: str
    starts_us: int
    dimensions: dict[str, str]
    by_rows: dict[str, int]
    rolled_up: dict[str, int]

    def __str__(self) -> str:
        """For people."""
        when = dt.datetime.fromtimestamp(self.starts_us // 1_000_000, dt.UTC).strftime("%Y-%m-%d %H:%M")
        where = " ".join(f"{name}={value}" for name, value in self.dimensions.items() if value not in {"", "[]"})
        told = ", ".join(f"{name} {self.rolled_up[name]} instead of {right}" for name, right in self.by_rows.items())
        return f"{self.table} {when} {where}: {told}"


class Verified(msgspec.Struct, frozen=True):
    """One UTC day: how many calls it has, and what is wrong with it."""

    day_us: int
    calls: int
    differences: tuple[Difference, ...]


def verify_day(connection: Connection, day_us: int) -> Verified:
    """Compare a day's calls with its roll-ups, as they stood at one moment. The connection has done nothing yet."""
    one_moment(connection)
    if day_us < marked_us(connection, CALLS_KEPT_FROM):
        return Verified(day_us, 0, ())
    hours: Groups = {}
    count = 0
    for rows in counted_calls(connection, day_us, day_us + DAY_US):
        count += len(rows)
        for key, measures in group(rows).items():
            present = hours.get(key)
            hours[key] = measures if present is None else [a + b for a, b in zip(present, measures, strict=True)]
    found = [
        *_differences(connection, usage_hours, hours, day_us),
        *_differences(connection, usage_days, by_day(hours), day_us),
    ]
    return Verified(day_us, count, tuple(found[:TOLD_OF_A_DAY]))


def one_moment(connection: Connection) -> None:
    """All that is read from here on is of one moment, and no day of calls leaves meanwhile."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("LOCK TABLE ONLY calls IN ACCESS SHARE MODE")  # tables leave whatever moment is read
    else:
        connection.exec_driver_sql("BEGIN")


def _differences(connection: Connection, table: Table, wanted: Groups, day_us: int) -> Iterator[Difference]:
    stored = _stored(connection, table, day_us)
    for key in sorted(wanted.keys() | stored.keys()):
        right = dict(zip(USAGE_MEASURES, wanted.get(key, _NOTHING), strict=True))
        there = dict(zip(USAGE_MEASURES, stored.get(key, _NOTHING), strict=True))
        differing = {name: value for name, value in right.items() if value != there[name]}
        if differing:
            dimensions = dict(zip(USAGE_DIMENSIONS, key[1:], strict=True))
            yield Difference(table.name, key[0], dimensions, differing, {name: there[name] for name in differing})


_NOTHING = [0] * len(USAGE_MEASURES)


def _stored(connection: Connection, table: Table, day_us: int) -> Groups:
    columns: list[Any] = [table.c[name] for name in ("starts_us", *USAGE_DIMENSIONS, *USAGE_MEASURES)]
    query = select(*columns).where(table.c.starts_us >= day_us, table.c.starts_us < day_us + DAY_US)
    width = 1 + len(USAGE_DIMENSIONS)
    return {tuple(row[:width]): list(map(int, row[width:])) for row in connection.execute(query)}
