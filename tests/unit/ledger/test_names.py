from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.ledger.names import names_of

ARN = "arn:aws:bedrock:eu-west-1:123456789012:"


@pytest.mark.parametrize(
    ("price_key", "model", "first"),
    [
        ("anthropic", "claude-opus-5[1m]", "claude-opus-5"),
        ("anthropic", "anthropic/claude-opus-5", "claude-opus-5"),
        ("aws", "eu.anthropic.claude-x-v1:0", "eu.anthropic.claude-x-v1:0"),
        ("aws", "bedrock/converse/us.anthropic.claude-x-v1:0", "us.anthropic.claude-x-v1:0"),
        ("aws", "bedrock/us-gov-west-1/anthropic.claude-x-v1:0", "anthropic.claude-x-v1:0"),
        ("aws", f"{ARN}inference-profile/eu.anthropic.claude-x-v1:0", "eu.anthropic.claude-x-v1:0"),
        ("aws", "arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova-x-v1%3A0", "amazon.nova-x-v1:0"),
        ("aws", "amazon.nova-x-v1:0:300k", "amazon.nova-x-v1:0"),
        ("google", "vertex_ai/claude-x@default", "claude-x"),
        ("google", "claude-x@20250929", "claude-x@20250929"),
        ("google", "projects/p/locations/us/publishers/google/models/gemini-x", "gemini-x"),
        ("google", "models/gemini-x", "gemini-x"),
        ("google", "gemini/gemini-x", "gemini-x"),
        ("azure", "azure/gpt-35-turbo", "gpt-3.5-turbo"),
        ("azure", "azure_ai/claude-x", "claude-x"),
        ("openai", "openai/responses/gpt-x", "gpt-x"),
        ("openrouter", "anthropic/claude-x", "anthropic/claude-x"),
    ],
)
def test_what_does_not_change_the_price_is_taken_off(price_key: str, model: str, first: str) -> None:
    assert names_of(price_key, model).names[0] == first


@pytest.mark.parametrize(
    ("price_key", "model"),
    [
        ("aws", f"{ARN}application-inference-profile/abc123"),
        ("aws", f"{ARN}provisioned-model/abc123"),
        ("aws", f"{ARN}imported-model/abc123"),
        ("aws", f"{ARN}custom-model/amazon.nova-lite-v1:0/abc"),
        ("aws", f"{ARN}default-prompt-router/anthropic.claude:1"),
        ("google", "projects/p/locations/us/endpoints/42"),
        ("google", "vertex_ai/42"),
        ("openai", ""),
    ],
)
def test_an_id_that_hides_its_model_has_no_name(price_key: str, model: str) -> None:
    assert names_of(price_key, model).names == ()


def test_a_geography_that_is_not_listed_is_looked_up_as_another() -> None:
    assert names_of("aws", "apac.anthropic.x").names == ("apac.anthropic.x", "us.anthropic.x", "anthropic.x")
    assert names_of("aws", "anthropic.x").names == ("anthropic.x", "us.anthropic.x")


def test_the_global_profile_has_a_price_of_its_own() -> None:
    assert names_of("aws", "global.anthropic.x").names == ("global.anthropic.x",)


@pytest.mark.parametrize(
    ("model", "name", "place"),
    [("azure/eu/gpt-x", "gpt-x", "eu"), ("us/gpt-x", "gpt-x", "us"), ("azure/global/gpt-x", "gpt-x", "")],
)
def test_a_data_zone_is_read_from_a_base_model(model: str, name: str, place: str) -> None:
    named = names_of("azure", model)
    assert (named.names[0], named.place) == (name, place)


def test_a_compact_date_is_also_looked_up_with_dashes() -> None:
    assert names_of("openai", "gpt-x-20260131").names[-1] == "gpt-x-2026-01-31"


@given(st.sampled_from(["", "aws", "azure", "google", "openai"]), st.text())
def test_any_text_gives_lower_case_names_each_once(price_key: str, model: str) -> None:
    names = names_of(price_key, model).names
    assert len(set(names)) == len(names)
    assert all(name and name == name.lower() for name in names)
