from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from sekisho.config.sections import StrategyArguments
from sekisho.core.clock import FakeClock
from sekisho.core.errors import ErrorClass
from sekisho.providers.deployment import Deployment
from sekisho.routing.board import Board
from sekisho.routing.breaker import Cooldown
from sekisho.routing.strategies import Price, Sight, level, ranked
from tests.support.routes import deployment, error, in_order


class Field:
    """Deployments on a board, and the order in which a strategy puts them."""

    def __init__(self, *deployments: Deployment) -> None:
        self.clock = FakeClock()
        self.board = Board(self.clock)
        self.standings = [self.board.standing(one) for one in deployments]

    def order(self, strategy: str = "simple-shuffle", price: Price = lambda _: None, **more: Any) -> list[str]:
        chance = more.pop("chance", None) or in_order()
        streams = more.pop("streams", True)
        sight = Sight(now_us=self.board.now_us(), streams=streams, arguments=StrategyArguments(**more), price=price)
        return [one.deployment.id for one in ranked(self.standings, strategy, sight, chance)]

    def answer(self, at: int, seconds: float, *, streams: bool = True, tokens: int = 10, output: int = 10) -> None:
        flight = self.board.begin(self.standings[at].deployment, tokens, streams=streams)
        self.clock.advance(seconds)
        self.board.answered(flight)
        self.board.succeeded(flight, tokens, output)


def shares(**params: Any) -> list[float]:
    """How often each of three deployments is first, of which the first two have these parameters."""
    first = {name: value[0] for name, value in params.items()}
    second = {name: value[1] for name, value in params.items()}
    field = Field(deployment("m", "a", **first), deployment("m", "b", **second), deployment("m", "c"))
    chance = random.Random(7).random
    counts = Counter(field.order(chance=chance)[0] for _ in range(4000))
    return [counts[ident] / 4000 for ident in "abc"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [1 / 3, 1 / 3, 1 / 3]),
        ({"weight": (1.0, 3.0)}, [1 / 6, 1 / 2, 1 / 3]),
        ({"rpm": (10, 30)}, [1 / 6, 1 / 2, 1 / 3]),
        ({"tpm": (10, 30)}, [1 / 6, 1 / 2, 1 / 3]),
        ({"weight": (3.0, 1.0), "rpm": (10, 30)}, [1 / 2, 1 / 6, 1 / 3]),
        ({"weight": (0.0, 2.0)}, [0, 2 / 3, 1 / 3]),
    ],
    ids=["equal", "weight", "rpm", "tpm", "weight before rpm", "none"],
)
def test_shuffled_in_proportion_to_weights(params: dict[str, Any], expected: list[float]) -> None:
    assert shares(**params) == pytest.approx(expected, abs=0.03)


def test_a_deployment_without_weight_is_the_last_not_lost() -> None:
    field = Field(deployment("m", "a", weight=0.0), deployment("m", "b", weight=1.0))
    assert field.order() == ["b", "a"]


def test_the_least_busy_comes_first() -> None:
    field = Field(deployment("m", "a"), deployment("m", "b"), deployment("m", "c"))
    for at in (0, 0, 2):
        field.board.begin(field.standings[at].deployment, 1, streams=False)
    assert field.order("least-busy") == ["b", "c", "a"]


def test_the_fastest_comes_first_after_what_was_not_measured() -> None:
    field = Field(deployment("m", "slow"), deployment("m", "fast"), deployment("m", "new"))
    field.answer(0, 4)
    field.answer(1, 1)
    assert field.order("latency-based-routing") == ["new", "fast", "slow"]
    field.answer(2, 2)
    assert field.order("latency-based-routing") == ["fast", "new", "slow"]
    assert field.order("latency-based-routing", lowest_latency_buffer=1.0) == ["fast", "new", "slow"]
    assert field.order("latency-based-routing", lowest_latency_buffer=3.0) == ["slow", "fast", "new"]
    field.clock.advance(30)
    assert field.order("latency-based-routing", ttl_seconds=20) == ["slow", "fast", "new"]


def test_whole_answers_are_compared_by_the_token() -> None:
    field = Field(deployment("m", "long"), deployment("m", "slow"))
    field.answer(0, 10, streams=False, output=1000)
    field.answer(1, 5, streams=False, output=10)
    assert field.order("latency-based-routing", streams=False) == ["long", "slow"]


@pytest.mark.parametrize("strategy", ["usage-based-routing", "usage-based-routing-v2"])
def test_the_most_room_comes_first(strategy: str) -> None:
    field = Field(deployment("m", "a", tpm=1000), deployment("m", "b", tpm=100), deployment("m", "c", rpm=2))
    field.answer(0, 0, tokens=300)
    field.answer(1, 0, tokens=20)
    field.answer(2, 0, tokens=5)
    assert field.order(strategy) == ["b", "a", "c"]
    free = Field(deployment("m", "a"), deployment("m", "b"))
    free.answer(0, 0, tokens=300)
    assert free.order(strategy) == ["b", "a"]


def test_the_cheapest_comes_first_and_the_unknown_last() -> None:
    field = Field(*(deployment("m", ident) for ident in ("unknown", "dear", "cheap")))
    prices = {"dear": 5.0, "cheap": 1.0}
    assert field.order("cost-based-routing", price=lambda one: prices.get(one.id)) == ["cheap", "dear", "unknown"]


def test_order_holds_over_every_strategy() -> None:
    field = Field(deployment("m", "none"), deployment("m", "two", order=2), deployment("m", "one", order=1))
    field.board.begin(field.standings[2].deployment, 1, streams=False)
    assert field.order("least-busy") == ["one", "two", "none"]
    assert [level(one.deployment) for one in field.standings][1:] == [2, 1]


def test_what_has_probably_stalled_comes_last() -> None:
    field = Field(deployment("m", "a", order=1), deployment("m", "b", order=2))
    silent = field.board.begin(field.standings[0].deployment, 1, streams=True)
    field.clock.advance(6)
    assert field.order() == ["b", "a"]
    field.board.failed(silent, error(ErrorClass.UPSTREAM_TIMEOUT), Cooldown())
    assert field.order() == ["a", "b"]
