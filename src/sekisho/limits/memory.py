"""Counters in the memory of one process.

Flows in: lines. Flows out: refusals. Must stay true: nothing is awaited between the check and the taking, so that no
other call comes between; money is not admitted before the ledger has said what was spent; what may be forgotten is what
has ended, and money that lies idle, which the ledger knows.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sekisho.core.clock import Clock
from sekisho.limits.limiter import Line, Refusal, Seed
from sekisho.limits.periods import NEVER_US, period_at
from sekisho.limits.rule import Measure, Rule

#: Counters held at once (some 400 bytes each); above it, idle money is asked for anew when it is needed again.
COUNTERS_MAX: Final = 200_000
#: After so long, what was settled stands in the ledger's database.
_IDLE_US: Final = 60_000_000
#: Ended or idle counters that one reservation clears away at most.
_SWEPT_AT_ONCE: Final = 8

_Key = tuple[str, int]


class _Count:
    """What is used of one rule in one period, and by how many open reservations."""

    __slots__ = ("holds", "key", "touched_us", "used")

    def __init__(self, key: _Key, used: int, now_us: int) -> None:
        self.key = key
        self.used = used
        self.holds = 0
        self.touched_us = now_us


_Taken = tuple[Line, _Count]


class MemoryLimiter:
    """A Limiter for a single process. Reservations end with it, so leases mean nothing here."""

    def __init__(self, clock: Clock, seed: Seed, *, counters_max: int = COUNTERS_MAX) -> None:
        """Above `counters_max` counters, idle money is forgotten."""
        self._clock = clock
        self._seed = seed
        self._counters_max = counters_max
        self._counts: OrderedDict[_Key, _Count] = OrderedDict()
        self._ends: list[tuple[int, _Key]] = []
        self._open: dict[str, Sequence[_Taken]] = {}
        self._seeding: dict[_Key, asyncio.Task[None]] = {}

    async def reserve(self, reservation: str, lines: Sequence[Line], lease_seconds: float) -> Refusal | None:  # noqa: ARG002
        """Take all lines or none. Raises what `seed` raises."""
        now_us = self._clock.now_us()
        self._sweep(now_us)
        while unknown := self._unknown(lines):
            await self._make(unknown.rule, unknown.starts_us, unknown.ends_us)
        earlier = self._open.get(reservation, ())
        for line, count in earlier:
            _hold(count, -line.amount, -1)
        taken = [(line, self._count(line)) for line in lines]
        refusal = _take(taken, now_us)
        if refusal is None:
            self._open[reservation] = taken
        else:
            for line, count in earlier:
                _hold(count, line.amount, 1)
        return refusal

    def settle(self, reservation: str, amounts: Sequence[int]) -> None:
        """Book what was used; at once."""
        now_us = self._clock.now_us()
        for at, (line, count) in enumerate(self._open.pop(reservation, ())):
            running = line.rule.measure is Measure.PARALLEL
            if running or at < len(amounts):
                count.used += (0 if running else amounts[at]) - line.amount
            count.holds -= 1
            count.touched_us = now_us
            if running and not count.holds and not count.used:
                self._counts.pop(count.key, None)

    def settle_recovered(self, reservation: str, amounts: Mapping[Measure, int]) -> None:
        """Nothing was held here by a process that died: the ledger knows its call."""

    async def used(self, rules: Iterable[Rule], at_us: int) -> list[int]:
        """What is used of each rule. Raises what `seed` raises."""
        amounts = []
        for rule in rules:
            starts_us, ends_us = period_at(rule.period, rule.time_zone, at_us)
            if rule.measure is Measure.MONEY and (rule.counter, starts_us) not in self._counts:
                await self._make(rule, starts_us, ends_us)
            count = self._counts.get((rule.counter, starts_us))
            amounts.append(count.used if count is not None else 0)
        return amounts

    async def reseed(self, rules: Iterable[Rule], at_us: int) -> None:
        """Begin again with what the ledger says. Raises what `seed` raises."""
        for rule in rules:
            starts_us, ends_us = period_at(rule.period, rule.time_zone, at_us)
            count = self._counts.get((rule.counter, starts_us))
            if rule.measure is Measure.MONEY and count is not None:
                held = sum(line.amount for taken in self._open.values() for line, of in taken if of is count)
                settled = count.used - held
                spent = await self._seed(rule, starts_us, ends_us)
                count.used += spent - settled  # with what has happened while the ledger was asked

    async def close(self) -> None:
        """Nothing is left behind."""
        for task in list(self._seeding.values()):
            task.cancel()

    def _unknown(self, lines: Sequence[Line]) -> Line | None:
        """A line of money that nothing was counted of yet."""
        for line in lines:
            if line.rule.measure is Measure.MONEY and (line.rule.counter, line.starts_us) not in self._counts:
                return line
        return None

    def _count(self, line: Line) -> _Count:
        key = line.rule.counter, line.starts_us
        return self._counts.get(key) or self._begin(key, 0, line.ends_us)

    def _begin(self, key: _Key, used: int, ends_us: int) -> _Count:
        count = self._counts[key] = _Count(key, used, self._clock.now_us())
        if ends_us < NEVER_US:
            heapq.heappush(self._ends, (ends_us, key))
        return count

    async def _make(self, rule: Rule, starts_us: int, ends_us: int) -> None:
        """Begin a counter of money with what the ledger knows: asked once, however many calls wait or give up."""
        key = rule.counter, starts_us
        task = self._seeding.get(key)
        if task is None:
            task = self._seeding[key] = asyncio.ensure_future(self._seeded(rule, key, ends_us))
            task.add_done_callback(_note_failure)
        await asyncio.shield(task)

    async def _seeded(self, rule: Rule, key: _Key, ends_us: int) -> None:
        """The counter is there when this ends, not a turn of the loop later: who waits looks at once."""
        try:
            used = await self._seed(rule, key[1], ends_us)
            if key not in self._counts:
                self._begin(key, used, ends_us)
        finally:
            del self._seeding[key]

    def _sweep(self, now_us: int) -> None:
        """Forget some of what has ended, and of what lies idle where there is too much."""
        for _ in range(_SWEPT_AT_ONCE):
            if not self._ends or self._ends[0][0] > now_us:
                break
            key = heapq.heappop(self._ends)[1]
            count = self._counts.get(key)
            if count is not None and count.holds:
                heapq.heappush(self._ends, (now_us + _IDLE_US, key))
            else:
                self._counts.pop(key, None)
        for _ in range(min(_SWEPT_AT_ONCE, len(self._counts) - self._counters_max)):
            key, count = next(iter(self._counts.items()))
            if count.holds or now_us - count.touched_us < _IDLE_US:
                self._counts.move_to_end(key)
            else:
                del self._counts[key]


def _note_failure(task: asyncio.Task[None]) -> None:
    """Who waits is told; where all have hung up, asyncio would log a traceback of what concerns nobody."""
    if not task.cancelled():
        task.exception()


def _take(taken: Sequence[_Taken], now_us: int) -> Refusal | None:
    for at, (line, count) in enumerate(taken):
        if line.amount and count.used + line.amount > line.limit:
            for before, held in taken[:at]:
                _hold(held, -before.amount, -1)
            return Refusal(line, count.used)
        _hold(count, line.amount, 1)
        count.touched_us = now_us
    return None


def _hold(count: _Count, amount: int, holds: int) -> None:
    count.used += amount
    count.holds += holds
