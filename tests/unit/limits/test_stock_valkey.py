from __future__ import annotations

import pytest

from sekisho.core.errors import OperatorError
from sekisho.limits.limiter import line_at
from sekisho.limits.rule import Measure
from sekisho.limits.shared import SharedLimiter, _count
from sekisho.limits.stock import Count, Stock, counted
from sekisho.limits.stock_valkey import ValkeyStock
from sekisho.limits.valkey import Valkey
from tests.support.limiter_contract import Books, money, now_us, rate, slots, take
from tests.support.limiter_processes import is_used, over_valkey
from tests.support.ports import free_port
from tests.support.valkey_server import ValkeyServer
from tests.support.waiting import eventually


def stock_of(valkey: ValkeyServer, limiter: SharedLimiter) -> ValkeyStock:
    assert isinstance(limiter._store, Valkey)
    return ValkeyStock(valkey.url, namespace=limiter._store._epoch_key.strip("{}"))


async def test_what_the_server_holds(valkey: ValkeyServer) -> None:
    budget, running, tokens = money(1_000), slots(5), rate(Measure.TOKENS, 1_000)
    async with over_valkey(valkey.url) as every:
        limiter = every.start(Books(7).seed)
        done = await take(limiter, (budget, 50), (running, 1), (tokens, 9))
        limiter.settle(done, [30, 0, 8])
        await is_used(limiter, [37, 0, 8], budget, running, tokens)
        call = await take(limiter, (budget, 50), (running, 1), (tokens, 9))
        store = stock_of(valkey, limiter)
        stock = store.read()
        by_scope = {(counted(name).scope_id, counted(name).measure): count for name, count in stock.counts.items()}
        assert by_scope == {
            (budget.scope_id, "money"): Count(37, 50),
            (running.scope_id, "parallel"): Count(None, 1),
            (tokens.scope_id, "tokens"): Count(8, 9),
        }
        assert {name: sorted(amount for _, amount in each.lines) for name, each in stock.reservations.items()} == {
            call: [1, 9, 50]
        }
        assert stock.unbalanced() == {}
        store.add_settled({_count(line_at(budget, 0, now_us())): -10, "m:key:money::4:gone::0": 5})
        await is_used(limiter, [77], budget)
        assert store.read().counts.keys() == stock.counts.keys()
        store.close()


async def test_what_a_process_held_that_is_gone(valkey: ValkeyServer) -> None:
    budget, running = money(1_000), slots(5)
    async with over_valkey(valkey.url) as every:
        limiter, other = every.start(), every.start(grace_seconds=0.3)
        lines = [line_at(budget, 50, now_us()), line_at(running, 1, now_us())]
        assert await limiter.reserve("call", lines, 3_600) is None
        store = stock_of(valkey, limiter)
        seen = {each.lost for each in store.read().reservations.values()}
        assert seen == {False}
        assert await limiter.reserve("call", lines, 0.05) is None
        await every.die(limiter)

        async def is_over() -> bool:
            await other.used([budget], now_us())
            seen.update(each.lost for each in store.read().reservations.values())
            return not store.read().reservations

        await eventually(is_over, "the reservation is given back")
        assert seen <= {False, True}
        store.close()


def test_nobody_has_counted_yet(valkey: ValkeyServer) -> None:
    store = ValkeyStock(valkey.url, namespace="nobody")
    assert store.read() == Stock({}, {})
    store.add_settled({"m:key:money::1:a::0": 5})
    assert store.read() == Stock({}, {})
    store.close()


def test_a_server_that_is_away_is_said_without_its_password() -> None:
    store = ValkeyStock(f"redis://:secret@127.0.0.1:{free_port()}/0", timeout_seconds=0.2)
    with pytest.raises(OperatorError, match="The store of limits cannot be read: ConnectionError") as error:
        store.read()
    assert "secret" not in str(error.value)
    with pytest.raises(OperatorError):
        store.add_settled({"m": 1})
