"""Where the packaged table and LiteLLM's cost map do not say the same, one line a model, so that a change is noticed.

The rows are the cost keys that LiteLLM's users find for these models, in USD per million tokens. What is listed in
`DISAGREE` is booked at the table's price unless the operator writes the key into the configuration.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from sekisho.canonical.usage import Usage
from sekisho.core.clock import FakeClock
from sekisho.ledger.prices import PriceBook

NOVEMBER_2026_US = 1_795_000_000_000_000
BOOK = PriceBook.load(FakeClock(NOVEMBER_2026_US))

KEYS = {
    "in": "input_cost_per_token",
    "out": "output_cost_per_token",
    "read": "cache_read_input_token_cost",
    "write": "cache_creation_input_token_cost",
    "write_1h": "cache_creation_input_token_cost_above_1hr",
}
SHORT = Usage(input_tokens=10_000, output_tokens=1_000)
LONG = Usage(input_tokens=300_000, output_tokens=1_000)
CACHED = Usage(cache_read_tokens=10_000, output_tokens=1)
WRITTEN = Usage(cache_write_tokens=10_000, output_tokens=1)
KEPT = Usage(cache_write_tokens=10_000, cache_write_1h_tokens=10_000, output_tokens=1)
USAGES = {"short": SHORT, "long": LONG, "cached": CACHED, "written": WRITTEN, "kept 1h": KEPT}

#: (price key, model) -> LiteLLM's prices: kind, or kind and suffix of its key.
LITELLM: dict[tuple[str, str], dict[str, str]] = {
    ("anthropic", "claude-sonnet-4-5-20250929"): {
        "in": "3",
        "out": "15",
        "read": "0.3",
        "write": "3.75",
        "write_1h": "6",
        "in_above_200k_tokens": "6",
        "out_above_200k_tokens": "22.5",
        "read_above_200k_tokens": "0.6",
        "write_above_200k_tokens": "7.5",
        "write_1h_above_200k_tokens": "12",
    },
    ("anthropic", "claude-opus-4-5-20251101"): {
        "in": "5",
        "out": "25",
        "read": "0.5",
        "write": "6.25",
        "write_1h": "10",
    },
    ("anthropic", "claude-haiku-4-5"): {"in": "1", "out": "5", "read": "0.1", "write": "1.25", "write_1h": "2"},
    ("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0"): {"in": "3", "out": "15", "read": "0.3", "write": "3.75"},
    ("aws", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"): {
        "in": "3.3",
        "out": "16.5",
        "read": "0.33",
        "write": "4.125",
        "in_above_200k_tokens": "6.6",
        "out_above_200k_tokens": "24.75",
    },
    ("aws", "global.anthropic.claude-haiku-4-5-20251001-v1:0"): {"in": "1", "out": "5", "read": "0.1", "write": "1.25"},
    ("aws", "amazon.nova-pro-v1:0"): {"in": "0.8", "out": "3.2", "read": "0.2"},
    ("azure", "azure/eu/gpt-4o-2024-08-06"): {"in": "2.75", "out": "11", "read": "1.375"},
    ("azure", "azure/gpt-4.1"): {"in": "2", "out": "8", "read": "0.5"},
    ("google", "gemini-2.5-pro"): {
        "in": "1.25",
        "out": "10",
        "read": "0.125",
        "in_above_200k_tokens": "2.5",
        "out_above_200k_tokens": "15",
        "read_above_200k_tokens": "0.25",
    },
    ("google", "vertex_ai/claude-sonnet-4-5@20250929"): {
        "in": "3",
        "out": "15",
        "read": "0.3",
        "write": "3.75",
        "in_above_200k_tokens": "6",
        "out_above_200k_tokens": "22.5",
    },
    ("openai", "gpt-5"): {"in": "1.25", "out": "10", "read": "0.125", "in_flex": "0.625", "in_priority": "2.5"},
    ("openai", "gpt-4.1"): {"in": "2", "out": "8", "read": "0.5", "in_priority": "3.5", "out_priority": "14"},
}

#: What is known to differ: (price key, model) -> (which usages, LiteLLM's cost over ours, why).
DISAGREE: dict[tuple[str, str], tuple[set[str], str]] = {
    ("aws", "anthropic.claude-sonnet-4-5-20250929-v1:0"): (
        {"short", "long", "cached", "written", "kept 1h"},
        "in one region AWS asks a tenth more than for the global profile; LiteLLM lists the global price",
    ),
    ("aws", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"): (
        {"long"},
        "LiteLLM knows a price above 200k prompt tokens, the table none",
    ),
}


def usd(costs: dict[str, str]) -> dict[str, Decimal]:
    named = {}
    for name, per_million in costs.items():
        kind = max((kind for kind in KEYS if name.startswith(kind)), key=len)
        named[KEYS[kind] + name.removeprefix(kind)] = Decimal(per_million) / 1_000_000
    return named


def differing(price_key: str, model: str, *, tier: str | None = None) -> set[str]:
    ours, theirs = BOOK.resolve(price_key, model, {}), BOOK.resolve(price_key, model, usd(LITELLM[price_key, model]))
    assert ours is not None
    assert theirs is not None
    return {
        name
        for name, usage in USAGES.items()
        if ours.cost_nano_usd(usage, service_tier=tier) != theirs.cost_nano_usd(usage, service_tier=tier)
    }


@pytest.mark.parametrize(("price_key", "model"), sorted(LITELLM))
def test_only_what_is_listed_disagrees(price_key: str, model: str) -> None:
    assert differing(price_key, model) == DISAGREE.get((price_key, model), (set(), ""))[0]


def test_every_disagreement_has_its_reason() -> None:
    assert all(key in LITELLM and usages and reason for key, (usages, reason) in DISAGREE.items())


def test_the_tiers_agree_where_both_list_them() -> None:
    assert "short" not in differing("openai", "gpt-4.1", tier="priority")
