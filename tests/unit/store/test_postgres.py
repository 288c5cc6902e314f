from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from sekisho.core.clock import FakeClock
from sekisho.core.secret import Secret
from sekisho.identity.keys import KeyRing, token_hash
from sekisho.ledger.journal import Journal
from sekisho.ledger.rows import to_columns
from sekisho.store.away import StoreAway
from sekisho.store.booking import insert_calls, insert_fresh_calls
from sekisho.store.domain import teams
from sekisho.store.postgres import PostgresDatabase
from sekisho.store.schema import usage_hours
from sekisho.store.url import parse_url
from tests.support.domain import add_row
from tests.support.ledger import add_key, count_stored, row, spend_of
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer, open_postgres

WITHIN_SECONDS = 30


@pytest.fixture
def db(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    postgres.sql("DROP DATABASE IF EXISTS own WITH (FORCE)", "CREATE DATABASE own")
    db = open_postgres(postgres, "own")
    yield db
    db.close()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One that a test may kill."""
    server = PostgresServer()
    server.start()
    yield server
    server.stop()


def one(connection: Any) -> int:
    return int(connection.execute(text("SELECT 1")).scalar_one())


def test_what_fails_has_done_nothing(db: PostgresDatabase) -> None:
    def fails(connection: Any) -> None:
        connection.execute(text("INSERT INTO budgets (budget_id, created_us, updated_us) VALUES ('b', 1, 1)"))
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        db.write(fails).result(WITHIN_SECONDS)
    with pytest.raises(ProgrammingError):
        db.write(lambda connection: connection.execute(text("SELECT * FROM nowhere")).close()).result(WITHIN_SECONDS)
    assert db.read_now(lambda connection: connection.execute(text("SELECT count(*) FROM budgets")).scalar_one()) == 0


def test_reads_pass_writes_and_each_other(db: PostgresDatabase) -> None:
    """Three that wait for each other finish only side by side."""
    gate = "SELECT pg_advisory_lock_shared(1), pg_sleep(0.05)"
    running = [db.read(lambda connection: connection.execute(text(gate)).close()) for _ in range(3)]
    assert db.write(one).result(WITHIN_SECONDS) == 1
    for each in running:
        each.result(WITHIN_SECONDS)


def test_a_transaction_that_the_server_breaks_off_is_begun_again(db: PostgresDatabase) -> None:
    for name in ("a", "b"):
        add_row(db, teams, team_id=name)
    tries: list[str] = []
    holding: set[str] = set()

    def swap(first: str, second: str) -> Any:
        def work(connection: Any) -> None:
            tries.append(first)
            for name in (first, second):
                more = update(teams).where(teams.c.team_id == name)
                connection.execute(more.values(spend_nano_usd=teams.c.spend_nano_usd + 1))
                holding.add(first)
                while len(holding) < 2:
                    connection.execute(text("SELECT pg_sleep(0.01)"))

        return work

    both = [db.write(swap("a", "b")), db.write(swap("b", "a"))]
    for each in both:
        each.result(WITHIN_SECONDS)
    spent = db.read(lambda connection: connection.execute(select(teams.c.spend_nano_usd)).scalars().all()).result()
    assert list(spent) == [2, 2]
    assert len(tries) > 2, "one was broken off; a slow server breaks off both"


def test_many_writers_of_the_same_calls_book_each_once(db: PostgresDatabase) -> None:
    for number in range(10):
        add_key(db, f"k{number}")
    rows = [
        to_columns(row(call_id=f"{n}", key_hash=f"k{n % 10}", user_id=f"u{n % 7}", cost_nano_usd=1)) for n in range(600)
    ]
    batches = [rows[at : at + 200] for at in (0, 100, 200, 300, 400)] * 4
    booked = [db.write(partial(insert_calls, rows=batch)) for batch in batches]
    assert sum(each.result(WITHIN_SECONDS) for each in booked) == 600
    assert [spend_of(db, f"k{number}") for number in range(10)] == [60] * 10
    counted = select(func.sum(usage_hours.c.calls), func.sum(usage_hours.c.cost_nano_usd))
    assert tuple(map(int, db.read_now(lambda connection: connection.execute(counted).one()))) == (600, 600)


def test_fresh_calls_are_booked_all_or_not_at_all_by_copy_too(db: PostgresDatabase) -> None:
    rows = [to_columns(row(call_id=f"{number}")) for number in range(40)]
    assert db.write(lambda connection: insert_fresh_calls(connection, rows)).result(WITHIN_SECONDS) == 40
    more = [to_columns(row(call_id=f"{number}", tags=("a",))) for number in range(39, 80)]
    with pytest.raises(IntegrityError):
        db.write(lambda connection: insert_fresh_calls(connection, more)).result(WITHIN_SECONDS)
    assert count_stored(db) == 40


def test_a_server_that_is_not_there_is_away(tmp_path: Path) -> None:
    db = PostgresDatabase(parse_url(Secret(f"postgresql://u:canary@127.0.0.1:{free_port()}/d")))
    for asked in (db.read(one), db.write(one)):
        with pytest.raises(StoreAway, match="cannot be reached") as away:
            asked.result(WITHIN_SECONDS)
        assert "canary" not in str(away.value)
    db.close()
    db.close()
    assert not list(tmp_path.iterdir())


def test_a_server_that_hangs_is_away(postgres: PostgresServer) -> None:
    url = parse_url(Secret(postgres.url()))
    for seconds, hangs in ((0.2, True), (None, False)):
        db = PostgresDatabase(msgspec.structs.replace(url, statement_seconds=seconds))
        asked = db.read(lambda connection: connection.execute(text("SELECT pg_sleep(0.6)")).close())
        assert isinstance(asked.exception(WITHIN_SECONDS), StoreAway) is hangs
        assert db.read(one).result(WITHIN_SECONDS) == 1
        db.close()


def test_work_in_the_background_may_take_longer(postgres: PostgresServer) -> None:
    db = PostgresDatabase(msgspec.structs.replace(parse_url(Secret(postgres.url())), statement_seconds=0.2))

    def slow(connection: Any) -> int:
        connection.execute(text("SELECT pg_sleep(0.6)"))
        return one(connection)

    assert db.write_at_length(slow).result(WITHIN_SECONDS) == 1
    assert isinstance(db.write(slow).exception(WITHIN_SECONDS), StoreAway)
    db.close()


async def test_while_the_server_is_away_known_keys_are_known_and_calls_wait_in_the_spool(
    server: PostgresServer, tmp_path: Path
) -> None:
    db = open_postgres(server)
    ring = KeyRing(db, FakeClock(), Secret("sk-master"))
    add_key(db, token_hash("sk-a"))
    known = await ring.seek("sk-a")
    assert known is not None
    journal = Journal(tmp_path, db, FakeClock())
    journal.recover()
    calls = [row(call_id=f"{number}", key_hash=known.key_hash, cost_nano_usd=1) for number in range(300)]
    for call in calls[:100]:
        journal.settle(call)
    journal.flush().result(WITHIN_SECONDS)
    server.kill()
    assert await ring.seek("sk-a") is known
    with pytest.raises(StoreAway):
        await ring.seek("sk-unknown")
    for call in calls[100:]:
        journal.settle(call)
    flushed = journal.flush()
    async with asyncio.timeout(WITHIN_SECONDS):
        while journal.counts.database_failures == 0:
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(one_moment))])
    server.start()
    flushed.result(WITHIN_SECONDS)
    assert (count_stored(db), spend_of(db, known.key_hash)) == (300, 300)
    assert await ring.seek("sk-unknown") is None
    journal.close()
    db.close()


def one_moment() -> None:
    threading.Event().wait(0.02)


def test_behind_a_pool_nothing_is_kept_on_a_connection(postgres: PostgresServer) -> None:
    postgres.sql("DROP DATABASE IF EXISTS pooled WITH (FORCE)", "CREATE DATABASE pooled")
    db = open_postgres(postgres, "pooled", "?pgbouncer=true")
    assert [db.read(one).result(WITHIN_SECONDS) for _ in range(3)] == [1, 1, 1]
    left = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'pooled' AND pid <> pg_backend_pid()"
    assert postgres.sql(left) == "0"
    db.close()
