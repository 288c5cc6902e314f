"""What a store that many processes share holds of limits: its counts and its reservations, as they stand.

Flows in: the tables of store/counters.py, or the keys of Valkey (stock_valkey.py). Flows out: counts by name, what each
reservation holds. Must stay true: names are taken apart as rule.py and shared.py put them together; nothing is changed
here but what is settled, by `add_settled`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

import msgspec
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from sekisho.limits.periods import period_at
from sekisho.store.counters import limit_counts, limit_reservations

#: Stages of a reservation, as page.py writes them.
_PAST_LEASE, _OVER = 1, 2
_SLOT = "t"


class Count(msgspec.Struct, frozen=True):
    """What is settled, and what running calls hold. `settled` None: the ledger was not asked for it yet."""

    settled: int | None
    held: int


class Reservation(msgspec.Struct, frozen=True):
    """Amounts by count, as far as they are held. `lost`: its process has shown no sign of life for its lease."""

    lines: tuple[tuple[str, int], ...]
    lost: bool = False


class Counted(msgspec.Struct, frozen=True, dict=True):
    """What the name of a count says."""

    scope_kind: str
    scope_id: str
    measure: str
    period: str
    time_zone: str
    model: str
    starts_us: int

    @cached_property
    def ends_us(self) -> int:
        """When its period ends, in epoch µs."""
        return period_at(self.period, self.time_zone, self.starts_us)[1]


class Stock(msgspec.Struct, frozen=True):
    """All of it. Reservations that hold nothing any more are left out."""

    counts: dict[str, Count]
    reservations: dict[str, Reservation]

    def unbalanced(self) -> dict[str, int]:
        """Counts that do not hold what their reservations do -> what they hold too much."""
        held: dict[str, int] = defaultdict(int)
        for reservation in self.reservations.values():
            for name, amount in reservation.lines:
                held[name] += amount
        extra = {name: count.held - held[name] for name, count in self.counts.items()}
        return {name: amount for name, amount in extra.items() if amount}


def counted(name: str) -> Counted:
    """The parts of a count's name."""
    _letter, kind, measure, period, length, rest = name.split(":", 5)
    scope_id, rest = rest[: int(length)], rest[int(length) + 1 :]
    model, _, starts_us = rest.rpartition(":")
    duration, _, zone = period.partition("@")
    return Counted(kind, scope_id, measure, duration, zone or "UTC", model, int(starts_us))


def is_slot(name: str) -> bool:
    """Whether a count is of calls that run: its lines are given back at the end of the lease."""
    return name.startswith(_SLOT)


def stock_in(connection: Connection) -> Stock:
    """What stands in PostgreSQL at one moment. The connection has done nothing yet."""
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    columns = limit_counts.c
    counts = {
        name: Count(settled, held)
        for name, settled, held in connection.execute(select(columns.count, columns.settled, columns.held))
    }
    rows = limit_reservations.c
    found = connection.execute(select(rows.reservation, rows.lines, rows.stage).where(rows.stage < _OVER))
    return Stock(counts, {name: _held(lines, lost=stage == _PAST_LEASE) for name, lines, stage in found})


def add_settled(connection: Connection, amounts: Mapping[str, int]) -> None:
    """Put counts right by these amounts, in the order in which gateways lock them."""
    for name in sorted(amounts):
        right = limit_counts.c.settled + amounts[name]
        connection.execute(update(limit_counts).where(limit_counts.c.count == name).values(settled=right))


def _held(text: str, *, lost: bool) -> Reservation:
    lines = _decoder.decode(text)
    return Reservation(tuple(line for line in lines if not (lost and is_slot(line[0]))), lost)


_decoder = msgspec.json.Decoder(tuple[tuple[str, int], ...])
