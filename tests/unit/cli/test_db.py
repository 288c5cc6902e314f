from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sekisho.cli.db import app
from sekisho.store.db import Database
from sekisho.store.schema import HEAD, stored_revision
from tests.support.ledger import count_stored, open_database, open_journal, row
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer

YEAR_2001_US = 978_307_200_000_000


def run(*arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments), env={"DATABASE_URL": "", **(environ or {})})
    return done.exit_code, done.stdout + done.stderr


def test_an_old_file_is_brought_to_head_and_then_left(tmp_path: Path) -> None:
    Database(tmp_path / "sekisho.db").close()
    assert run("upgrade", "--data-dir", str(tmp_path)) == (
        0,
        f"The database is at schema {HEAD} now; it was empty before.\n",
    )
    assert run("upgrade", "--data-dir", str(tmp_path)) == (0, f"The database is at schema {HEAD} already.\n")


def test_a_database_server_is_named_by_the_environment_or_the_configuration(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    postgres.sql("DROP DATABASE IF EXISTS cli WITH (FORCE)", "CREATE DATABASE cli")
    code, said = run("upgrade", environ={"DATABASE_URL": postgres.url("cli")})
    assert (code, "it was empty before" in said) == (0, True)
    config = tmp_path / "config.yaml"
    config.write_text(f"general_settings: {{master_key: sk-long-enough-key, database_url: '{postgres.url('cli')}'}}\n")
    assert run("upgrade", "--config", str(config)) == (0, f"The database is at schema {HEAD} already.\n")


def test_calls_of_old_days_are_given_up(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    for at_us in (YEAR_2001_US - 1, YEAR_2001_US):
        journal.settle(row(started_us=at_us, ended_us=at_us))
    journal.close()
    assert run("drop-calls", "--before", "2001-01-01", "--data-dir", str(tmp_path))[0] == 0
    assert (count_stored(db), db.read_now(stored_revision)) == (1, HEAD)
    db.close()


def test_a_day_that_is_not_over_is_not_given_up(tmp_path: Path) -> None:
    code, said = run("drop-calls", "--before", "2999-01-01", "--data-dir", str(tmp_path))
    assert (code, said) == (1, "--before 2999-01-01 is not past: a day is given up when it is over.\n")


def test_a_database_that_refuses_is_told(tmp_path: Path) -> None:
    Database(tmp_path / "sekisho.db").close()
    code, said = run("drop-calls", "--before", "2001-01-01", "--data-dir", str(tmp_path))
    assert (code, said) == (1, "The database refused: no such table: calls\n")


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (("upgrade", "--data-dir", "/nowhere"), {}, "no database at"),
        (("upgrade",), {"DATABASE_URL": "mysql://u@h/d"}, "only postgresql://"),
        (("upgrade",), {"DATABASE_URL": f"postgresql://u:canary@127.0.0.1:{free_port()}/d"}, "cannot be reached"),
        (("drop-calls", "--before", "yesterday"), {}, "is no day"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], environ: dict[str, str], said: str) -> None:
    code, told = run(*arguments, environ=environ)
    assert (code, said in told, "canary" in told, "Traceback" in told) == (1, True, False, False)
