"""The arithmetic of cost: tokens by kind times integer rates.

Flows in: prices by kind with tiers and times. Flows out: nano-USD. Must stay true: integers all the way, one rounding
at the end; the tier is chosen by all prompt tokens, cached or not, and holds for every kind of token of the call.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.core.clock import Clock
from sekisho.core.money import TOKENS_PER_RATE
from sekisho.ledger.terms import Ratio, mode_of

#: The kinds of token that have a price, and what a kind without one costs: as much as the kind named beside it.
KINDS: dict[str, str | None] = {
    "input": None,
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "output": None,
    "reasoning": "output",
}
#: The way of processing that a call has when nothing else is said.
STANDARD = "standard"
DAY_SECONDS = 86_400


class Price(msgspec.Struct, frozen=True):
    """Nano-USD per million tokens: `base`, or that of the last of `steps` (prompt tokens exceeded, price)."""

    base: int
    steps: tuple[tuple[int, int], ...] = ()

    def at(self, prompt_tokens: int) -> int:
        """The price in a call with so many prompt tokens."""
        price = self.base
        for above, higher in self.steps:
            if prompt_tokens > above:
                price = higher
        return price


Sheet = dict[str, Price]


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """Prices that hold from a moment on (epoch µs); daily ones between two seconds of the UTC day (end excluded)."""

    sheet: Sheet
    from_us: int = 0
    daily_seconds: tuple[int, int] | None = None

    def holds(self, at_us: int) -> bool:
        """Whether these prices hold at a time."""
        if self.daily_seconds is None or at_us < self.from_us:
            return at_us >= self.from_us
        second = at_us // 1_000_000 % DAY_SECONDS
        start, end = self.daily_seconds
        return start <= second < end if start <= end else second >= start or second < end


class Tier(msgspec.Struct, frozen=True):
    """The rates of every kind above a number of prompt tokens: nano-USD per million tokens."""

    above: int
    input: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    output: int
    reasoning: int


class Tariff(msgspec.Struct, frozen=True):
    """A phase, ready to multiply: tiers from the highest down, the last one above nothing."""

    phase: Phase
    tiers: tuple[Tier, ...]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """The prices of one deployment. `version` names where they came from and is stored with each row."""

    version: str
    tariffs: dict[str, tuple[Tariff, ...]]
    clock: Clock
    #: Geographies that a reply may name (`Usage.inference_geo`) and what they cost beside the rates.
    geographies: dict[str, Ratio] = {}

    @classmethod
    def of(
        cls,
        version: str,
        phases: Mapping[str, tuple[Phase, ...]],
        clock: Clock,
        geographies: Mapping[str, Ratio] | None = None,
    ) -> Rates:
        """Rates from phases by way of processing."""
        tariffs = {mode: tuple(Tariff(phase, _tiers(phase.sheet)) for phase in each) for mode, each in phases.items()}
        return cls(version=version, tariffs=tariffs, clock=clock, geographies=dict(geographies or {}))

    def cost_nano_usd(self, usage: Usage, *, service_tier: str | None = None, at_us: int | None = None) -> int:
        """What these tokens cost, rounded once to the nearest nano-USD.

        The tier that the usage says it was served in holds, else `service_tier`, the one asked for; both in anybody's
        words. One without a price of its own costs the standard price. `at_us` is the time of the call, now unless
        given.
        """
        mode = mode_of(usage.service_tier) or mode_of(service_tier) or STANDARD
        tier = self._tier(mode, at_us, usage.prompt_tokens)
        hour_writes = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
        reasoning = min(usage.reasoning_tokens, usage.output_tokens)
        amount = (
            usage.input_tokens * tier.input
            + usage.cache_read_tokens * tier.cache_read
            + (usage.cache_write_tokens - hour_writes) * tier.cache_write
            + hour_writes * tier.cache_write_1h
            + (usage.output_tokens - reasoning) * tier.output
            + reasoning * tier.reasoning
        )
        times, parts = self.geographies.get(usage.inference_geo or "", (1, 1))
        whole = TOKENS_PER_RATE * parts
        return (amount * times + whole // 2) // whole

    @property
    def dearest_geography(self) -> str | None:
        """Where a call costs the most beside the rates; None where it costs the same everywhere."""
        return max(
            self.geographies, key=lambda name: self.geographies[name][0] / self.geographies[name][1], default=None
        )

    @property
    def input(self) -> int:
        """Nano-USD per million input tokens, in the lowest tier."""
        return self._tier(STANDARD, None, 0).input

    @property
    def output(self) -> int:
        """Nano-USD per million output tokens, in the lowest tier."""
        return self._tier(STANDARD, None, 0).output

    @property
    def cache_read(self) -> int:
        """Nano-USD per million tokens read from a cache, in the lowest tier."""
        return self._tier(STANDARD, None, 0).cache_read

    @property
    def cache_write(self) -> int:
        """Nano-USD per million tokens written to a five-minute cache, in the lowest tier."""
        return self._tier(STANDARD, None, 0).cache_write

    def _tier(self, mode: str, at_us: int | None, prompt_tokens: int) -> Tier:
        tariffs = self.tariffs.get(mode) or self.tariffs[STANDARD]
        chosen = tariffs[0]
        if len(tariffs) > 1:
            now_us = self.clock.now_us() if at_us is None else at_us
            chosen = next((one for one in reversed(tariffs) if one.phase.holds(now_us)), chosen)
        return next(tier for tier in chosen.tiers if prompt_tokens > tier.above)


def _tiers(sheet: Sheet) -> tuple[Tier, ...]:
    """Every number of prompt tokens at which some price of the sheet changes, with all prices above it."""
    bounds = sorted({above for price in sheet.values() for above, _ in price.steps}, reverse=True)
    return tuple(_tier_above(sheet, above) for above in [*bounds, -1])


def scaled(phases: tuple[Phase, ...], ratio: Ratio) -> tuple[Phase, ...]:
    """The phases with every price times a ratio, each rounded to the nearest integer."""
    return tuple(
        msgspec.structs.replace(phase, sheet={kind: _scaled(price, ratio) for kind, price in phase.sheet.items()})
        for phase in phases
    )


def _scaled(price: Price, ratio: Ratio) -> Price:
    times, parts = ratio
    steps = tuple((above, (higher * times + parts // 2) // parts) for above, higher in price.steps)
    return Price((price.base * times + parts // 2) // parts, steps)


def _tier_above(sheet: Sheet, above: int) -> Tier:
    prices: dict[str, int] = {}
    for kind, instead in KINDS.items():
        price = sheet.get(kind)
        prices[kind] = price.at(above + 1) if price is not None else prices[instead] if instead is not None else 0
    return Tier(above=above, **prices)
