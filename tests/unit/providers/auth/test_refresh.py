from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.errors import ErrorClass, UpstreamError
from sekisho.providers.auth.refresh import (
    DOUBT_SECONDS,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    Fixed,
    Lease,
    Refreshed,
    credential_error,
)
from tests.support.waiting import eventually

HOUR = 3600


class Source:
    """A token service: numbered credentials with a lifetime, or a failure; it may be made to wait."""

    def __init__(self, clock: FakeClock, lifetime_seconds: float | None = HOUR) -> None:
        self.clock = clock
        self.lifetime_seconds = lifetime_seconds
        self.calls = 0
        self.fails = False
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def __call__(self) -> Lease[int]:
        self.calls += 1
        self.entered.set()
        self.open.wait(10)
        if self.fails:
            raise credential_error("Let the role be assumed.", "AccessDenied")
        if self.lifetime_seconds is None:
            return Lease(self.calls, None)
        return Lease(self.calls, self.clock.now_us() + round(self.lifetime_seconds * 1_000_000))


def made(lifetime_seconds: float | None = HOUR) -> tuple[Refreshed[int], Source, FakeClock]:
    clock = FakeClock()
    source = Source(clock, lifetime_seconds)
    return Refreshed("role/dev", source, clock), source, clock


async def until(condition: Callable[[], bool]) -> None:
    async def ask() -> bool:
        return condition()

    await eventually(ask, "the condition")


async def test_a_hundred_callers_cause_one_fetch() -> None:
    fresh, source, _ = made()
    assert not fresh.ready()
    await asyncio.gather(*(fresh.prepare() for _ in range(100)))
    assert (fresh.ready(), fresh.value(), source.calls) == (True, 1, 1)


async def test_a_caller_who_gives_up_takes_nothing_from_the_others() -> None:
    fresh, source, _ = made()
    source.open.clear()
    first, second = (asyncio.create_task(fresh.prepare()) for _ in range(2))
    await until(source.entered.is_set)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.open.set()
    await second
    assert (fresh.value(), source.calls) == (1, 1)


async def test_the_loop_goes_on_while_a_fetch_blocks() -> None:
    fresh, source, _ = made()
    source.open.clear()
    waiting = asyncio.create_task(fresh.prepare())
    await until(source.entered.is_set)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not waiting.done()
    source.open.set()
    await waiting
    assert fresh.ready()


async def test_fresh_credentials_are_not_fetched_again() -> None:
    fresh, source, clock = made()
    await fresh.prepare()
    clock.advance(HOUR - REFRESH_SECONDS - 1)
    await fresh.prepare()
    assert source.calls == 1


async def test_what_never_ends_is_fetched_once() -> None:
    fresh, source, clock = made(None)
    await fresh.prepare()
    clock.advance(365 * 24 * HOUR)
    await fresh.prepare()
    assert (fresh.ready(), source.calls) == (True, 1)


async def test_a_refresh_is_in_the_background_and_nobody_waits_for_it() -> None:
    fresh, source, clock = made()
    await fresh.prepare()
    clock.advance(HOUR - REFRESH_SECONDS)
    source.open.clear()
    for _ in range(100):
        await fresh.prepare()
        assert fresh.value() == 1
    await until(source.entered.is_set)
    source.open.set()
    await until(lambda: fresh.value() == 2)
    assert source.calls == 2


@pytest.mark.parametrize("lifetime_seconds", [1.0, 60.0, 900.0])
async def test_short_lives_are_refreshed_in_their_last_quarter(lifetime_seconds: float) -> None:
    fresh, source, clock = made(lifetime_seconds)
    await fresh.prepare()
    clock.advance(lifetime_seconds * 0.7)
    await fresh.prepare()
    assert source.calls == 1
    clock.advance(lifetime_seconds * 0.1)
    await fresh.prepare()
    await until(lambda: fresh.value() == 2)
    assert source.calls == 2


async def test_after_the_end_callers_wait_for_new_ones() -> None:
    fresh, source, clock = made()
    await fresh.prepare()
    clock.advance(HOUR)
    assert not fresh.ready()
    await fresh.prepare()
    assert (fresh.value(), source.calls) == (2, 2)


async def test_a_failed_refresh_keeps_the_old_ones_while_they_are_valid(caplog: pytest.LogCaptureFixture) -> None:
    fresh, source, clock = made()
    await fresh.prepare()
    source.fails = True
    clock.advance(HOUR - 60)
    with caplog.at_level(logging.WARNING):
        await fresh.prepare()
        await until(lambda: bool(caplog.records))
    assert caplog.records[0].getMessage() == "credentials for role/dev were not renewed: Let the role be assumed."
    await fresh.prepare()
    assert (fresh.value(), source.calls) == (1, 2)
    clock.advance(RETRY_SECONDS)
    source.fails = False
    await fresh.prepare()
    await until(lambda: fresh.value() == 3)
    assert fresh.ready()


async def test_without_valid_ones_a_failure_is_told_and_not_repeated_at_once() -> None:
    fresh, source, clock = made()
    source.fails = True
    for _ in range(3):
        with pytest.raises(UpstreamError, match=r"Let the role be assumed\.") as caught:
            await fresh.prepare()
        assert caught.value.info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
        assert (caught.value.info.status, caught.value.info.code) == (502, "AccessDenied")
    assert source.calls == 1
    clock.advance(RETRY_SECONDS)
    source.fails = False
    await fresh.prepare()
    assert (fresh.value(), source.calls) == (2, 2)


async def test_there_is_no_value_before_prepare() -> None:
    fresh, _, _ = made()
    with pytest.raises(UpstreamError, match="role/dev"):
        fresh.value()


async def test_refused_credentials_are_fetched_anew_once() -> None:
    fresh, source, clock = made()
    await fresh.prepare()
    clock.advance(DOUBT_SECONDS)
    assert fresh.doubt()
    assert not fresh.ready()
    await fresh.prepare()
    # The refusals of the other requests that were under way with the old ones arrive late.
    assert all(fresh.doubt() for _ in range(100))
    await fresh.prepare()
    assert (fresh.value(), source.calls) == (2, 2)


async def test_a_defect_in_a_fetch_is_not_hidden() -> None:
    def broken() -> Lease[int]:
        raise ZeroDivisionError

    fresh = Refreshed("role/dev", broken, FakeClock())
    with pytest.raises(ZeroDivisionError):
        await fresh.prepare()
    with pytest.raises(ZeroDivisionError):
        await fresh.prepare()


async def test_what_only_the_operator_changes_is_never_doubted() -> None:
    fixed = Fixed(7)
    await fixed.prepare()
    assert (fixed.ready(), fixed.value(), fixed.doubt()) == (True, 7, False)
