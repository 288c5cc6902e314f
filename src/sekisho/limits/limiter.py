"""What every back end of the limits does: reserve before anything is sent, settle when it is known what was used.

Flows in: lines, each an amount that a call may need under one rule. Flows out: nothing, or the line that has no room.
Must stay true: all lines of a reservation are taken or none; what is reserved counts as used until it is settled; the
same reservation settles once, whoever asks how often.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from sekisho.core.errors import Overloaded
from sekisho.limits.periods import period_at
from sekisho.limits.rule import Measure, Rule


class Line(msgspec.Struct, frozen=True):
    """An amount under a rule in the period [starts, ends), and the limit that holds there."""

    rule: Rule
    amount: int
    starts_us: int
    ends_us: int
    limit: int


class Refusal(msgspec.Struct, frozen=True):
    """The line that has no room, and what is used of it: settled and reserved, without this reservation's own."""

    line: Line
    used: int

    @property
    def left(self) -> int:
        """What could still be reserved."""
        return max(0, self.line.limit - self.used)


class LimitsUnavailable(Overloaded):
    """What is used cannot be known now: the shared store or the ledger is away."""


#: What the ledger's rows say was used under a rule (money) in a period [starts_us, ends_us).
Seed = Callable[[Rule, int, int], Awaitable[int]]


def line_at(rule: Rule, amount: int, at_us: int) -> Line:
    """A line in the period that `at_us` lies in: the time of the reservation, which may be long after the call's."""
    starts_us, ends_us = period_at(rule.period, rule.time_zone, at_us)
    return Line(rule, amount, starts_us, ends_us, rule.limit_at(at_us))


class Limiter(Protocol):
    """Counters of one process or of many."""

    async def reserve(self, reservation: str, lines: Sequence[Line], lease_seconds: float) -> Refusal | None:
        """Take all lines or none; None when they are taken. The same reservation again (the next attempt of a call)
        replaces its lines, and keeps the earlier ones when there is no room for the new. A line of 0 has always room.

        `lease_seconds` after the last sign of life of this process, what it had reserved is given back. Raises
        LimitsUnavailable when it cannot be known.
        """

    def settle(self, reservation: str, amounts: Sequence[int]) -> None:
        """What was used, in the order of the lines that were reserved last. A running call's slot is given back
        whatever its amount; other lines without an amount keep what was reserved.

        Returns at once and never raises; the second time nothing happens, as for a reservation that is not known.
        """

    def settle_recovered(self, reservation: str, amounts: Mapping[Measure, int]) -> None:
        """The same for a call of a process that died, by measure; lines of others keep what was reserved."""

    async def used(self, rules: Iterable[Rule], at_us: int) -> list[int]:
        """What is used of each rule in its period: settled and reserved. Raises LimitsUnavailable."""

    async def reseed(self, rules: Iterable[Rule], at_us: int) -> None:
        """Ask the ledger anew what was spent under rules of money: an administrator has set it. What is reserved stays.

        Raises LimitsUnavailable, and what the ledger raises.
        """

    async def close(self) -> None:
        """Bring what was settled to where it belongs, then let go."""
