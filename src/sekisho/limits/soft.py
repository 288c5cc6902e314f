"""Soft budgets, and budgets that calls reserve from by expectation: nothing is refused for them, or too late, but
somebody hears of it.

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
from sekisho.limits.rule import Measure, Rule

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
        self._told: Lru[tuple[str, str], int] = Lru(_TOLD_MAX)

    def note(self, lines: Iterable[Line]) -> None:
        """A call was booked under these lines."""
        for line in lines:
            rule = line.rule
            if rule.soft_limit is not None or (rule.mode == "expected" and rule.measure is Measure.MONEY):
                self._spent_from[rule.counter] = rule

    async def run(self) -> None:
        """Look again and again; a store that is away is asked the next time."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.gather(self.look(), return_exceptions=True)

    async def look(self) -> None:
        """Tell of those that have reached their soft limit, and those that were passed. Raises LimitsUnavailable."""
        rules, now_us = list(self._spent_from.values()), self._clock.now_us()
        for rule, counted in zip(rules, await self._limiter.used(rules, now_us), strict=True):
            self._spent_from.pop(rule.counter, None)
            forgiven = rule.forgiven_at(now_us)
            used, budget = counted - forgiven, rule.limit_at(now_us) - forgiven
            if rule.soft_limit is not None and used >= rule.soft_limit:
                self._tell(rule, "soft", now_us, f"used {usd_text(used)} USD, its soft budget is", rule.soft_limit)
            if used > budget:
                self._tell(rule, "passed", now_us, f"passed its budget by {usd_text(used - budget)} USD: it is", budget)

    def _tell(self, rule: Rule, what: str, now_us: int, has: str, budget: int) -> None:
        """Once a period."""
        ends_us = period_at(rule.period, rule.time_zone, now_us)[1]
        if self._told.get((rule.counter, what)) == ends_us:
            return
        self._told.put((rule.counter, what), ends_us)
        log.warning(
            "limits: %s %r has %s %s USD%s",
            rule.scope_kind.replace("_", " "),
            rule.scope_id,
            has,
            usd_text(budget),
            f" in {rule.period}" if rule.period else "",
        )
