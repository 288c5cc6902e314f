from __future__ import annotations

import pytest

from sekisho.ledger.terms import geography_ratios, mode_of, place_ratio, tier_ratios


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("flex", "flex"),
        ("priority", "priority"),
        ("SERVICE_TIER_PRIORITY", "priority"),
        ("ON_DEMAND_FLEX", "flex"),
        ("ON_DEMAND", "standard"),
        ("default", "standard"),
        ("auto", "standard"),
        ("standard_only", "standard"),
        ("reserved", "standard"),
        ("fast", "fast"),
        ("optimized", "optimized"),
        ("never heard of", None),
        (None, None),
    ],
)
def test_every_provider_word_has_our_mode(word: str | None, mode: str | None) -> None:
    assert mode_of(word) == mode


def test_a_tier_without_a_listed_price_follows_the_standard_one() -> None:
    nova = {"flex": (1, 2), "priority": (7, 4), "batch": (1, 2), "optimized": (5, 4)}
    assert tier_ratios("aws", "amazon.nova-pro-v1:0") == nova
    assert tier_ratios("aws", "eu.anthropic.claude-opus-5").keys() == {"batch", "optimized"}
    assert tier_ratios("google", "gemini-3-pro-preview")["flex"] == (1, 2)
    assert tier_ratios("azure", "gpt-4.1")["priority"] == (7, 4)
    assert tier_ratios("azure", "gpt-5.2")["priority"] == (2, 1)
    assert tier_ratios("openai", "gpt-5.2") == {}


@pytest.mark.parametrize(
    ("price_key", "name", "place", "ratio"),
    [
        ("google", "claude-sonnet-4-5@20250929", "aiplatform.googleapis.com", (1, 1)),
        ("google", "claude-sonnet-4-5@20250929", "europe-west1-aiplatform.googleapis.com", (11, 10)),
        ("google", "claude-opus-5", "aiplatform.eu.rep.googleapis.com", (11, 10)),
        ("google", "claude-sonnet-4@20250514", "us-east5-aiplatform.googleapis.com", (1, 1)),
        ("google", "gemini-2.5-pro", "us-central1-aiplatform.googleapis.com", (1, 1)),
        ("openai", "gpt-5.4", "eu.api.openai.com", (11, 10)),
        ("openai", "gpt-5.4", "api.openai.com", (1, 1)),
        ("openai", "gpt-4o", "eu.api.openai.com", (1, 1)),
        ("azure", "gpt-4.1", "eu", (11, 10)),
        ("azure", "gpt-4.1", "company.openai.azure.com", (1, 1)),
        ("azure", "claude-opus-5", "eu", (1, 1)),
        ("aws", "eu.anthropic.claude-opus-5", "bedrock-runtime.eu-west-1.amazonaws.com", (1, 1)),
    ],
)
def test_a_place_may_cost_more(price_key: str, name: str, place: str, ratio: tuple[int, int]) -> None:
    assert place_ratio(price_key, name, place) == ratio


def test_a_geography_that_the_reply_names_may_cost_more() -> None:
    assert geography_ratios("anthropic", "claude-opus-4-6") == {"us": (11, 10)}
    assert geography_ratios("anthropic", "claude-opus-4-5") == {}
    assert geography_ratios("aws", "us.anthropic.claude-opus-4-6-v1") == {}
