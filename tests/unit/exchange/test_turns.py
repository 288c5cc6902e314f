from __future__ import annotations

import asyncio

import pytest

from sekisho.exchange.turns import LARGE_BYTES, Turns


class Counted:
    """Which turn of the loop it is: one callback in each."""

    def __init__(self) -> None:
        self.turn = 0
        self._on = asyncio.get_running_loop().call_soon(self._count)

    def _count(self) -> None:
        self.turn += 1
        self._on = asyncio.get_running_loop().call_soon(self._count)

    def stop(self) -> None:
        self._on.cancel()


async def work(turns: Turns, counted: Counted, done: list[tuple[int, int]], number: int, pieces: int) -> None:
    for _ in range(pieces):
        await turns.take(LARGE_BYTES)
        done.append((number, counted.turn))


@pytest.mark.parametrize("pieces", [1, 3])
async def test_no_two_large_pieces_are_done_in_one_turn_of_the_loop(pieces: int) -> None:
    turns, counted, done = Turns(), Counted(), list[tuple[int, int]]()
    await asyncio.gather(*(work(turns, counted, done, number, pieces) for number in range(8)))
    counted.stop()
    at = [turn for _, turn in done]
    assert len(set(at)) == len(at) == 8 * pieces
    assert [number for number, _ in done[:8]] == list(range(8)), "first come, first served"


async def test_a_small_one_never_waits() -> None:
    turns, counted = Turns(), Counted()
    large = asyncio.ensure_future(turns.take(LARGE_BYTES))
    before = counted.turn
    await turns.take(LARGE_BYTES - 1)
    assert counted.turn == before
    counted.stop()
    await large


async def test_who_is_cancelled_while_waiting_takes_nobodys_turn() -> None:
    turns, counted, done = Turns(), Counted(), list[tuple[int, int]]()
    tasks = [asyncio.ensure_future(work(turns, counted, done, number, 1)) for number in range(4)]
    await asyncio.sleep(0)
    for task in tasks[1:3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    counted.stop()
    assert [number for number, _ in done] == [0, 3]


async def test_it_goes_on_after_a_pause() -> None:
    turns, counted, done = Turns(), Counted(), list[tuple[int, int]]()
    for number in range(3):
        await work(turns, counted, done, number, 1)
        for _ in range(5):
            await asyncio.sleep(0)
    counted.stop()
    assert [number for number, _ in done] == [0, 1, 2]
