from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from sekisho.ledger.invoice.billed import Billed, LeftOut, likeness
from sekisho.ledger.invoice.clouds import aws, azure
from sekisho.ledger.invoice.sheet import InvoiceError, Line

DAY = dt.date(2026, 8, 3)


def cur(usage_type: str, **cells: str) -> list[Billed | LeftOut]:
    line = {
        "line_item_usage_start_date": "2026-08-03T05:00:00Z",
        "line_item_usage_end_date": "2026-08-03T06:00:00Z",
        "line_item_line_item_type": "Usage",
        "line_item_product_code": "AmazonBedrock",
        "line_item_usage_type": usage_type,
        "line_item_usage_amount": "29.481",
        "line_item_unblended_cost": "0.0972873",
        "line_item_currency_code": "USD",
        "pricing_unit": "1K tokens",
    }
    return list(aws(Line("cur.csv", 2, line | cells)))


@pytest.mark.parametrize(
    ("usage_type", "model", "kind"),
    [
        ("USW2-Claude4.5Sonnet-input-tokens", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "input"),
        ("USE1-Claude4.6Opus-output-tokens-cross-region-global", "anthropic.claude-opus-4-6-v1:0", "output"),
        ("USW2-Claude4.5Sonnet-cache-write-input-token-count", "anthropic.claude-sonnet-4-5", "cache_write"),
        ("EUW1-Claude4.6Sonnet-cache-read-input-token-count-cross-region-global", "claude-sonnet-4-6", "cache_read"),
        (
            "USW2-anthropic.claude-opus-4-8-mantle-cache-write-tokens-global-standard",
            "anthropic.claude-opus-4-8",
            "cache_write",
        ),
        ("USE1-Nova2.0Pro-text-input-tokens-priority-cross-region-global", "amazon.nova-2-pro-v1:0", "input"),
        ("EU-Nova2.0Lite-input-tokens-cross-region-global-batch", "amazon.nova-2-lite-v1:0", "input"),
        ("USE1-GPT-OSS-120B-output-tokens-flex", "openai.gpt-oss-120b", "output"),
    ],
)
def test_usage_types_of_bedrock(usage_type: str, model: str, kind: str) -> None:
    (found,) = cur(usage_type)
    assert isinstance(found, Billed)
    assert likeness(found.model) == likeness(model)
    assert (found.day, found.cost_usd, found.tokens, found.vague) == (DAY, Decimal("0.0972873"), {kind: 29_481}, False)


def test_models_of_the_marketplace_are_named_by_their_product() -> None:
    product = {"line_item_product_code": "abc123", "product_product_name": "Claude Opus 5.5 (Amazon Bedrock Edition)"}
    (found,) = cur("USW2-MP:USW2_CacheReadInputTokenCount_Global-Units", **product, pricing_unit="Units")
    assert found == Billed(day=DAY, model="Claude Opus 5.5", cost_usd=Decimal("0.0972873"), vague=True)
    (found,) = cur("USW2-MP:USW2_OutputTokenCount-Units", **product, pricing_unit="1M tokens")
    assert isinstance(found, Billed)
    assert (found.tokens, found.vague) == ({"output": 29_481_000}, False)
    (left,) = cur("USW2-MP:USW2_InputTokenCount-Units", line_item_product_code="abc123")
    assert left == LeftOut("tokens of a model that is not named", Decimal("0.0972873"))


@pytest.mark.parametrize(
    ("usage_type", "cells", "reason"),
    [
        ("BoxUsage:t3.micro", {"line_item_product_code": "AmazonEC2"}, "other services"),
        ("USE1-Claude4.5Sonnet-input-tokens", {"line_item_line_item_type": "Tax"}, "Tax"),
        ("USE1-Claude4.5Sonnet-input-tokens", {"line_item_line_item_type": "Credit"}, "Credit"),
        ("USE1-Guardrail-ContentPolicyUnits", {}, "Usage"),
    ],
)
def test_what_is_not_for_tokens_is_left_out_by_name(usage_type: str, cells: dict[str, str], reason: str) -> None:
    assert cur(usage_type, **cells) == [LeftOut(reason, Decimal("0.0972873"))]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"line_item_currency_code": "EUR"}, "line_item_currency_code"),
        ({"line_item_usage_end_date": "2026-09-01T00:00:00Z"}, "line_item_usage_end_date"),
        ({"line_item_unblended_cost": "free"}, "line_item_unblended_cost"),
        ({"line_item_usage_amount": "x"}, "line_item_usage_amount"),
    ],
)
def test_a_line_of_aws_that_cannot_be_compared_is_named(cells: dict[str, str], column: str) -> None:
    with pytest.raises(InvoiceError, match=f"cur.csv, line 2, column '{column}'"):
        cur("USE1-Claude4.5Sonnet-input-tokens", **cells)


def details(meter: str, **cells: str) -> list[Billed | LeftOut]:
    line: dict[str, Any] = {
        "date": "08/03/2026",
        "meter_category": "Cognitive Services",
        "meter_sub_category": "Azure OpenAI",
        "meter_name": meter,
        "quantity": "59.2",
        "unit_of_measure": "1K",
        "cost_in_billing_currency": "0.148",
        "billing_currency": "USD",
    }
    return list(azure(Line("azure.csv", 2, line | cells)))


@pytest.mark.parametrize(
    ("meter", "model", "kind", "subcategory"),
    [
        ("gpt 4o 1120 Inp glbl Tokens", "gpt-4o", "input", "Azure OpenAI"),
        ("gpt 4o 1120 cached Inp glbl Tokens", "gpt-4o", "cache_read", "Azure OpenAI"),
        ("gpt 4.1 nano Outp DZone Tokens", "gpt-4.1-nano", "output", "Azure OpenAI"),
        ("o4-mini 0416 Inp glbl Tokens", "o4-mini", "input", "Azure OpenAI Reasoning"),
        ("GPT 5 outpt Glbl 1M Tokens", "gpt-5", "output", "Azure OpenAI GPT5"),
        ("5.4 inp Gl 1M Tokens", "gpt-5.4", "input", "Azure OpenAI GPT5"),
        ("5.5 ShortCo opt Dz 1M Tokens", "gpt-5.5", "output", "Azure OpenAI GPT5"),
        ("gpt-oss-120B Inp glbl Tokens", "gpt-oss-120b", "input", "Azure OSS"),
        ("V4 Pro Inp glbl Tokens", "V4 Pro", "input", "Azure DeepSeek Models"),
    ],
)
def test_meters_of_azure(meter: str, model: str, kind: str, subcategory: str) -> None:
    (found,) = details(meter, meter_sub_category=subcategory)
    assert isinstance(found, Billed)
    assert likeness(found.model) == likeness(model)
    assert (found.day, found.cost_usd, found.tokens) == (DAY, Decimal("0.148"), {kind: 59_200})


def test_other_meters_currencies_and_units() -> None:
    assert details("Standard SSD Disk") == [LeftOut("other meters", Decimal("0.148"))]
    with pytest.raises(InvoiceError, match="line 2, column 'billing_currency': only USD is compared"):
        details("gpt 4o Inp glbl Tokens", billing_currency="JPY")
    (in_usd,) = details("gpt 4o Inp glbl Tokens", billing_currency="JPY", cost_in_usd="0.001")
    assert isinstance(in_usd, Billed)
    assert in_usd.cost_usd == Decimal("0.001")
    (found,) = details("gpt 4o Inp glbl Tokens", unit_of_measure="1 Hour")
    assert isinstance(found, Billed)
    assert (found.tokens, found.vague) == ({}, True)
