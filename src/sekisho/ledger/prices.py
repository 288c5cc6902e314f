"""What a deployment's tokens cost: the price table, overridden by the operator's LiteLLM cost keys.

Flows in: a provider's price key, a model name, cost keys from the configuration. Flows out: `Rates`, resolved once a
deployment, or None for an unknown price. Must stay true: a price nobody knows is None and never zero; no float takes
part; each `Rates` names the table or the configuration that it came from. Table: data/prices.json, made by
scripts/build_prices.py.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from importlib import resources
from typing import Any

import msgspec

from sekisho.core.clock import Clock, SystemClock
from sekisho.core.money import rate_nano_usd_per_mtok
from sekisho.ledger.names import names_of
from sekisho.ledger.rates import KINDS, STANDARD, Phase, Price, Rates, Sheet, scaled
from sekisho.ledger.terms import geography_ratios, place_ratio, tier_ratios

__all__ = ["PriceBook", "Rates", "unread_costs"]

#: LiteLLM's cost keys: kind of token, how many thousand prompt tokens it starts above, way of processing.
_COST_KEY = re.compile(
    r"(?P<kind>input_cost_per_token|output_cost_per_token|output_cost_per_reasoning_token"
    r"|cache_read_input_token_cost|cache_creation_input_token_cost_above_1hr|cache_creation_input_token_cost)"
    r"(?:_above_(?P<thousands>\d+)k_tokens)?(?P<mode>_batches|_flex|_priority)?"
)
_KIND_OF_KEY = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "output_cost_per_reasoning_token": "reasoning",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
}
_MODE_OF_SUFFIX = {None: STANDARD, "_batches": "batch", "_flex": "flex", "_priority": "priority"}
_MODES = (STANDARD, "batch", "flex", "priority", "fast")


#: Epoch µs from which they hold, and LiteLLM's cost keys in USD per token.
DatedCosts = tuple[int, Mapping[str, Decimal]]


class _Provider(msgspec.Struct):
    """One provider of the table. `fallback` names those whose models it sells too."""

    fallback: tuple[str, ...]
    models: list[dict[str, Any]]


class _Table(msgspec.Struct):
    """The file, its providers unread."""

    version: str
    date: str
    providers: dict[str, msgspec.Raw]


class PriceBook:
    """The table, read provider by provider when a deployment needs it."""

    def __init__(self, data: bytes, clock: Clock) -> None:
        table = msgspec.json.decode(data, type=_Table)
        self.version = f"{table.version} ({table.date})"
        self._clock = clock
        self._raw = table.providers
        self._providers: dict[str, _Provider] = {}

    @classmethod
    def load(cls, clock: Clock | None = None) -> PriceBook:
        """The packaged table."""
        data = resources.files("sekisho.ledger").joinpath("data/prices.json").read_bytes()
        return cls(data, clock or SystemClock())

    def resolve(
        self,
        price_key: str,
        model: str,
        costs: Mapping[str, Decimal],
        host: str = "",
        dated: Sequence[DatedCosts] = (),
    ) -> Rates | None:
        """The rates of `model` at the provider `price_key` ("" where it has no public prices), or None if unknown.

        `model` is written as its provider or LiteLLM writes it (ledger/names.py); `host` is where it is called, which
        may cost more (ledger/terms.py). `costs` are LiteLLM's cost keys in USD per token: a base key replaces the price
        of its kind of token whole, tiers, places and ways of processing included; kinds that no key names keep the
        table's price. Input and output at 0 declare the model free. `dated` are further ones with the time from which
        they hold, in its order, each over all before it; where nothing else is known, the first holds for the time
        before, too. The same call twice gives equal rates; it takes some 100 µs, so keep the result.
        """
        names = names_of(price_key, model)
        name, entry = next(
            ((each, found) for each in names.names if (found := self._find(price_key, each))), ("", None)
        )
        ratio = place_ratio(price_key, name, names.place or host)
        listed = self._sheets(price_key, name, entry) if entry is not None else {}
        sheets = {mode: scaled(phases, ratio) for mode, phases in listed.items()} if ratio != (1, 1) else listed
        version = self.version if ratio == (1, 1) else f"{self.version} x{ratio[0]}/{ratio[1]}"
        if any(_overrides(each) for each in (costs, *(later for _, later in dated))):
            return self._overridden(costs, dated, sheets, version)
        return Rates.of(version, sheets, self._clock, geography_ratios(price_key, name)) if sheets else None

    def window(self, price_key: str, model: str) -> int | None:
        """Tokens of the longest prompt that a model takes, from above (the table rounds); None where nobody says."""
        names = names_of(price_key, model).names
        entry = next((found for each in names if (found := self._match(price_key, each))), {})
        tokens: int | None = entry.get("window")
        return None if tokens is None else tokens + tokens // 20

    def _sheets(self, price_key: str, name: str, entry: Mapping[str, Any]) -> dict[str, tuple[Phase, ...]]:
        """The prices by way of processing: those listed, and those that follow from the standard price."""
        listed = {mode: _phases(entry, mode) for mode in _MODES if mode in entry}
        derived = tier_ratios(price_key, name).items()
        return {mode: scaled(listed[STANDARD], ratio) for mode, ratio in derived} | listed

    def _overridden(
        self,
        costs: Mapping[str, Decimal],
        dated: Sequence[DatedCosts],
        sheets: dict[str, tuple[Phase, ...]],
        version: str,
    ) -> Rates | None:
        digest = _digest(costs, dated, version if sheets else "")
        spans = [(0, _merged(sheets, costs))]
        so_far = dict(costs)
        for from_us, later in dated:
            so_far |= later
            merged = _merged(sheets, so_far)
            # What nobody knew a price of before had this one all the time.
            spans = [*spans, (from_us, merged)] if _is_known(spans[0][1]) else [(0, merged)]
        modes = {mode for _, merged in spans for mode in merged}
        phases = {
            mode: tuple(
                msgspec.structs.replace(phase, from_us=max(phase.from_us, from_us))
                for from_us, merged in spans
                for phase in merged.get(mode, merged[STANDARD])
            )
            for mode in modes
        }
        return Rates.of(f"config:{digest}", phases, self._clock) if _is_known(phases) else None

    def _find(self, price_key: str, name: str) -> dict[str, Any] | None:
        """The table's entry of a lower-case name, None where it has none or no price by token."""
        entry = self._match(price_key, name)
        return entry if entry is not None and STANDARD in entry else None

    def _match(self, price_key: str, name: str) -> dict[str, Any] | None:
        provider = self._provider(price_key)
        if provider is None:
            return None
        own = _first_match(provider.models, name)
        if own is not None:
            return own
        for other in filter(None, map(self._provider, provider.fallback)):
            entry = _first_match(other.models, name)
            if entry is not None:
                # Another vendor's model: its standard price is known here, its other ways of processing are not.
                return {key: value for key, value in entry.items() if key not in _MODES or key == STANDARD}
        return None

    def _provider(self, price_key: str) -> _Provider | None:
        if price_key not in self._providers and price_key in self._raw:
            self._providers[price_key] = msgspec.json.decode(self._raw[price_key], type=_Provider)
        return self._providers.get(price_key)


def unread_costs(costs: Mapping[str, Decimal]) -> tuple[str, ...]:
    """The cost keys that no rate is made of (per second, per image, …): to be named, not passed over."""
    return tuple(sorted(key for key in costs if _COST_KEY.fullmatch(key) is None))


def _merged(sheets: dict[str, tuple[Phase, ...]], costs: Mapping[str, Decimal]) -> dict[str, tuple[Phase, ...]]:
    """The prices by way of processing, under cost keys."""
    overrides = _overrides(costs)
    own = overrides.get(STANDARD, {})
    if not sheets or _is_free(own):
        sheets = {STANDARD: (Phase(sheet={}),)}
    return {
        mode: tuple(
            msgspec.structs.replace(phase, sheet=_laid_over(_laid_over(phase.sheet, own), overrides.get(mode, {})))
            for phase in sheets.get(mode, sheets[STANDARD])
        )
        for mode in {STANDARD, *sheets, *overrides}
    }


def _is_known(phases: Mapping[str, tuple[Phase, ...]]) -> bool:
    return any("input" in phase.sheet for phase in phases[STANDARD])


class _Override(msgspec.Struct):
    """What cost keys say of one kind of token; `base` None leaves the table's."""

    base: int | None = None
    steps: tuple[tuple[int, int], ...] = ()

    def over(self, price: Price | None) -> Price:
        """The price where the table has `price`. A tier alone, with nothing beneath it, holds from the first token."""
        if self.base is not None:
            return Price(self.base, self.steps)
        return Price(price.base if price is not None else self.steps[0][1], self.steps)


def _overrides(costs: Mapping[str, Decimal]) -> dict[str, dict[str, _Override]]:
    """Cost keys by way of processing and kind of token."""
    found: dict[str, dict[str, _Override]] = {}
    for key, usd in costs.items():
        match = _COST_KEY.fullmatch(key)
        if match is None:
            continue
        kinds = found.setdefault(_MODE_OF_SUFFIX[match["mode"]], {})
        override = kinds.setdefault(_KIND_OF_KEY[match["kind"]], _Override())
        rate = rate_nano_usd_per_mtok(usd)
        if match["thousands"] is None:
            override.base = rate
        else:
            override.steps = tuple(sorted((*override.steps, (int(match["thousands"]) * 1_000, rate))))
    return found


def _is_free(overrides: Mapping[str, _Override]) -> bool:
    """The operator declares a model free by an input and an output price of 0."""
    return all(kind in overrides and overrides[kind].base == 0 for kind in ("input", "output"))


def _laid_over(sheet: Sheet, overrides: Mapping[str, _Override]) -> Sheet:
    return sheet | {kind: override.over(sheet.get(kind)) for kind, override in overrides.items()}


def _digest(costs: Mapping[str, Decimal], dated: Sequence[DatedCosts], table: str) -> str:
    """Names a set of overrides, and the table beneath them."""
    text = ";".join([table, *_told(costs), *(f"from {from_us};{';'.join(_told(later))}" for from_us, later in dated)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _told(costs: Mapping[str, Decimal]) -> list[str]:
    return [f"{key}={costs[key].normalize()}" for key in sorted(costs)]


def _phases(entry: Mapping[str, Any], mode: str) -> tuple[Phase, ...]:
    return tuple(
        Phase(
            from_us=0 if day is None else _midnight_us(day),
            daily_seconds=None if daily is None else (daily[0], daily[1]),
            sheet={kind: _price(prices[kind]) for kind in KINDS if kind in prices},
        )
        for day, daily, prices in entry[mode]
    )


def _price(value: int | list[Any]) -> Price:
    if isinstance(value, int):
        return Price(value)
    base, *steps = value
    return Price(base, tuple((above, price) for above, price in steps))


def _midnight_us(day: str) -> int:
    moment = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    return round(moment.timestamp()) * 1_000_000


def _first_match(models: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((model for model in models if _holds(model["match"], name)), None)


def _holds(clause: Mapping[str, Any], name: str) -> bool:
    """Whether a clause of the table recognises a lower-case model name."""
    ((kind, value),) = clause.items()
    return _TESTS[kind](value, name)


_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "equals": lambda text, name: name == text.lower(),
    "starts_with": lambda text, name: name.startswith(text.lower()),
    "ends_with": lambda text, name: name.endswith(text.lower()),
    "contains": lambda text, name: text.lower() in name,
    "regex": lambda pattern, name: re.search(pattern, name) is not None,
    "or": lambda parts, name: any(_holds(part, name) for part in parts),
    "and": lambda parts, name: all(_holds(part, name) for part in parts),
}
