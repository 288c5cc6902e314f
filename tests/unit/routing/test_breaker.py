from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.errors import ErrorClass
from sekisho.routing.breaker import FAULTS, LONGEST_SECONDS, Breaker, Cooldown
from tests.support.routes import error

RULE = Cooldown(seconds=5)
SECOND = 1_000_000


class Bench:
    """A breaker and its time."""

    def __init__(self, rule: Cooldown = RULE) -> None:
        self.breaker, self.rule, self.now_us = Breaker(), rule, 1000 * SECOND

    def fail(self, kind: ErrorClass, wait_seconds: float | None = None, begun_us: int | None = None) -> float | None:
        call, begun_us = object(), self.now_us if begun_us is None else begun_us
        self.breaker.begin(call, self.now_us)
        return self.breaker.fail(call, begun_us, self.now_us, error(kind, wait_seconds), self.rule)

    def succeed(self) -> bool:
        call = object()
        self.breaker.begin(call, self.now_us)
        return self.breaker.succeed(call, self.now_us)

    def wait(self, seconds: float) -> Bench:
        self.now_us += round(seconds * SECOND)
        return self

    def lets(self) -> bool:
        return self.breaker.lets(self.now_us)


@pytest.mark.parametrize("kind", [kind for kind in ErrorClass if kind not in FAULTS])
def test_what_the_caller_did_wrong_never_counts(kind: ErrorClass) -> None:
    bench = Bench()
    assert [bench.fail(kind) for _ in range(50)] == [None] * 50
    assert bench.lets()


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (ErrorClass.UPSTREAM_CREDENTIAL, 60),
        (ErrorClass.QUOTA_EXHAUSTED, 60),
    ],
)
def test_a_refusal_opens_it_at_once(kind: ErrorClass, seconds: float) -> None:
    bench = Bench()
    assert bench.fail(kind) == seconds
    assert not bench.lets()
    assert not bench.wait(seconds - 0.001).lets()
    assert bench.wait(0.001).lets()


@pytest.mark.parametrize("kind", [ErrorClass.OVERLOADED, ErrorClass.UPSTREAM_ERROR, ErrorClass.UPSTREAM_TIMEOUT])
def test_what_passes_opens_it_the_third_time_in_a_row(kind: ErrorClass) -> None:
    bench = Bench()
    assert (bench.fail(kind), bench.fail(kind)) == (None, None)
    bench.succeed()
    assert (bench.fail(kind), bench.fail(kind), bench.fail(kind)) == (None, None, 5)


def test_asking_to_slow_down_opens_it_the_second_time_in_a_row() -> None:
    bench = Bench()
    assert bench.fail(ErrorClass.RATE_LIMITED) is None, "a quota is near: most calls still get through"
    bench.succeed()
    assert (bench.fail(ErrorClass.RATE_LIMITED), bench.fail(ErrorClass.RATE_LIMITED)) == (None, 5)


@pytest.mark.parametrize(
    ("kind", "opens", "sure"),
    [(ErrorClass.RATE_LIMITED, 2, 4), (ErrorClass.OVERLOADED, 3, 6), (ErrorClass.UPSTREAM_ERROR, 3, 6)],
)
def test_what_may_have_failed_by_chance_is_mild_until_it_is_sure_to_fail(
    kind: ErrorClass, opens: int, sure: int
) -> None:
    bench = Bench()
    found = [(bench.fail(kind), bench.breaker.mild)[1] for _ in range(sure)]
    assert found == [False] * (opens - 1) + [True] * (sure - opens) + [False]
    assert not bench.lets()
    assert bench.succeed(), "a call that was made all the same went well"
    assert bench.lets()
    assert [bench.fail(kind) for _ in range(opens)][-1] == 5
    assert bench.breaker.mild, "it begins anew"


@pytest.mark.parametrize(
    ("kind", "wait_seconds", "rule"),
    [
        (ErrorClass.UPSTREAM_TIMEOUT, None, RULE),  # its callers have waited long
        (ErrorClass.QUOTA_EXHAUSTED, None, RULE),
        (ErrorClass.RATE_LIMITED, 5, RULE),  # it said for how long
        (ErrorClass.RATE_LIMITED, None, Cooldown(allowed_fails=0)),  # the operator said when
    ],
)
def test_nothing_else_is_mild(kind: ErrorClass, wait_seconds: float | None, rule: Cooldown) -> None:
    bench = Bench(rule)
    for _ in range(3):
        bench.fail(kind, wait_seconds)
    assert bench.breaker.until_us
    assert not bench.breaker.mild
    bench = Bench()
    for each in (ErrorClass.RATE_LIMITED, ErrorClass.RATE_LIMITED):
        bench.fail(each)
    assert bench.breaker.mild
    bench.rule = rule
    bench.fail(kind, wait_seconds)
    assert bench.breaker.mild == (rule is not RULE), "nor does it stay so"


def test_whoever_closes_it_ends_the_probing() -> None:
    bench = Bench()
    for _ in range(2):
        bench.fail(ErrorClass.RATE_LIMITED)
    probe = object()
    bench.wait(5).breaker.begin(probe, bench.now_us)
    assert not bench.lets()
    assert bench.succeed(), "another call, begun meanwhile"
    bench.fail(ErrorClass.RATE_LIMITED, 5)
    assert bench.wait(5).lets(), "the first probe is waited for no longer"


def test_a_number_of_failures_a_minute_is_borne_where_it_is_configured() -> None:
    bench = Bench(Cooldown(seconds=5, allowed_fails=2))
    for _ in range(2):
        assert bench.fail(ErrorClass.RATE_LIMITED) is None
        assert not bench.succeed(), "it was never open"
    assert bench.wait(61).fail(ErrorClass.UPSTREAM_ERROR) is None, "that minute is over"
    assert bench.fail(ErrorClass.UPSTREAM_ERROR) is None
    assert bench.fail(ErrorClass.UPSTREAM_ERROR) == 5


def test_a_number_by_class_holds_over_the_common_one() -> None:
    bench = Bench(Cooldown(seconds=5, allowed_fails=9, allowed_by_class={ErrorClass.UPSTREAM_TIMEOUT: 0}))
    assert bench.fail(ErrorClass.UPSTREAM_ERROR) is None
    assert bench.fail(ErrorClass.UPSTREAM_TIMEOUT) == 5


def test_the_providers_own_time_holds_and_is_bounded() -> None:
    assert Bench().fail(ErrorClass.RATE_LIMITED, 30) == 30
    assert Bench(Cooldown(allowed_fails=9)).fail(ErrorClass.OVERLOADED, 2) == 2, "it asked not to be called"
    assert Bench().fail(ErrorClass.RATE_LIMITED, 1e9) == LONGEST_SECONDS


def test_nothing_opens_it_where_cooldowns_are_off() -> None:
    bench = Bench(Cooldown(enabled=False))
    assert [bench.fail(ErrorClass.UPSTREAM_CREDENTIAL) for _ in range(9)] == [None] * 9
    assert bench.lets()


def test_half_open_one_call_tries_and_decides() -> None:
    bench = Bench()
    bench.fail(ErrorClass.RATE_LIMITED, 5)
    probe = object()
    bench.wait(5).breaker.begin(probe, bench.now_us)
    assert not bench.lets(), "one at a time"
    assert bench.breaker.fail(probe, bench.now_us, bench.now_us, error(ErrorClass.OVERLOADED), RULE) == 10
    bench.wait(10).breaker.begin(probe, bench.now_us)
    assert bench.breaker.succeed(probe, bench.now_us)
    assert bench.lets()
    assert bench.breaker.cause is None
    assert bench.fail(ErrorClass.RATE_LIMITED, 5) == 5, "it begins anew"


def test_a_probe_that_proves_nothing_leaves_room_for_another() -> None:
    bench = Bench()
    bench.fail(ErrorClass.RATE_LIMITED, 5)
    probe = object()
    bench.wait(5).breaker.begin(probe, bench.now_us)
    bench.breaker.leave(object())
    assert not bench.lets()
    bench.breaker.leave(probe)
    assert bench.lets()


def test_each_failed_probe_doubles_the_time_up_to_a_bound() -> None:
    bench = Bench()
    times = [bench.fail(ErrorClass.RATE_LIMITED, 5)]
    for _ in range(12):
        bench.wait(LONGEST_SECONDS)
        times.append(bench.fail(ErrorClass.RATE_LIMITED, 5))
    assert times[:4] == [5, 10, 20, 40]
    assert times[-1] == LONGEST_SECONDS


def test_calls_that_began_before_it_opened_change_nothing() -> None:
    bench = Bench()
    early_us = bench.now_us
    bench.wait(1).fail(ErrorClass.RATE_LIMITED, 5)
    assert bench.fail(ErrorClass.RATE_LIMITED, 5, begun_us=early_us) is None
    assert not bench.breaker.succeed(object(), early_us)
    assert not bench.lets()
    assert bench.wait(5).lets()


def test_a_call_made_all_the_same_may_close_it_or_say_how_long() -> None:
    """What is the only one of its name is called while it is open."""
    bench = Bench()
    bench.fail(ErrorClass.RATE_LIMITED, 5)
    assert bench.fail(ErrorClass.RATE_LIMITED, 30) is None
    assert not bench.wait(29).lets()
    assert bench.succeed()
    assert bench.lets()


OUTCOMES = st.tuples(
    st.sampled_from(["fail", "succeed", "leave"]),
    st.sampled_from(sorted(FAULTS)),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.floats(0, 1000),
)


@given(outcomes=st.lists(OUTCOMES, max_size=40))
def test_it_is_never_shut_for_longer_than_the_bound(outcomes: list[tuple[str, Any, float | None, float]]) -> None:
    bench = Bench()
    for what, kind, wait_seconds, pause_seconds in outcomes:
        call = object()
        bench.breaker.begin(call, bench.now_us)
        if what == "fail":
            bench.breaker.fail(call, bench.now_us, bench.now_us, error(kind, wait_seconds), RULE)
        elif what == "succeed":
            bench.breaker.succeed(call, bench.now_us)
        else:
            bench.breaker.leave(call)
        assert bench.breaker.until_us <= bench.now_us + LONGEST_SECONDS * SECOND
        assert bench.breaker.probe is None
        bench.wait(pause_seconds)
    assert bench.wait(LONGEST_SECONDS).lets()
