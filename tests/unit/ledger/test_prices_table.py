"""Our table beside its source, over a grid: every model, tokens of all kinds, tiers, ways of processing, dates."""

from __future__ import annotations

import datetime as dt
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import genai_prices
import msgspec
import pytest
from genai_prices import types as source
from genai_prices.data import providers

from sekisho.canonical.usage import Usage
from sekisho.core.clock import FakeClock
from sekisho.core.money import NANO_PER_USD
from sekisho.ledger.names import names_of
from sekisho.ledger.prices import PriceBook
from sekisho.ledger.rates import STANDARD

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "build_prices.py"
BOOK = PriceBook.load(FakeClock())
BY_ID = {provider.id: provider for provider in providers}

USAGES = (
    Usage(input_tokens=1_000, output_tokens=0),
    Usage(
        input_tokens=123_457, cache_read_tokens=10_001, cache_write_tokens=7_003, output_tokens=991, reasoning_tokens=13
    ),
    Usage(input_tokens=1, cache_read_tokens=199_998, cache_write_tokens=1, output_tokens=77),
    Usage(input_tokens=2, cache_read_tokens=199_998, cache_write_tokens=1, cache_write_1h_tokens=1, output_tokens=77),
    Usage(input_tokens=272_001, cache_write_tokens=5_000, cache_write_1h_tokens=2_000, output_tokens=30_011),
    Usage(input_tokens=1_300_000, output_tokens=9),
)
MOMENTS = tuple(
    dt.datetime(*day, tzinfo=dt.UTC)
    for day in ((2025, 5, 1, 3), (2026, 8, 20, 8), (2026, 11, 21, 12), (2027, 6, 1, 17))
)
CONTEXTS: dict[str, dict[str, str] | None] = {
    STANDARD: None,
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


def script() -> Any:
    spec = importlib.util.spec_from_file_location("build_prices", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def their_cost(provider: str, model: str, usage: Usage, moment: dt.datetime, context: dict[str, str] | None) -> float:
    """What the source says in nano-USD, of the kinds of token that we count."""
    found = genai_prices.calc_price(
        source.Usage(
            input_tokens=usage.prompt_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_5m_tokens=usage.cache_write_tokens - usage.cache_write_1h_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_tokens=usage.output_tokens,
            output_reasoning_tokens=usage.reasoning_tokens,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=moment,
        price_context=context,
    )
    return float((found.input_price + found.output_price) * NANO_PER_USD)


def disagreements(provider: str, model: str) -> Iterator[str]:
    rates, listed = BOOK.resolve(provider, model, {}), BOOK._find(provider, model.lower())
    if rates is None or listed is None:
        return
    for moment in MOMENTS:
        at_us = round(moment.timestamp()) * 1_000_000
        for mode, context in CONTEXTS.items():
            if mode not in listed:
                continue
            for usage in USAGES:
                theirs = their_cost(provider, model, usage, moment, context)
                ours = rates.cost_nano_usd(usage, service_tier=mode, at_us=at_us)
                # One rounding of ours, and the source's prices that are a float's noise.
                if abs(ours - theirs) > 1:
                    yield f"{provider}/{model} {mode} {moment:%F %H:%M} {usage}: ours {ours}, theirs {theirs}"


def names() -> list[tuple[str, str]]:
    return [(name, model.id) for name in script().PROVIDERS for model in BY_ID[name].models]


def test_no_model_costs_something_else_than_at_the_source() -> None:
    assert [line for provider, model in names() for line in disagreements(provider, model)] == []


def test_a_name_finds_the_model_that_it_finds_at_the_source() -> None:
    """Names as they are written in configurations: dated, regional, with a vendor's prefix, of another vendor."""
    refs = [
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("anthropic", "claude-opus-4-6"),
        ("anthropic", "no-such-model"),
        ("openai", "gpt-4o"),
        ("openai", "gpt-4o-mini-2024-07-18"),
        ("openai", "GPT-5.2-20251211"),
        ("openai", "o3"),
        ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("aws", "global.anthropic.claude-opus-4-6-v1"),
        ("aws", "jp.anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("azure", "gpt-4o"),
        ("azure", "claude-opus-4-6"),
        ("google", "gemini-2.5-pro"),
        ("google", "claude-sonnet-4-5@20250929"),
        ("deepseek", "deepseek-chat"),
    ]
    for provider, name in refs:
        theirs = BY_ID[provider].find_model(name, all_providers=providers)
        found = (BOOK._find(provider, each) for each in names_of(provider, name).names)
        entry = next((each for each in found if each is not None), None)
        assert (entry or {}).get("id") == (theirs.id if theirs is not None else None), (provider, name)


def test_the_committed_table_is_what_the_script_writes() -> None:
    written = msgspec.json.decode(script().TABLE.read_bytes())
    assert written["version"] == f"genai-prices {genai_prices.__version__}"
    built = script().build()
    assert sorted(written["providers"]) == sorted(built)
    for name, provider in built.items():
        assert written["providers"][name] == msgspec.json.decode(msgspec.json.encode(provider)), name


@pytest.mark.parametrize("provider", ["anthropic", "openai", "aws", "azure", "google"])
def test_the_great_providers_are_there(provider: str) -> None:
    assert sum(BOOK._find(provider, model.id.lower()) is not None for model in BY_ID[provider].models) >= 20
