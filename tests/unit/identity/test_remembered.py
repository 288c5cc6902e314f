from __future__ import annotations

import asyncio

import pytest

from sekisho.identity.remembered import Flight, Flights, Remembered, remember


def test_a_value_goes_with_anything_that_it_depends_on() -> None:
    memory = Remembered[int](9)
    memory.put("a", 1, {("team", "t"), ("key", "a")})
    memory.put("b", 2, {("team", "t"), ("key", "b")})
    memory.put("c", 3, {("key", "c")})
    memory.drop(("team", "t"))
    memory.drop(("team", "t"))
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (None, None, 3)


def test_a_value_put_again_depends_on_what_it_depends_on_now() -> None:
    memory = Remembered[int](9)
    memory.put("a", 1, {("team", "old")})
    memory.put("a", 2, {("team", "new")})
    memory.drop(("team", "old"))
    assert memory.get("a") == 2
    memory.clear()
    assert (memory.get("a"), len(memory)) == (None, 0)


def test_it_is_bounded_with_all_that_it_keeps_beside_the_values() -> None:
    memory = Remembered[int](3)
    for number in range(20):
        memory.put(f"{number}", number, {("key", f"{number}"), ("team", "t")})
    assert len(memory) == 3
    assert len(memory._names) == 4
    assert [memory.get(f"{number}") for number in range(16, 20)] == [None, 17, 18, 19]


def test_what_is_kept_of_forgotten_values_leaves_too() -> None:
    memory = Remembered[int](4)
    for number in range(40):
        memory.put(f"{number}", number, {("key", f"{number}"), ("team", f"{number % 3}")})
        memory.drop(("team", f"{number % 3}"))
    assert (len(memory), len(memory._needs) <= 4, len(memory._names) <= 7) == (0, True, True)
    memory.put("1", 1, {("team", "1")})
    memory.drop(("team", "1"))
    memory.put("1", 2, {("team", "2")})
    memory.drop(("team", "1"))
    assert memory.get("1") == 2


def test_a_bounded_cache_gives_up_its_first() -> None:
    cache: dict[str, int] = {}
    for number, name in enumerate("abc"):
        remember(cache, name, number, 2)
    assert cache == {"b": 1, "c": 2}


def test_a_flight_is_spoilt_by_what_it_needs_only() -> None:
    flight = Flight()
    flight.spoil(("team", "t"))
    assert flight.spoilt_by({("team", "t"), ("key", "k")})
    assert not flight.spoilt_by({("key", "k")})
    flight.spoil(None)
    assert flight.spoilt_by({("key", "k")})


async def test_many_who_ask_for_one_name_share_its_look_up() -> None:
    flights, gate, asked = Flights[str](), asyncio.Event(), list[str]()

    async def look_up(flight: Flight) -> str:
        asked.append("once")
        await gate.wait()
        return "spoilt" if flight.spoilt_by({("key", "k")}) else "good"

    waiting = [asyncio.ensure_future(flights.share("k", look_up)) for _ in range(20)]
    await asyncio.wait([waiting[0]], timeout=0.001)
    waiting[0].cancel()
    flights.spoil(("key", "k"))
    gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert set(answers[1:]) == {"spoilt"}
    assert await flights.share("k", look_up) == "good"
    assert asked == ["once", "once"]


async def test_a_look_up_that_fails_fails_for_all_and_is_tried_again() -> None:
    flights = Flights[str]()

    async def fails(_: Flight) -> str:
        raise OSError

    async def works(_: Flight) -> str:
        return "good"

    for _ in range(2):
        with pytest.raises(OSError, match=r"^$"):
            await flights.share("k", fails)
    assert await flights.share("k", works) == "good"
