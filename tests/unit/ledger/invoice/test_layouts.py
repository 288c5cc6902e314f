from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from sekisho.ledger.invoice.billed import Billed, Layout, LeftOut
from sekisho.ledger.invoice.layouts import LAYOUTS, layout_by_columns, layout_of
from sekisho.ledger.invoice.sheet import InvoiceError, Sheet

DAY = dt.date(2026, 3, 22)
ANTHROPIC_USAGE = """\
usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,\
usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,\
web_search_count,inference_geo,speed
2026-03-22,claude-sonnet-4-20250514,ours,Default,standard,≤ 200k,100,20,3,4000,50,10,not_available,
"""
ANTHROPIC_COST = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,\
inference_geo,speed,api_key_id,api_key_status
2026-03-22,Claude Opus 4.6,Default,ours,message,≤ 200k,input_no_cache,1.50,1.50,token,global,,a,active
2026-03-22,,Default,ours,web_search,,,0.10,0.10,web_search,global,,a,active
"""
OPENAI_USAGE = """\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,\
service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens
1774137600,1774224000,2026-03-22T00:00:00+00:00,2026-03-23T00:00:00+00:00,p,10.0,u,k,gpt-4o-2024-08-06,FALSE,default,\
59200.0,10646.0,5760.0,53440.0
1774224000,1774310400,2026-03-23T00:00:00+00:00,2026-03-24T00:00:00+00:00,,,,,,,,,,,
"""
OPENAI_COST = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,organization_id
1774137600,1774224000,2026-03-22T00:00:00+00:00,2026-03-23T00:00:00+00:00,0.8958740000000000,usd,\
"gpt-5-2025-08-07, cached input",p,o
1774137600,1774224000,2026-03-22T00:00:00+00:00,2026-03-23T00:00:00+00:00,0.5,usd,,p,o
1774224000,1774310400,2026-03-23T00:00:00+00:00,2026-03-24T00:00:00+00:00,,,,,
"""


def read(folder: Path, text: str) -> tuple[Layout, list[Billed | LeftOut]]:
    path = folder / "bill.csv"
    path.write_text(text)
    sheet = Sheet(path)
    layout = layout_of("bill.csv", sheet.header)
    return layout, [item for line in sheet.lines() for item in layout.read(line)]


def test_anthropics_usage(tmp_path: Path) -> None:
    layout, found = read(tmp_path, ANTHROPIC_USAGE)
    tokens = {"input": 100, "cache_write": 20, "cache_write_1h": 3, "cache_read": 4000, "output": 50}
    assert (layout.name, found) == (
        "Anthropic usage",
        [Billed(day=DAY, model="claude-sonnet-4-20250514", tokens=tokens)],
    )


def test_anthropics_cost(tmp_path: Path) -> None:
    layout, found = read(tmp_path, ANTHROPIC_COST)
    assert layout.name == "Anthropic cost"
    assert found == [
        Billed(day=DAY, model="Claude Opus 4.6", cost_usd=Decimal("1.50")),
        LeftOut("web_search", Decimal("0.10")),
    ]


def test_openais_usage_tells_cached_tokens_among_the_input(tmp_path: Path) -> None:
    layout, found = read(tmp_path, OPENAI_USAGE)
    tokens = {"input": 53_440, "cache_read": 5_760, "output": 10_646}
    assert (layout.name, found) == ("OpenAI usage", [Billed(day=DAY, model="gpt-4o-2024-08-06", tokens=tokens)])


def test_openais_cost_with_and_without_its_line_items(tmp_path: Path) -> None:
    layout, found = read(tmp_path, OPENAI_COST)
    assert layout.name == "OpenAI cost"
    assert found == [
        Billed(day=DAY, model="gpt-5-2025-08-07", cost_usd=Decimal("0.895874")),
        Billed(day=DAY, model="", cost_usd=Decimal("0.5")),
    ]


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        (OPENAI_COST, ("usd,,p", "eur,,p"), "line 3, column 'amount_currency': only USD is compared."),
        (OPENAI_COST, ("1774137600,1774224000", "1774137600,1776816000"), "line 2, column 'end_time': more than a day"),
        (OPENAI_USAGE, (",5760.0,", ",59201,"), "line 2, column 'input_cached_tokens': more than 'input_tokens'."),
        (OPENAI_USAGE, (",59200.0,", ",lots,"), "line 2, column 'input_tokens': 'lots' is no number."),
        (ANTHROPIC_COST, (",1.50,1.50", ',"1,50",1.50'), "line 2, column 'cost_usd': '1,50' is no number."),
        (ANTHROPIC_USAGE, ("2026-03-22", "22.03.2026"), "line 2, column 'usage_date_utc': '22.03.2026' is no day."),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, change: tuple[str, str], said: str) -> None:
    assert change[0] in text
    with pytest.raises(InvoiceError) as error:
        read(tmp_path, text.replace(*change))
    assert str(error.value).startswith(f"bill.csv, {said}")


def test_layouts_are_told_apart_by_their_columns() -> None:
    for layout in LAYOUTS:
        assert layout_of("x", layout.needs) is layout


def test_a_header_that_nobody_knows_names_the_nearest() -> None:
    with pytest.raises(InvoiceError, match="Nearest is Anthropic cost, but for: token_type") as error:
        layout_of("x.csv", ["usage_date_utc", "model", "cost_usd"])
    assert "--columns" in str(error.value)


def test_columns_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("Date,Slug,Usage,Prompt Tokens\n2026-03-22 00:00:00,anthropic/claude-opus-4.7,430.07,7\n")
    sheet = Sheet(path)
    said = {"date": "Date", "model": "Slug", "cost": "Usage", "input": "Prompt Tokens"}
    layout = layout_by_columns("bill.csv", sheet.header, said)
    (found,) = [item for line in sheet.lines() for item in layout.read(line)]
    assert (layout.costs, layout.kinds) == (True, ("input",))
    assert found == Billed(day=DAY, model="anthropic/claude-opus-4.7", cost_usd=Decimal("430.07"), tokens={"input": 7})
    whole = layout_by_columns("bill.csv", sheet.header, {"date": "Date", "cost": "Usage"})
    assert [item.model for line in Sheet(path).lines() for item in whole.read(line) if isinstance(item, Billed)] == [""]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"date": "A", "price": "B"}, "'price' is nothing that is compared"),
        ({"date": "A", "cost": "Z"}, "x.csv has no column 'Z'."),
        ({"cost": "B"}, "needs date="),
        ({"date": "A", "model": "B"}, "needs date="),
    ],
)
def test_columns_that_cannot_be_are_named(said: dict[str, str], message: str) -> None:
    with pytest.raises(InvoiceError, match=message):
        layout_by_columns("x.csv", ["a", "b"], said)
