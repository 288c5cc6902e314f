"""Routing under fire, in virtual time: six deployments of which three fail, each in its way, and 10,000 calls.

In: what each deployment does with a call. Out: what callers saw, how often providers were called, what the log says.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from sekisho.core.errors import ErrorClass, Overloaded
from sekisho.providers.deployment import Deployment
from tests.support.routes import WISH, Yard, deployment, error

CALLS, CALLERS = 10_000, 32
NAMES = [f"{region}-{account}" for region in ("tokyo", "oregon", "dublin") for account in ("one", "two")]
STALL_SECONDS = 10.0
#: (seconds until it is known, the failure or None, seconds of the answer after that)
Answer = tuple[float, ErrorClass | None, float]


@dataclass
class Outcome:
    """What came of all calls."""

    served: Counter[str] = field(default_factory=Counter)
    upstream: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    waits_seconds: list[float] = field(default_factory=list)
    sessions: dict[str, list[str]] = field(default_factory=dict)


class Fire:
    """Callers that each make one call after the other, against deployments that answer as they are told to."""

    def __init__(self, yard: Yard, answer: Callable[[str, float], Answer], *, sessions: bool = False) -> None:
        self.yard, self._answer, self._sessions = yard, answer, sessions
        self.outcome = Outcome()
        self._began_us = yard.clock.now_us()
        self._left = CALLS

    def run(self) -> Outcome:
        numbers = itertools.count()
        waiting = [(0.0, next(numbers), self._caller(at)) for at in range(CALLERS)]
        while waiting:
            at_seconds, _, caller = heapq.heappop(waiting)
            self.yard.clock.advance(max(0.0, at_seconds - self.now))
            pause = next(caller, None)
            if pause is not None:
                heapq.heappush(waiting, (self.now + pause, next(numbers), caller))
        return self.outcome

    @property
    def now(self) -> float:
        return (self.yard.clock.now_us() - self._began_us) / 1_000_000

    def _caller(self, number: int) -> Iterator[float]:
        while self._left:
            self._left -= 1
            # A conversation of some forty turns.
            session = f"{number}-{self._left // (40 * CALLERS)}" if self._sessions else None
            yield from self._call(session)

    def _call(self, session: str | None) -> Iterator[float]:
        wish = msgspec.structs.replace(WISH, session_id=session)
        router, begun = self.yard.router, self.now
        try:
            plan = router.plan("m", wish)
        except Overloaded:
            self.outcome.refused += 1
            yield 1.0
            return
        for one in plan.deployments:
            if not router.can_begin(one):
                continue
            flight = router.begin(one, plan, wish)
            self.outcome.upstream[one.id] += 1
            first_seconds, failure, rest_seconds = self._answer(one.id, self.now)
            yield first_seconds
            if failure is not None:
                router.failed(flight, error(failure))
                continue
            router.answered(flight, plan)
            self.outcome.served[one.id] += 1
            self.outcome.waits_seconds.append(self.now - begun)
            self.outcome.sessions.setdefault(session or "", []).append(one.id)
            yield rest_seconds
            router.succeeded(flight, 10, 10)
            return
        self.outcome.refused += 1


def six(**params: Any) -> list[Deployment]:
    return [deployment("m", name, **params) for name in NAMES]


def burning(until_seconds: float = 1e9) -> Callable[[str, float], Answer]:
    """One throttles, one stalls, one drops the connection before the first content; the others are well."""
    dice = random.Random(11)

    def answer(name: str, now: float) -> Answer:
        if now < until_seconds:
            if name == "tokyo-one":
                return 0.05, ErrorClass.RATE_LIMITED, 0.0
            if name == "oregon-two":
                return STALL_SECONDS, ErrorClass.UPSTREAM_TIMEOUT, 0.0
            if name == "dublin-one":
                return 0.2, ErrorClass.UPSTREAM_ERROR, 0.0
        return dice.uniform(0.3, 0.9), None, dice.uniform(0.5, 3.0)

    return answer


@pytest.mark.parametrize(
    "strategy", ["simple-shuffle", "least-busy", "latency-based-routing", "usage-based-routing", "cost-based-routing"]
)
def test_nobody_sees_a_failure_while_a_deployment_is_well(strategy: str) -> None:
    yard = Yard(*six(), chance=random.Random(5).random, strategy=strategy)
    outcome = Fire(yard, burning()).run()
    assert (outcome.served.total(), outcome.refused) == (CALLS, 0)
    assert outcome.upstream.total() <= 1.05 * CALLS, outcome.upstream
    waits = sorted(outcome.waits_seconds)
    assert waits[int(0.98 * CALLS)] < 1.5, "hardly anybody waits for what fails"
    assert {standing.in_flight for standing in yard.memory.board._standings.values()} == {0}


def test_cooldown_and_recovery_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    outcome = Fire(Yard(*six(), chance=random.Random(5).random), burning(until_seconds=120)).run()
    assert (outcome.served.total(), outcome.refused) == (CALLS, 0)
    lines = [record.getMessage() for record in caplog.records]
    for name in ("tokyo-one", "oregon-two", "dublin-one"):
        about = [line for line in lines if name in line]
        assert sum("cools down" in line for line in about) > 1, "probed, and found still broken"
        assert about[-1].startswith("deployment is back")
        assert outcome.served[name] > CALLS / 20, "it takes its share again"


def test_when_all_fail_callers_are_told_at_once() -> None:
    yard = Yard(*six(), chance=random.Random(5).random)
    outcome = Fire(yard, lambda _, now: (0.05, ErrorClass.RATE_LIMITED, 0.0) if now < 60 else (0.1, None, 0.1)).run()
    assert outcome.refused > 0
    assert outcome.served.total() > 0.7 * CALLS
    calls_while_broken = outcome.upstream.total() - outcome.served.total()
    assert calls_while_broken < 300, "cooled down, not hammered"


@pytest.mark.parametrize(("share", "bearable"), [(0.01, 1), (0.1, 30), (0.2, 200)])
def test_near_their_quotas_deployments_are_used_to_the_end(share: float, bearable: int) -> None:
    """Each of three refuses a part of its calls: that all three refuse one is as rare as chance has it."""
    dice = random.Random(3)

    def answer(_name: str, _now: float) -> Answer:
        if dice.random() < share:
            return 0.05, ErrorClass.RATE_LIMITED, 0.0
        return dice.uniform(0.3, 0.9), None, dice.uniform(0.5, 3.0)

    outcome = Fire(Yard(*six()[:3], chance=random.Random(5).random), answer).run()
    assert outcome.refused <= bearable
    assert outcome.upstream.total() <= 1.3 * CALLS


def test_a_conversation_keeps_its_place_through_the_fire() -> None:
    yard = Yard(*six(), chance=random.Random(5).random)
    outcome = Fire(yard, burning(), sessions=True).run()
    turns = list(outcome.sessions.values())
    stayed = sum(one == other for each in turns for one, other in itertools.pairwise(each))
    assert stayed / sum(len(each) - 1 for each in turns) >= 0.99
    assert len({each[0] for each in turns}) >= 3, "conversations are spread"


def test_limits_a_minute_are_kept_by_passing_over() -> None:
    yard = Yard(*six(rpm=500), chance=random.Random(5).random)
    fire = Fire(yard, lambda *_: (0.2, None, 0.5))
    outcome = fire.run()
    assert (outcome.served.total(), outcome.refused) == (CALLS, 0)
    assert max(outcome.upstream.values()) <= 500 * (fire.now // 60 + 1)
    assert yard.memory.board.standing(yard.router.deployments[0]).minute.requests <= 500
