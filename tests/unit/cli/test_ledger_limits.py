from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekisho.cli.ledger_limits import compare_limits, shared_limits, tell
from sekisho.core.errors import OperatorError
from sekisho.limits.agreement import Agreement
from sekisho.limits.stock_valkey import ValkeyStock
from sekisho.store.postgres import PostgresDatabase
from tests.support.ledger import add_key, intent, open_database, open_journal, row, run_sql
from tests.support.limiter_contract import money, take
from tests.support.limiter_processes import over_postgres
from tests.support.postgres import PostgresServer, open_postgres
from tests.support.valkey_server import ValkeyServer

KEY = "a" * 64


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    postgres.sql("CREATE DATABASE limits")
    yield postgres
    postgres.sql("DROP DATABASE limits WITH (FORCE)")


@pytest.fixture
def db(server: PostgresServer) -> Iterator[PostgresDatabase]:
    db = open_postgres(server, "limits")
    add_key(db, KEY)
    yield db
    db.close()


def nothing() -> None:
    """Nobody is on the way."""


def compared(db: PostgresDatabase, folder: Path) -> Agreement:
    shared = shared_limits(None, db)
    assert shared is not None
    return compare_limits(shared, db, folder, nothing)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "REDIS_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_calls_that_run_that_are_over_and_that_hold_nothing(
    server: PostgresServer, db: PostgresDatabase, tmp_path: Path
) -> None:
    journal = open_journal(tmp_path, db)
    budget = money(1_000, scope_id=KEY)

    async def reserve() -> None:
        async with over_postgres(server.url("limits")) as every:
            limiter = every.start()
            for name in ("runs", "over"):
                await take(limiter, (budget, 50), reservation=name)

    asyncio.run(reserve())
    journal.intent(intent(call_id="runs", key_hash=KEY))
    found = compared(db, tmp_path)
    assert (found.differences, found.running, found.running_nano_usd) == ((), 2, 100)
    journal.intent(intent(call_id="bare", key_hash=KEY))
    journal.settle(row(call_id="over", key_hash=KEY, cost_nano_usd=30))
    journal.flush().result()
    found = compared(db, tmp_path)
    assert found.running == 1
    settled, over, bare = found.differences
    assert settled == f"budget of key {KEY}: 0 USD settled, the ledger has 0.00000003 USD"
    assert over == f"call over is in the ledger and still holds 0.00000005 USD of budget of key {KEY}"
    assert bare == f"call bare is open and holds nothing of budget of key {KEY}"
    shared = shared_limits(None, db)
    assert shared is not None
    shared.add_settled(found.amounts)
    assert compared(db, tmp_path).amounts == {}
    journal.close()


def test_what_arrives_while_it_is_looked_at_is_no_difference(db: PostgresDatabase, tmp_path: Path) -> None:
    """A gateway settles at any moment: first in the store or first in the ledger."""
    journal = open_journal(tmp_path, db)
    name = f"m:key:money::64:{KEY}::0"
    run_sql(db, f"INSERT INTO limit_counts VALUES ('{name}', 0, 0, 9000000000000000)")
    steps = iter(range(10))

    def settle() -> None:
        journal.settle(row(call_id=f"first in the ledger {next(steps)}", key_hash=KEY, cost_nano_usd=5))
        journal.flush().result()
        run_sql(db, "UPDATE limit_counts SET settled = settled + 5")

    def settle_late() -> None:
        run_sql(db, "UPDATE limit_counts SET settled = settled + 5")
        journal.settle(row(call_id=f"first in the store {next(steps)}", key_hash=KEY, cost_nano_usd=5))
        journal.flush().result()

    for wait in (settle, settle_late):
        shared = shared_limits(None, db)
        assert shared is not None
        assert compare_limits(shared, db, tmp_path, wait).differences == ()
    journal.close()


def test_counts_of_a_key_that_is_gone_are_not_compared(db: PostgresDatabase, tmp_path: Path) -> None:
    run_sql(db, "INSERT INTO limit_counts VALUES ('m:key:money::4:gone::0', 77, 0, 9000000000000000)")
    run_sql(db, "INSERT INTO limit_counts VALUES ('m:gateway:money:1mo@UTC:0:::1793491200000000', 7, 0, 1)")
    (told,) = compared(db, tmp_path).differences
    assert told.startswith("budget of the gateway, 1mo from 2026-11-01")


def test_where_limits_are_counted(
    db: PostgresDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = open_database(tmp_path)
    assert shared_limits(None, file) is None
    valkey = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    valkey.start()
    config = tmp_path / "config.yaml"
    config.write_text(
        f"general_settings: {{master_key: sk-0123456789}}\nrouter_settings: {{redis_url: '{valkey.url}'}}"
    )
    shared = shared_limits(config, db)
    assert isinstance(shared, ValkeyStock)
    assert compare_limits(shared, db, tmp_path, nothing).counts == 0
    shared.close()
    valkey.stop()
    monkeypatch.setenv("REDIS_HOST", "valkey.internal")
    with pytest.raises(OperatorError, match="REDIS_HOST"):
        shared_limits(None, db)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert isinstance(shared_limits(None, db), ValkeyStock)
    file.close()


def test_what_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Agreement(3, (), {}, 2, 1_500_000_000, 1, 10))
    told = capsys.readouterr().out
    assert "2 calls run and hold 1.5 USD" in told
    assert "1 calls of processes that are gone hold 0.00000001 USD" in told
    assert "3 counts of limits: they agree" in told
    tell(Agreement(3, ("one", "two"), {}, 0, 0, 0, 0))
    assert capsys.readouterr().out == "one\ntwo\n"
