from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from sekisho.core.errors import Overloaded
from sekisho.identity.custom.thread import AT_ONCE, FunctionThread


@pytest.fixture
def made() -> Iterator[Callable[..., FunctionThread]]:
    threads: list[FunctionThread] = []

    def make(function: Callable[..., object]) -> FunctionThread:
        threads.append(FunctionThread(function))
        return threads[-1]

    yield make
    for thread in threads:
        thread.close()


async def test_all_calls_see_one_event_loop_that_is_not_the_gateways(made: Callable[..., FunctionThread]) -> None:
    async def seen(name: str) -> tuple[str, int]:
        return name, id(asyncio.get_running_loop())

    thread = made(seen)
    answers = [await thread.call(30, name) for name in "ab"]
    assert [name for name, _ in answers] == ["a", "b"]
    assert len({loop for _, loop in answers} | {id(asyncio.get_running_loop())}) == 2


async def test_an_object_that_is_called_may_wait_too(made: Callable[..., FunctionThread]) -> None:
    class Asked:
        async def __call__(self, name: str) -> str:
            return name.upper()

    assert await made(Asked()).call(30, "a") == "A"


async def test_a_plain_function_runs_beside_others(made: Callable[..., FunctionThread]) -> None:
    both_are_here = threading.Barrier(2, timeout=30)

    def meet(_name: str) -> int:
        return both_are_here.wait()

    thread = made(meet)
    assert sorted(await asyncio.gather(thread.call(30, "a"), thread.call(30, "b"))) == [0, 1]


async def test_what_it_raises_is_raised(made: Callable[..., FunctionThread]) -> None:
    def plain() -> None:
        raise LookupError("plain")

    async def waiting() -> None:
        raise LookupError("waiting")

    for function in (plain, waiting):
        with pytest.raises(LookupError, match=function.__name__):
            await made(function).call(30)


async def test_it_is_waited_for_so_long(made: Callable[..., FunctionThread]) -> None:
    may_end, ended = threading.Event(), threading.Event()

    async def hangs() -> None:
        await asyncio.Event().wait()

    async def blocks() -> None:
        may_end.wait(30)
        ended.set()

    try:
        for function in (hangs, blocks):
            with pytest.raises(TimeoutError):
                await made(function).call(0.01)
    finally:
        may_end.set()
    assert await asyncio.to_thread(ended.wait, 30)


async def test_plain_functions_that_hang_are_bounded(made: Callable[..., FunctionThread]) -> None:
    may_end = threading.Event()
    thread = made(lambda: may_end.wait(30))
    running = [asyncio.create_task(thread.call(30)) for _ in range(AT_ONCE)]
    one_more = asyncio.create_task(thread.call(30))
    try:
        with pytest.raises(Overloaded):
            await one_more
    finally:
        may_end.set()
    assert await asyncio.gather(*running) == [True] * AT_ONCE


async def test_what_runs_when_it_is_closed_is_still_answered(made: Callable[..., FunctionThread]) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        may_end.wait(30)
        return "done"

    thread = made(slow)
    running = asyncio.create_task(thread.call(30))
    assert await asyncio.to_thread(begun.wait, 30)
    thread.close()
    may_end.set()
    assert await running == "done"
