from __future__ import annotations

import asyncio

import pytest

from sekisho.exchange.watchdog import Watchdog, own_task

FOREVER = 3600.0


async def wait_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("total", "phase", "seconds", "expired"),
    [
        (FOREVER, "first_byte", 0.01, ("first_byte", 0.01)),
        (0.01, "between_chunks", FOREVER, ("total", 0.01)),
    ],
)
async def test_the_phase_over_its_time_is_named(
    total: float, phase: str, seconds: float, expired: tuple[str, float]
) -> None:
    dog = Watchdog(own_task(), total, FOREVER)
    dog.enter(phase, seconds)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(wait_for_ever(), 5)
    own_task().uncancel()
    assert dog.expired == expired


async def test_a_touch_begins_the_time_anew() -> None:
    dog = Watchdog(own_task(), FOREVER, FOREVER)
    dog.enter("between_chunks", 0.08)
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.3
    while loop.time() < until:
        dog.touch()
        turned = loop.create_future()
        loop.call_later(0.01, turned.set_result, None)
        await turned
    dog.stop()
    assert dog.expired is None


async def test_a_caller_who_takes_nothing_is_not_the_providers_fault() -> None:
    dog = Watchdog(own_task(), FOREVER, 0.05)
    dog.enter("between_chunks", 0.01)
    dog.writing = True
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(wait_for_ever(), 5)
    own_task().uncancel()
    assert dog.expired == ("caller_stalled", 0.05)


async def test_a_silent_provider_makes_pings_and_still_times_out() -> None:
    pings: list[str] = []
    dog = Watchdog(own_task(), FOREVER, FOREVER)
    dog.ping_every(0.02, lambda: pings.append("ping"))
    dog.enter("first_byte", 0.2)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(wait_for_ever(), 5)
    own_task().uncancel()
    assert dog.expired == ("first_byte", 0.2)
    assert len(pings) >= 2


async def test_stopped_it_does_nothing() -> None:
    dog = Watchdog(own_task(), 0.01, 0.01)
    dog.enter("first_byte", 0.01)
    dog.stop()
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.05, done.set_result, None)
    await done
    assert (dog.expired, dog.total_over) == (None, True)


def test_outside_of_a_task_there_is_none() -> None:
    with pytest.raises(RuntimeError):
        own_task()
