from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from sekisho.cli.ledger import app
from sekisho.store.db import Database
from tests.support.ledger import open_database, open_journal, row

#: 2026-03-22 and the day after, at noon UTC.
FIRST, SECOND = 1_774_180_800_000_000, 1_774_267_200_000_000
COSTS = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,cost_type
2026-03-22,Claude Sonnet 4.5,Default,ours,message,≤ 200k,input_no_cache,1.50,token
2026-03-22,Claude Sonnet 4.5,Default,ours,message,≤ 200k,output,0.51,token
2026-03-23,Claude Sonnet 4.5,Default,ours,message,≤ 200k,output,0.25,token
2026-03-23,,Default,ours,web_search,,,0.10,web_search
"""
SONNET = {"provider": "anthropic", "routed_model": "claude-sonnet-4-5-20250929"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_database(tmp_path)
    yield db
    db.close()


def book(folder: Path, db: Database, *changes: dict[str, Any]) -> None:
    journal = open_journal(folder, db)
    for each in changes:
        journal.settle(row(**(SONNET | {"started_us": FIRST} | each)))
    journal.close()


def run(folder: Path, text: str | bytes, *arguments: str) -> tuple[int, str, str]:
    path = folder / "bill.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    common = ["invoice", str(path), "--data-dir", str(folder)]
    done = CliRunner().invoke(app, [*common, *arguments], env={"DATABASE_URL": "", "COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


def test_an_invoice_that_agrees(db: Database, tmp_path: Path) -> None:
    book(
        tmp_path,
        db,
        {"cost_nano_usd": 2_004_000_000},
        {"cost_nano_usd": 250_000_000, "started_us": SECOND},
        {"cost_nano_usd": 9_000_000_000, "provider": "openai"},
    )
    code, out, err = run(tmp_path, COSTS)
    assert (code, out) == (0, "")
    assert "Left out: 1 lines, web_search, 0.1 USD" in err
    assert "2.26 USD billed, 2.254 USD booked, difference -0.006 USD." in err
    assert "Anthropic cost, 2026-03-22 to 2026-03-23: 0 of 2 sums by day and model differ." in err
    assert run(tmp_path, COSTS, "--all")[1].count("Claude Sonnet 4.5") == 2


def test_differences_are_told_by_day_and_model(db: Database, tmp_path: Path) -> None:
    book(
        tmp_path,
        db,
        {"cost_nano_usd": 1_800_000_000},
        {"cost_nano_usd": None, "status": "incomplete"},
        {"cost_nano_usd": 70_000_000, "routed_model": "claude-haiku-4-5", "started_us": SECOND},
    )
    code, out, err = run(tmp_path, COSTS)
    assert code == 1
    assert "3 of 3 sums by day and model differ." in err
    lines = [line.split("│")[1:-1] for line in out.splitlines() if line.startswith("│ 2026")]
    told = [[cell.strip() for cell in line] for line in lines]
    assert told == [
        [
            "2026-03-22",
            "Claude Sonnet 4.5",
            "USD",
            "2.01",
            "1.8",
            "-0.21",
            "-10.45",
            "1 calls without a price, 1 calls cut, estimated",
        ],
        ["2026-03-23", "Claude Sonnet 4.5", "USD", "0.25", "0", "-0.25", "-100.00", "not in the ledger"],
        ["2026-03-23", "claude-haiku-4-5", "USD", "0", "0.07", "0.07", "", "not in the file"],
    ]
    assert run(tmp_path, COSTS, "--tolerance", "100")[2].count("1 of 3 sums") == 1


def test_one_month_as_json(db: Database, tmp_path: Path) -> None:
    text = COSTS + "2026-04-01,Claude Sonnet 4.5,Default,ours,message,≤ 200k,output,7,token\n"
    book(tmp_path, db, {"cost_nano_usd": 2_010_000_000}, {"cost_nano_usd": 5_000_000, "started_us": FIRST + 9 * 10**12})
    code, out, err = run(tmp_path, text, "--month", "2026-03", "--json")
    assert code == 1
    (line,) = map(msgspec.json.decode, out.splitlines())
    assert (line["day"], line["missing"], line["theirs"], line["difference"]) == (
        "2026-03-23",
        "ledger",
        "0.25",
        "-0.25",
    )
    assert "Left out: 1 lines, other days, 7 USD" in err
    assert run(tmp_path, text, "--month", "2026-01")[0] == 0


def test_names_that_only_the_configuration_or_the_operator_knows(db: Database, tmp_path: Path) -> None:
    text = "Day,Name,USD\n2026-03-22,gpt-5,1\n"
    book(tmp_path, db, {"cost_nano_usd": 10**9, "provider": "azure", "routed_model": "our-deployment"})
    arguments = ["--columns", "date=Day,model=Name,cost=USD", "--provider", "azure"]
    assert run(tmp_path, text, *arguments)[0] == 1
    assert run(tmp_path, text, *arguments, "--as", "gpt-5=our-deployment")[0] == 0
    config = tmp_path / "config.yaml"
    entry = {
        "model_name": "m",
        "litellm_params": {"model": "azure/our-deployment", "api_base": "https://x.openai.azure.com", "api_key": "k"},
        "model_info": {"base_model": "azure/gpt-5"},
    }
    general = {"master_key": "sk-0123456789abcdef"}
    config.write_bytes(msgspec.json.encode({"model_list": [entry], "general_settings": general}))
    assert run(tmp_path, text, *arguments, "--config", str(config))[0] == 0


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (COSTS.replace("0.51", "0,51"), [], "bill.csv, line 3: 10 columns, the header has 9."),
        (COSTS.replace("0.25", "much"), [], "bill.csv, line 4, column 'cost_usd': 'much' is no number."),
        ("a,b\n1,2\n", [], "bill.csv is no export that is known"),
        (b"\xff\xfea\x00", [], "no text in UTF-8"),
        (COSTS.partition("\n")[0], [], "bill.csv bills nothing for tokens."),
        (COSTS, ["--month", "2026-13"], "--month 2026-13 is no month"),
        (COSTS, ["--tolerance", "-1"], "--tolerance -1 is no percentage"),
        (COSTS, ["--as", "a"], "--as a: write NAME=NAME."),
        (COSTS, ["--columns", "date=usage_date_utc,cost=cost_usd"], "--provider: say which"),
        (COSTS, ["--columns", "when=x"], "--columns: 'when' is nothing that is compared"),
    ],
    ids=range(10),
)
def test_what_cannot_be_compared_is_said_and_nothing_else(
    db: Database, tmp_path: Path, text: str | bytes, arguments: list[str], said: str
) -> None:
    book(tmp_path, db, {"cost_nano_usd": 1})
    code, out, err = run(tmp_path, text, *arguments)
    assert (code, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1
