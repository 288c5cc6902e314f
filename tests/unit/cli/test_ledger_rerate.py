from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from sekisho.cli.ledger import app
from sekisho.core.envelope import ROOT_KEY, Envelope
from sekisho.ledger.rows import encode_record
from sekisho.providers.stored import sealed_params
from sekisho.store.db import Database, Store
from sekisho.store.domain import audit_changes, models
from sekisho.store.schema import corrections
from sekisho.store.spool import Spool
from tests.support.domain import add_row
from tests.support.ledger import NOW_US, add_key, open_database, open_journal, row, run_sql, spend_of, stored_calls
from tests.support.postgres import PostgresServer, open_postgres

DAY = dt.datetime.fromtimestamp(NOW_US // 10**6, dt.UTC).date()
ROOT = "0123456789abcdef" * 4
OFF = {"DATABASE_URL": "", "REDIS_URL": "", "REDIS_HOST": "", "USER": "hanako", ROOT_KEY: ""}


def entry(model: str, *prices: dict[str, Any], **info: Any) -> dict[str, Any]:
    params = {"model": f"hosted_vllm/{model}", "api_base": "http://models.internal", "api_key": "k"}
    return {"model_name": model, "litellm_params": params, "model_info": {"prices": list(prices)} | info}


def from_day(day: dt.date, price: str) -> dict[str, Any]:
    return {"effective_from": day.isoformat(), "input_cost_per_token": price, "output_cost_per_token": "0"}


def write(folder: Path, *entries: dict[str, Any], **general: Any) -> Path:
    path = folder / "config.yaml"
    settings = {"master_key": "sk-0123456789abcdef"} | general
    path.write_bytes(msgspec.json.encode({"model_list": entries, "general_settings": settings}))
    return path


def run(folder: Path, *arguments: str, env: Mapping[str, str] = MappingProxyType({})) -> tuple[int, str]:
    common = ["rerate", "--config", str(folder / "config.yaml"), "--data-dir", str(folder), "--wait-seconds", "0"]
    done = CliRunner().invoke(app, [*common, *arguments], env={**OFF, **env, "COLUMNS": "200"})
    return done.exit_code, done.stdout + done.stderr


def outcomes(said: str) -> dict[str, dict[str, Any]]:
    lines = [msgspec.json.decode(line) for line in said.splitlines() if line.startswith("{")]
    return {line["model"]: line for line in lines}


def costs(db: Store) -> dict[str, int | None]:
    return {each["call_id"]: each["cost_nano_usd"] for each in stored_calls(db)}


def book(folder: Path, db: Store, *changes: dict[str, Any]) -> None:
    journal = open_journal(folder, db)
    fields = {"provider": "hosted_vllm", "input_tokens": 1_000, "key_hash": "k1", "tool": "codex"}
    for each in changes:
        journal.settle(row(**(fields | each)))
    journal.close()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(tmp_path)
    add_key(db, "k1")
    yield db
    db.close()


def test_calls_without_a_price_get_the_one_of_their_day(db: Database, tmp_path: Path) -> None:
    before_us = NOW_US - 86_400_000_000
    book(
        tmp_path,
        db,
        {"call_id": "then", "routed_model": "a", "cost_nano_usd": None, "started_us": before_us},
        {"call_id": "now", "routed_model": "a", "cost_nano_usd": None},
        {"call_id": "other", "routed_model": "b", "cost_nano_usd": None},
    )
    write(tmp_path, entry("a", from_day(DAY - dt.timedelta(9), "1e-6"), from_day(DAY, "3e-6")), entry("b"))
    first = ["--from", str(DAY - dt.timedelta(2)), "--json"]
    code, said = run(tmp_path, *first, "--dry-run")
    assert code == 0
    assert costs(db) == {"then": None, "now": None, "other": None}
    dry = outcomes(said)
    assert dry["a"] | {"provider": ""} == {
        "provider": "",
        "model": "a",
        "calls": 2,
        "corrected": 2,
        "priced": 2,
        "unknown": 0,
        "before_nano_usd": 0,
        "after_nano_usd": 4_000_000,
    }
    assert (dry["b"]["calls"], dry["b"]["unknown"]) == (1, 1)
    code, said = run(tmp_path, *first)
    assert code == 0
    assert outcomes(said) == dry
    assert "Restart the gateway" in said
    assert costs(db) == {"then": 1_000_000, "now": 3_000_000, "other": None}
    assert spend_of(db, "k1") == 4_000_000
    verified = CliRunner().invoke(app, ["verify", "--data-dir", str(tmp_path)], env=OFF)
    assert verified.stdout == "3 calls on 2 days: the roll-ups agree.\n"
    code, said = run(tmp_path, *first)
    assert outcomes(said)["a"]["corrected"] == 0
    assert "Restart" not in said
    assert spend_of(db, "k1") == 4_000_000


def test_only_the_days_and_models_that_were_named(db: Database, tmp_path: Path) -> None:
    day_us = 86_400_000_000
    book(
        tmp_path,
        db,
        *(
            {"call_id": f"{model}{day}", "routed_model": model, "started_us": NOW_US + day * day_us, "cost_nano_usd": 1}
            for model in "ab"
            for day in (-2, -1, 0)
        ),
    )
    write(tmp_path, *(entry(model, from_day(DAY - dt.timedelta(9), "1e-6")) for model in "ab"))
    days = ["--from", str(DAY - dt.timedelta(1)), "--to", str(DAY - dt.timedelta(1))]
    assert run(tmp_path, *days, "--model", "a")[0] == 0
    assert {name for name, cost in costs(db).items() if cost != 1} == {"a-1"}
    code, said = run(tmp_path, "--from", str(DAY - dt.timedelta(5)), "--model", "a", "--model", "b")
    assert code == 0
    assert {name for name, cost in costs(db).items() if cost == 1} == set()
    assert "hosted_vllm" in said
    assert "0.004999995" in said


def test_who_did_it_and_what_it_cost_before(db: Database, tmp_path: Path) -> None:
    book(tmp_path, db, {"call_id": "c", "routed_model": "a", "cost_nano_usd": 5, "price_version": "old"})
    write(tmp_path, entry("a", from_day(DAY, "1e-6")))
    _, said = run(tmp_path, "--from", str(DAY))
    (audited,) = db.read_now(lambda connection: connection.execute(audit_changes.select()).mappings().all())
    (former,) = db.read_now(lambda connection: connection.execute(corrections.select()).mappings().all())
    assert audited["actor"] == "sekisho ledger rerate by hanako"
    assert audited["object_id"] == former["run_id"]
    assert former["run_id"] in said
    assert (former["cost_before_nano_usd"], former["price_version_before"]) == (5, "old")


def test_the_entry_that_served_a_call_prices_it_also_under_a_wildcard(db: Database, tmp_path: Path) -> None:
    star = entry("*", from_day(DAY, "2e-6"), id="star")
    fixed = entry("m", from_day(DAY, "1e-6"), id="fixed")
    write(tmp_path, star, fixed)
    book(
        tmp_path,
        db,
        {"call_id": "star", "deployment_id": "star", "routed_model": "m", "cost_nano_usd": None},
        {"call_id": "fixed", "deployment_id": "fixed", "routed_model": "m", "cost_nano_usd": None},
        {"call_id": "renamed", "deployment_id": "was", "routed_model": "m", "cost_nano_usd": None},
    )
    assert run(tmp_path, "--from", str(DAY))[0] == 0
    assert costs(db) == {"star": 2_000_000, "fixed": 1_000_000, "renamed": 1_000_000}


def test_calls_of_entries_that_are_no_more(db: Database, tmp_path: Path) -> None:
    """The table prices them; what a file had priced keeps its cost, for nobody knows that file's prices now."""
    openai = {"provider": "openai", "routed_model": "gpt-4.1", "deployment_id": "gone"}
    book(
        tmp_path,
        db,
        openai | {"call_id": "table", "cost_nano_usd": 1, "price_version": "table 1"},
        openai | {"call_id": "unpriced", "cost_nano_usd": None, "price_version": None},
        openai | {"call_id": "file", "cost_nano_usd": 1, "price_version": "config:0123"},
        {"call_id": "nobody", "provider": "nobody", "routed_model": "x", "cost_nano_usd": 1},
    )
    write(tmp_path, entry("a"))
    code, said = run(tmp_path, "--from", str(DAY))
    assert code == 0
    found = costs(db)
    assert found["table"] == found["unpriced"] == 2_000_000
    assert found["file"] == found["nobody"] == 1
    assert "1 calls keep the cost" in said


def test_models_of_the_management_api_are_priced_too(db: Database, tmp_path: Path) -> None:
    params = {"model": "hosted_vllm/own", "api_base": "http://h", "input_cost_per_token": 5e-6}
    columns = sealed_params(Envelope(ROOT, None), "stored-1", params | {"output_cost_per_token": 0})
    add_row(db, models, model_id="stored-1", model_name="own", **columns)
    book(tmp_path, db, {"call_id": "c", "deployment_id": "stored-1", "routed_model": "own", "cost_nano_usd": None})
    write(tmp_path, entry("a"), store_model_in_db=True)
    assert run(tmp_path, "--from", str(DAY), env={ROOT_KEY: ROOT})[0] == 0
    assert costs(db) == {"c": 5_000_000}


@pytest.mark.parametrize(("option", "day"), [("--from", "yesterday"), ("--to", "2026-02-30")])
def test_a_day_that_is_none_is_said(db: Database, tmp_path: Path, option: str, day: str) -> None:
    write(tmp_path, entry("a"))
    code, said = run(tmp_path, "--from", str(DAY), option, day)
    assert code == 1
    assert f"{option} {day} is no day" in said
    assert costs(db) == {}


def test_a_configuration_that_cannot_be_used_changes_nothing(db: Database, tmp_path: Path) -> None:
    book(tmp_path, db, {"call_id": "c", "routed_model": "a", "cost_nano_usd": 1})
    write(tmp_path, entry("a", {"input_cost_per_token": "1"}))
    code, said = run(tmp_path, "--from", str(DAY))
    assert code == 1
    assert "effective_from" in said
    assert costs(db) == {"c": 1}


@pytest.mark.parametrize("waiting", [False, True])
def test_budgets_that_processes_share_follow(postgres: PostgresServer, tmp_path: Path, *, waiting: bool) -> None:
    """Unless a gateway was killed after it had settled a call in the store, before the ledger had it."""
    postgres.sql("CREATE DATABASE rerated")
    store = open_postgres(postgres, "rerated")
    add_key(store, "k1")
    book(tmp_path, store, {"call_id": "c", "routed_model": "a", "cost_nano_usd": 5})
    run_sql(store, "INSERT INTO limit_counts VALUES ('m:key:money::2:k1::0', 5, 0, 9000000000000000)")
    if waiting:
        spool = Spool(tmp_path / "spool" / "killed")
        spool.append(encode_record(row(key_hash="k1", cost_nano_usd=7)))
        spool.close()
    write(tmp_path, entry("a", from_day(DAY, "1e-6")))
    environ = {"DATABASE_URL": postgres.url("rerated")}
    code, said = run(tmp_path, "--from", str(DAY), env=environ)
    assert code == 0
    assert ("1 calls wait in the spools here" if waiting else "1 counts of budgets follow") in said
    assert costs(store) == {"c": 1_000_000}
    assert postgres.sql("SELECT settled FROM limit_counts", database="rerated") == ("5" if waiting else "1000000")
    store.close()
    postgres.sql("DROP DATABASE rerated WITH (FORCE)")
