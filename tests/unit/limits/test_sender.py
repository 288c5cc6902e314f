from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sekisho.limits.sender import Answer, Command, CommandFailed, Sender


class Store(Sender):
    """Answers each command with its first argument; "bad" fails, and all fails while it is away."""

    def __init__(self) -> None:
        super().__init__()
        self.away: Exception | None = None
        self.batches: list[list[str]] = []
        self.hung_up = 0

    async def _carry_out(self, batch: Sequence[Command]) -> list[Answer | CommandFailed]:
        await asyncio.sleep(0)
        if self.away is not None:
            raise self.away
        said = [command.arguments[0] for command in batch]
        self.batches.append(said)
        return [CommandFailed("bad") if word == "bad" else (word,) for word in said]

    async def _hang_up(self) -> None:
        self.hung_up += 1


async def test_what_waits_goes_together_and_in_order() -> None:
    store, heard = Store(), list[Answer]()
    store.post(Command("settle", ["a"], heard.append))
    assert list(await asyncio.gather(store.ask("used", ["b"]), store.ask("used", ["c"]))) == [("b",), ("c",)]
    assert store.batches == [["a"], ["b", "c"]]
    assert heard == [("a",)]


async def test_one_that_fails_fails_alone() -> None:
    store, heard = Store(), list[Answer]()
    store.post(Command("settle", ["bad"], heard.append))
    bad, good = await asyncio.gather(store.ask("used", ["bad"]), store.ask("used", ["x"]), return_exceptions=True)
    assert isinstance(bad, CommandFailed)
    assert good == ("x",)
    assert heard == []


async def test_while_the_store_is_away_what_was_settled_is_kept() -> None:
    store = Store()
    store.away = ConnectionRefusedError()
    store.post(Command("settle", ["a"]))
    with pytest.raises(ConnectionRefusedError):
        await store.ask("used", ["b"])
    assert (store.waiting, store.hung_up) == (1, 1)
    store.away = None
    assert await store.ask("used", ["c"]) == ("c",)
    assert store.batches == [["a", "c"]]


async def test_who_gives_up_is_not_answered() -> None:
    store = Store()
    asking = asyncio.create_task(store.ask("used", ["a"]))
    await asyncio.sleep(0)
    asking.cancel()
    assert await store.ask("used", ["b"]) == ("b",)
    assert asking.cancelled()


async def test_closing_sends_what_waits() -> None:
    store = Store()
    store.post(Command("settle", ["a"]))
    await store.close()
    assert store.batches == [["a"]]
    assert store.hung_up == 1


async def test_closing_waits_for_nobody_for_ever() -> None:
    store = Store()
    stuck = asyncio.Event()

    async def never(_batch: Sequence[Command]) -> list[Answer | CommandFailed]:
        await stuck.wait()
        raise AssertionError

    store._carry_out = never  # type: ignore[method-assign, assignment]
    asking = asyncio.create_task(store.ask("used", ["a"]))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(ConnectionError):
        await asking


async def test_many_go_in_several_batches() -> None:
    store = Store()
    answers = await asyncio.gather(*(store.ask("used", [str(turn)]) for turn in range(1_001)))
    assert [answer[0] for answer in answers] == [str(turn) for turn in range(1_001)]
    assert [len(batch) for batch in store.batches] == [500, 500, 1]
