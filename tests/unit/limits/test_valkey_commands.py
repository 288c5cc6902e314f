from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import redis.asyncio

from sekisho.limits.sender import Answer, Command, CommandFailed
from sekisho.limits.valkey import Valkey
from tests.support.limiter_contract import name
from tests.support.ports import free_port
from tests.support.valkey_server import ValkeyServer

COUNT = "c:key:tokens::1:a::0"
KEPT_MS = "60000"


async def nothing() -> list[Command]:
    return []


@asynccontextmanager
async def link_to(
    url: str, holdings: Callable[[], Awaitable[list[Command]]] = nothing, namespace: str = ""
) -> AsyncIterator[Valkey]:
    link = Valkey(url, namespace=namespace or name(), timeout_seconds=5.0)
    link.holdings = holdings
    link.pause_seconds = 0.0
    try:
        yield link
    finally:
        await link.close()


def reserving(reservation: str, amount: int, limit: int = 100) -> list[str]:
    return ["0", reservation, "60000000", "0", COUNT, str(amount), str(limit), KEPT_MS]


async def test_commands_are_answered_in_their_order(valkey: ValkeyServer) -> None:
    async with link_to(valkey.url) as link:
        heard: list[Answer] = []
        link.post(Command("settle", ("unknown", "named"), heard.append))
        answers = await asyncio.gather(*(link.ask("reserve", reserving(f"r{turn}", 40)) for turn in range(3)))
        assert answers == [["taken"], ["taken"], ["no", "0", "80"]]
        link.post(Command("settle", ("r0", "measured", "tokens", "15")))
        assert await link.ask("used", [COUNT]) == ["used", "55"]
        assert heard == [["settled"]]


async def test_more_commands_than_one_write_holds(valkey: ValkeyServer) -> None:
    async with link_to(valkey.url) as link:
        answers = await asyncio.gather(*(link.ask("reserve", reserving(f"r{turn}", 1, 700)) for turn in range(1_200)))
        assert answers.count(["taken"]) == 700


async def test_what_waits_is_sent_before_hanging_up(valkey: ValkeyServer) -> None:
    namespace = name()
    async with link_to(valkey.url, namespace=namespace) as link:
        await link.ask("reserve", reserving("r", 40))
        link.post(Command("settle", ("r", "measured", "tokens", "3")))
    async with link_to(valkey.url, namespace=namespace) as link:
        assert await link.ask("used", [COUNT]) == ["used", "3"]


async def test_a_command_that_the_server_cannot_read_fails_alone(valkey: ValkeyServer) -> None:
    async with link_to(valkey.url) as link:
        bad = asyncio.create_task(link.ask("reserve", ["0", "r", "60000000", "0", COUNT, "much", "100", KEPT_MS]))
        good = asyncio.create_task(link.ask("reserve", reserving("r", 40)))
        with pytest.raises(CommandFailed):
            await bad
        assert await good == ["taken"]


async def test_what_is_held_is_said_when_an_epoch_begins(valkey: ValkeyServer) -> None:
    held = [Command("reserve", ["0", "r", "60000000", "1", COUNT, "40", "0", KEPT_MS])]

    async def holdings() -> list[Command]:
        return held

    async with link_to(valkey.url, holdings) as link:
        assert await link.ask("used", [COUNT]) == ["used", "40"]
        client = redis.asyncio.Redis.from_url(valkey.url)
        await client.flushall()
        await client.aclose()
        assert await link.ask("used", [COUNT]) == ["epoch"]
        assert await link.ask("used", [COUNT]) == ["used", "40"]


async def test_money_waits_for_processes_that_were_there(valkey: ValkeyServer) -> None:
    count = "m" + COUNT[1:]
    async with link_to(valkey.url) as link:
        link.members = ("another",)
        assert (await link.ask("used", [count]))[0] == "wait"
        await link._exchange(await link._connected(), [("joined", (link.epoch, "another"))])
        assert await link.ask("used", [count]) == ["seed", "0"]


async def test_who_waits_hears_that_nobody_answers() -> None:
    async with link_to(f"redis://127.0.0.1:{free_port()}") as link:
        link.post(Command("settle", ("r", "named")))
        with pytest.raises(Valkey.troubles):
            await link.ask("used", [COUNT])
        assert link.waiting == 1, "what nobody waits for is kept"


async def test_no_epoch_is_joined_without_the_ledger(valkey: ValkeyServer) -> None:
    async def holdings() -> list[Command]:
        raise LookupError("the database is away")

    async with link_to(valkey.url, holdings) as link:
        with pytest.raises(LookupError):
            await link.ask("used", [COUNT])
        assert link.epoch == ""


async def test_a_server_that_may_forget_is_named(valkey: ValkeyServer, caplog: pytest.LogCaptureFixture) -> None:
    client = redis.asyncio.Redis.from_url(valkey.url)
    await client.config_set("maxmemory", "100mb")
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        async with link_to(valkey.url) as link:
            assert await link.ask("used", [COUNT]) == ["used", "0"]
        assert "noeviction" in caplog.text
        await client.config_set("maxmemory-policy", "noeviction")
        caplog.clear()
        async with link_to(valkey.url) as link:
            assert await link.ask("used", [COUNT]) == ["used", "0"]
        assert "noeviction" not in caplog.text
    finally:
        await client.config_set("maxmemory", "0")
        await client.aclose()
