from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.target import Profile
from sekisho.providers.profiles import PROFILES, profile_of

#: Routed names as they are written: plain, with a date, at Vertex, at Bedrock.
CLAUDE = {
    "claude-3-haiku-20240307": (4_096, "none"),
    "claude-3-5-sonnet-20241022": (8_192, "none"),
    "claude-3-7-sonnet-20250219": (64_000, "budget"),
    "claude-sonnet-4-20250514": (64_000, "budget"),
    "claude-sonnet-4-5": (64_000, "budget"),
    "claude-haiku-4-5@20251001": (64_000, "budget"),
    "claude-opus-4-20250514": (32_000, "budget"),
    "claude-opus-4-1": (32_000, "budget"),
    "claude-opus-4-1-20250805": (32_000, "budget"),
    "claude-opus-4": (32_000, "budget"),
    "claude-opus-4@20250514": (32_000, "budget"),
    "claude-opus-4-5": (64_000, "budget"),
    "claude-opus-4-6": (64_000, "budget"),
    "claude-opus-4-7": (64_000, "adaptive"),
    "claude-sonnet-5": (64_000, "adaptive"),
    "claude-haiku-5-20270101": (64_000, "adaptive"),
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": (64_000, "budget"),
    "claude-of-tomorrow": (64_000, "budget"),
}
OPENAI = {
    "gpt-5": (128_000, True),
    "gpt-5-mini-2025-08-07": (128_000, True),
    "gpt-5.3-codex": (128_000, True),
    "gpt-10": (128_000, True),
    "o3-mini": (128_000, True),
    "codex-mini-latest": (128_000, True),
    "openai/gpt-5": (128_000, True),
    "gpt-4.1-mini": (32_768, False),
    "gpt-4o": (16_384, False),
    "gpt-4o-mini-2024-07-18": (16_384, False),
    "gpt-4-turbo": (32_000, False),
    "gpt-3.5-turbo": (32_000, False),
    "openrouter/o-something": (32_000, False),
    "llama-3-70b": (32_000, False),
    "foo1": (32_000, False),
}

#: Model -> whose words it takes in fields of its own, and behind what it takes a cache point.
BEDROCK = {
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": ("claude", "anything"),
    "anthropic.claude-3-haiku-20240307-v1:0": ("claude", "anything"),
    "anthropic.claude-v2": ("claude", "anything"),
    "us.amazon.nova-2-lite-v1:0": ("nova", "text"),
    "amazon.nova-lite-v1:0": ("nova", "text"),
    "amazon.titan-text-lite-v1": ("none", "nothing"),
    "us.meta.llama4-maverick-17b-instruct-v1:0": ("none", "nothing"),
    "openai.gpt-oss-120b-1:0": ("none", "nothing"),
    "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc": ("none", "anything"),
}
#: Model -> the most tokens of an answer, and whether it can be told not to think.
GEMINI = {
    "gemini-1.5-pro": (8_192, True),
    "gemini-2.5-flash": (65_535, True),
    "gemini-2.5-flash-lite": (65_535, True),
    "gemini-2.5-pro": (65_535, False),
    "gemini-3-pro-preview": (65_535, False),
    "gemini-3.1-pro-preview": (65_535, False),
    "gemini-3.5-flash": (65_535, False),
}


@pytest.mark.parametrize("model", GEMINI)
def test_geminis_families(model: str) -> None:
    profile = profile_of(model)
    assert (profile.max_output_tokens, not profile.always_thinks) == GEMINI[model]


@pytest.mark.parametrize("model", CLAUDE)
def test_claudes_families(model: str) -> None:
    profile = profile_of(model)
    assert (profile.max_output_tokens, profile.thinking) == CLAUDE[model]
    assert profile.sampling == profile.prefill == (profile.thinking != "adaptive")
    assert not profile.openai_reasoning


@pytest.mark.parametrize("model", BEDROCK)
def test_what_bedrock_hands_through(model: str) -> None:
    profile = profile_of(model)
    assert (profile.own_fields, profile.cache_points) == BEDROCK[model]


def test_only_claude_4_with_a_budget_is_asked_to_interleave() -> None:
    asked = {model for model in CLAUDE if profile_of(model).interleaved_beta}
    assert asked == {model for model, (_, thinking) in CLAUDE.items() if thinking == "budget"} - {
        "claude-3-7-sonnet-20250219"
    }


@pytest.mark.parametrize("model", OPENAI)
def test_openais_families(model: str) -> None:
    profile = profile_of(model)
    assert (profile.max_output_tokens, profile.openai_reasoning) == OPENAI[model]
    assert profile.prefers_responses == profile.openai_reasoning
    assert profile.thinking == "none"


def test_the_particular_comes_before_the_general() -> None:
    """No row is out of reach behind an earlier one."""
    reached = {id(profile_of(model)) for model in (*CLAUDE, *BEDROCK, *OPENAI, *GEMINI)}
    assert {id(profile) for _, profile in PROFILES} <= reached


@given(st.text(max_size=50))
def test_any_name_has_a_profile(model: str) -> None:
    assert isinstance(profile_of(model), Profile)


@pytest.mark.parametrize(
    ("model", "takes"), [("gpt-5", True), ("openai/gpt-6.1-sol", True), ("o3", False), ("gpt-4o", False)]
)
def test_newer_models_of_openai_are_told_which_tools_they_may_call(model: str, *, takes: bool) -> None:
    assert profile_of(model).allowed_tools is takes
