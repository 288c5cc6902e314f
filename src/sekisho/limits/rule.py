"""One limit as a value: whose it is, what it measures, how much of it a period may see.

Flows in: what an administrator set. Flows out: rules, by which every back end counts. Must stay true: `counter` names
the same count in every process and release, whatever the limit is raised or lowered to.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Final, Literal

import msgspec

#: The limit of a rule that only warns (`soft_limit`).
NO_LIMIT: Final = 9_000_000_000_000_000
#: Rates hold for a minute of the clock.
MINUTE: Final = "60s"


class Measure(StrEnum):
    """What is counted; money in nano-USD, PARALLEL in calls that run."""

    MONEY = "money"
    REQUESTS = "requests"
    TOKENS = "tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    PARALLEL = "parallel"


class Rule(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """At most `limit` of `measure` for one scope in each period ("" is for ever, and for calls that run).

    `model` is the one model it holds for, "" for all. `increase` is added to the limit until `increase_until_us`.
    `forgiven` is what the period [`forgiven_from_us`, `forgiven_until_us`) may see beside: its count goes on.
    `soft_limit` only warns. `on_outage` says what happens while nothing can be counted.
    """

    scope_kind: str
    scope_id: str
    measure: Measure
    limit: int
    period: str = ""
    time_zone: str = "UTC"
    model: str = ""
    mode: Literal["hard", "expected"] = "hard"
    soft_limit: int | None = None
    increase: int = 0
    increase_until_us: int = 0
    forgiven: int = 0
    forgiven_from_us: int = 0
    forgiven_until_us: int = 0
    on_outage: Literal["open", "closed"] = "open"

    @cached_property
    def counter(self) -> str:
        """The name of its count, without the period's beginning."""
        period = f"{self.period}@{self.time_zone}" if self.period else ""
        return f"{self.scope_kind}:{self.measure}:{period}:{len(self.scope_id)}:{self.scope_id}:{self.model}"

    def limit_at(self, at_us: int) -> int:
        """The limit at a moment, with what was added for a time or forgiven."""
        increase = self.increase if at_us < self.increase_until_us else 0
        return self.limit + increase + self.forgiven_at(at_us)

    def forgiven_at(self, at_us: int) -> int:
        """What the count of a moment's period holds that no longer counts."""
        return self.forgiven if self.forgiven_from_us <= at_us < self.forgiven_until_us else 0
