from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sekisho.cli.ledger import app
from sekisho.ledger.rows import encode_record
from sekisho.store.closing import close_next
from sekisho.store.db import Database
from sekisho.store.spool import Spool
from sekisho.store.usage import DAY_US
from tests.support.ledger import NOW_US, open_database, open_journal, row, run_sql
from tests.support.postgres import PostgresServer, open_postgres


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    for number in range(6):
        journal.settle(row(started_us=NOW_US + number // 3 * DAY_US, user_id=f"u{number}", cost_nano_usd=number))
    journal.close()
    yield db
    db.close()


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["verify", "--data-dir", str(folder), *arguments], env={"DATABASE_URL": ""})
    return done.exit_code, done.stdout + done.stderr


def test_books_that_agree(db: Database, tmp_path: Path) -> None:
    assert run(tmp_path) == (0, "6 calls on 2 days: the roll-ups agree.\n")
    assert run(tmp_path, "--mend")[0] == 0
    db.close()


def test_books_that_differ_are_told_and_mended_when_asked(db: Database, tmp_path: Path) -> None:
    run_sql(db, "UPDATE usage_hours SET cost_nano_usd = cost_nano_usd + 5 WHERE user_id = 'u4'")
    code, said = run(tmp_path)
    assert code == 1
    assert "user_id=u4" in said
    assert "cost_nano_usd 9 instead of 4" in said
    assert "1 of 2 days differ" in said
    assert run(tmp_path, "--mend")[0] == 0
    assert run(tmp_path) == (0, "6 calls on 2 days: the roll-ups agree.\n")


def test_limits_of_several_processes_are_told_and_put_right_when_asked(postgres: PostgresServer) -> None:
    postgres.sql("CREATE DATABASE verified")
    store = open_postgres(postgres, "verified")
    run_sql(store, "INSERT INTO limit_counts VALUES ('m:gateway:money::0:::0', 7, 0, 9000000000000000)")
    store.close()

    def verify(*arguments: str) -> tuple[int, str]:
        environ = {"DATABASE_URL": postgres.url("verified"), "REDIS_URL": "", "REDIS_HOST": ""}
        done = CliRunner().invoke(app, ["verify", "--wait-seconds", "0", *arguments], env=environ)
        return done.exit_code, done.stdout + done.stderr

    code, said = verify()
    assert code == 1
    assert "budget of the gateway: 0.000000007 USD settled, the ledger has 0 USD" in said
    assert "`--mend`" in said
    code, said = verify("--mend")
    assert code == 0
    assert "1 counts of money were put right" in said
    assert verify() == (
        0,
        "0 calls on 0 days: the roll-ups agree.\n1 counts of limits: they agree with the calls.\n",
    )
    postgres.sql("DROP DATABASE verified WITH (FORCE)")


def test_sums_of_days_that_are_over_are_told_and_left_to_be_made_anew(db: Database, tmp_path: Path) -> None:
    while db.write(lambda connection: close_next(connection, NOW_US + 9 * DAY_US)).result():
        pass
    assert run(tmp_path) == (0, "6 calls on 2 days: the roll-ups agree.\n")
    run_sql(db, "UPDATE usage_user_days SET calls = calls + 1 WHERE user_id = 'u4'")
    code, said = run(tmp_path)
    assert code == 1
    assert "usage_user_days from " in said
    assert run(tmp_path, "--mend")[0] == 0
    assert run(tmp_path)[0] == 0
    assert db.write(lambda connection: close_next(connection, NOW_US + 9 * DAY_US)).result()


def test_nothing_is_put_right_while_calls_wait_in_a_spool(postgres: PostgresServer, tmp_path: Path) -> None:
    """A gateway was killed after it had settled a call in the store, before the ledger had it."""
    postgres.sql("CREATE DATABASE waiting")
    store = open_postgres(postgres, "waiting")
    run_sql(store, "INSERT INTO limit_counts VALUES ('m:gateway:money::0:::0', 7, 0, 9000000000000000)")
    store.close()
    spool = Spool(tmp_path / "spool" / "0")
    spool.append(encode_record(row(call_id="killed", cost_nano_usd=7)))
    spool.close()
    environ = {"DATABASE_URL": postgres.url("waiting"), "REDIS_URL": "", "REDIS_HOST": ""}
    arguments = ["verify", "--wait-seconds", "0", "--data-dir", str(tmp_path), "--mend"]
    done = CliRunner().invoke(app, arguments, env=environ)
    assert done.exit_code == 1
    assert "1 calls wait in the spools here" in done.stdout
    assert "not put right before" in done.stderr
    assert postgres.sql("SELECT settled FROM limit_counts", database="waiting") == "7"
    postgres.sql("DROP DATABASE waiting WITH (FORCE)")
