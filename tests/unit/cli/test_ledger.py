from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from sekisho.cli.ledger import app, since_us, table_of
from sekisho.identity.keys import token_hash
from sekisho.ledger.rows import CallRow
from sekisho.store.db import Database
from tests.support.ledger import NOW_US, open_database, open_journal, row

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose gateway still runs."""
    db = open_database(tmp_path)
    journal = open_journal(tmp_path, db)
    journal.settle(row(call_id="1", key_hash=token_hash("sk-a"), key_alias="ci", cost_nano_usd=1_500))
    journal.settle(row(call_id="2", started_us=NOW_US + 1, status="failure", error_class="internal"))
    journal.flush().result(timeout=30)
    yield tmp_path
    journal.close()
    db.close()


def run(folder: Path, *arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["log", "--data-dir", str(folder), "--json", *arguments])
    assert done.exit_code == 0, done.output
    return [msgspec.json.decode(line)["call_id"] for line in done.stdout.splitlines()]


def test_the_log_is_read_beside_a_running_gateway(folder: Path) -> None:
    assert run(folder) == ["1", "2"]
    assert run(folder, "--limit", "1") == ["2"]


@pytest.mark.parametrize("key", ["sk-a", token_hash("sk-a"), "ci"])
def test_a_key_is_named_in_three_ways(folder: Path, key: str) -> None:
    assert run(folder, "--key", key) == ["1"]


def test_only_calls_since_then(folder: Path) -> None:
    assert run(folder, "--since", "2023-11-14T22:13") == ["1", "2"]
    assert run(folder, "--since", "1h") == []


def test_a_line_has_the_exact_and_the_readable_cost(folder: Path) -> None:
    done = CliRunner().invoke(app, ["log", "--data-dir", str(folder), "--json", "--key", "ci"])
    line = msgspec.json.decode(done.stdout)
    assert (line["cost_nano_usd"], line["cost_usd"]) == (1_500, "0.0000015")
    assert set(line) == {*CallRow.__struct_fields__, "cost_usd"}


def test_a_table_is_printed(folder: Path) -> None:
    done = CliRunner().invoke(app, ["log", "--data-dir", str(folder)])
    assert done.exit_code == 0
    assert "Ledger" in done.stdout


def drawn(*rows: CallRow) -> str:
    console = Console(width=220, no_color=True)
    with console.capture() as capture:
        console.print(table_of(rows))
    return capture.get()


def test_the_table_tells_the_share_of_the_prompt_that_came_from_a_cache() -> None:
    assert "75 60%" in drawn(row(input_tokens=40, cache_read_tokens=75, cache_write_tokens=10))


def test_the_table_tells_unknown_prices_and_estimates() -> None:
    text = drawn(
        row(requested_model="asked", served_model="served", cost_nano_usd=2_000_000, first_token_us=NOW_US + 250_000),
        row(cost_nano_usd=None),
        row(cost_nano_usd=3_000_000, usage_complete=False, status="incomplete", error_class="client_closed"),
    )
    for part in ("asked → served", "0.002", "250 ms", "1500 ms", " ? ", "~0.003", "incomplete client_closed"):
        assert part in text


def test_a_callers_names_do_nothing_to_the_terminal() -> None:
    text = drawn(row(requested_model="[bold]x[/]\x1b[31m", tool="a\nb"))
    assert "[bold]x[/][31m" in text
    assert "\x1b" not in text
    assert "ab" in text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("15m", dt.datetime(2026, 1, 31, 11, 45, tzinfo=dt.UTC)),
        ("2d", dt.datetime(2026, 1, 29, 12, tzinfo=dt.UTC)),
        ("2026-01-01", dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        ("2026-01-01T09:00:00+09:00", dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    ],
)
def test_since_is_a_span_or_a_date(text: str, moment: dt.datetime) -> None:
    assert since_us(text, NOW) == round(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize("arguments", [["--since", "long ago"], ["--since", "999999w"]])
def test_a_span_that_cannot_be_read_is_refused(folder: Path, arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["log", "--data-dir", str(folder), *arguments])
    assert done.exit_code == 1
    assert "cannot be read" in done.stderr


def test_a_folder_without_a_ledger_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["log", "--data-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "no database" in done.stderr


def test_a_file_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / "sekisho.db").write_text("not a database " * 100)
    done = CliRunner().invoke(app, ["log", "--data-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "cannot be used" in done.stderr


def test_a_database_without_a_ledger_is_told(tmp_path: Path) -> None:
    Database(tmp_path / "sekisho.db").close()
    done = CliRunner().invoke(app, ["log", "--data-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "cannot be read" in done.stderr
