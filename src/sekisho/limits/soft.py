"""Soft budgets: nothing is refused, but somebody hears of it.

Flows in: the lines of calls that were booked. Flows out: a warning in the log, once for each period of a budget and
process. Must stay true: no call waits for it; what lies idle is not looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from sekisho.core.clock import Clock
from sekisho.core.money import usd_text
from sekisho.identity.lru import Lru
from sekisho.limits.limiter import Limiter, Line
from sekisho.limits.periods import period_at
from sekisho.limits.rule import Rule

log = logging.getLogger("sekisho.limits")

LOOK_SECONDS: Final = 30.0
#: Budgets of which it is remembered that they were told of.
_TOLD_MAX: Final = 50_000


class SoftBudgets:
    """One a process."""

    def __init__(self, limiter: Limiter, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock
        self._spent_from: dict[str, Rule] = {}
        self._told: Lru[str, int] = Lru(_TOLD_MAX)

    def note(self, lines: Iterable[Line]) -> None:
        """A call was booked under these lines."""
        for line in lines:
            if line.rule.soft_limit is not None:
                self._spent_from[line.rule.counter] = line.rule

    async def run(self) -> None:
        """Look again and again; a store that is away is asked the next time."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.gather(self.look(), return_exceptions=True)

    async def look(self) -> None:
        """Tell of those that have reached their soft limit. Raises LimitsUnavailable."""
        rules, now_us = list(self._spent_from.values()), self._clock.now_us()
        for rule, used in zip(rules, await self._limiter.used(rules, now_us), strict=True):
            self._spent_from.pop(rule.counter, None)
            ends_us = period_at(rule.period, rule.time_zone, now_us)[1]
            if rule.soft_limit is None or used < rule.soft_limit or self._told.get(rule.counter) == ends_us:
                continue
            self._told.put(rule.counter, ends_us)
            log.warning(
                "limits: %s %r has used %s USD, its soft budget is %s USD%s",
                rule.scope_kind.replace("_", " "),
                rule.scope_id,
                usd_text(used),
                usd_text(rule.soft_limit),
                f" in {rule.period}" if rule.period else "",
            )
