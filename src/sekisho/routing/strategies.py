"""In which order deployments of one name are tried.

Flows in: those that may be called now, how each stands, the operator's strategy. Flows out: the same, in order. Must
stay true: a deployment that has probably stalled comes last, then `order` holds over every strategy; what a strategy
finds equal is shuffled in proportion to weights, so that no deployment is first for everybody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sekisho.config.sections import StrategyArguments
from sekisho.providers.deployment import Deployment
from sekisho.routing.board import Standing

#: The price of a thousand tokens in and two hundred out, in any unit; None where it is not known.
Price = Callable[[Deployment], float | None]
#: A number from 0 up to 1.
Chance = Callable[[], float]
_NO_ORDER: Final = 10**12
_WEIGHTS: Final = ("weight", "rpm", "tpm")


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy looks at beside the standings."""

    now_us: int
    streams: bool
    arguments: StrategyArguments
    price: Price


def ranked(standings: Sequence[Standing], strategy: str, sight: Sight, chance: Chance) -> list[Standing]:
    """`standings` in the order to try them."""
    cost = _COSTS[strategy](standings, sight)
    shuffled = _race(standings, chance)
    return sorted(
        standings,
        key=lambda one: (one.doubtful(sight.now_us), level(one.deployment), cost.get(one, 0.0), shuffled[one]),
    )


def level(deployment: Deployment) -> int:
    """Its `order`; one without comes last."""
    order = deployment.entry.params.order
    return _NO_ORDER if order is None else order


def _race(standings: Sequence[Standing], chance: Chance) -> dict[Standing, float]:
    """Random places, such that each is first with a probability in proportion to its weight."""
    weights = _weights([one.deployment for one in standings])
    return {
        one: -math.log(1.0 - chance()) / weight if weight else math.inf
        for one, weight in zip(standings, weights, strict=True)
    }


def _weights(deployments: Sequence[Deployment]) -> list[float]:
    for name in _WEIGHTS:
        given = [getattr(one.entry.params, name) for one in deployments]
        known = [value for value in given if value is not None]
        if known:
            average = sum(known) / len(known)
            return [average if value is None else value for value in given]
    return [1.0] * len(deployments)


Costs = dict[Standing, float]


def _equal(_standings: Sequence[Standing], _sight: Sight) -> Costs:
    return {}


def _in_flight(standings: Sequence[Standing], _sight: Sight) -> Costs:
    return {one: float(one.in_flight) for one in standings}


def _seconds(standings: Sequence[Standing], sight: Sight) -> Costs:
    """What was not measured lately is tried first, so that it is."""
    kept_us = round(sight.arguments.ttl_seconds * 1_000_000)
    costs = {}
    for one in standings:
        pace = one.to_first if sight.streams else one.per_token
        costs[one] = pace.seconds(sight.now_us, kept_us) or 0.0
    fast = min(costs.values()) * (1 + sight.arguments.lowest_latency_buffer)
    return {one: 0.0 if seconds <= fast else seconds for one, seconds in costs.items()}


def _taken(standings: Sequence[Standing], sight: Sight) -> Costs:
    """The part of its minute that is taken; where no limits are known, tokens."""
    limited = any(one.deployment.entry.params.tpm or one.deployment.entry.params.rpm for one in standings)
    costs = {}
    for one in standings:
        requests, tokens = one.minute.used(sight.now_us)
        params = one.deployment.entry.params
        parts = [part / limit for part, limit in ((requests, params.rpm), (tokens, params.tpm)) if limit]
        costs[one] = max(parts, default=0.0) if limited else float(tokens)
    return costs


def _money(standings: Sequence[Standing], sight: Sight) -> Costs:
    prices = {one: sight.price(one.deployment) for one in standings}
    return {one: math.inf if price is None else price for one, price in prices.items()}


_COSTS: Final[dict[str, Callable[[Sequence[Standing], Sight], Costs]]] = {
    "simple-shuffle": _equal,
    "least-busy": _in_flight,
    "latency-based-routing": _seconds,
    "usage-based-routing": _taken,
    "usage-based-routing-v2": _taken,
    "cost-based-routing": _money,
}
