from __future__ import annotations

import pytest

from sekisho.providers.clouds import CLOUDS
from sekisho.providers.provider import Provider, paths_of

ROWS = {row.name: row for row in CLOUDS}


def dialects(row: Provider, model: str, *known: str) -> list[str]:
    return list(paths_of(row, model, frozenset(known)))


@pytest.mark.parametrize(
    ("name", "model", "known", "expected"),
    [
        ("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", (), ["bedrock-converse", "anthropic-messages@bedrock"]),
        ("bedrock", "meta.llama3-1-70b-instruct-v1:0", (), ["bedrock-converse"]),
        ("bedrock", "", (), ["bedrock-converse"]),
        ("vertex_ai", "claude-opus-4", ("project", "location"), ["anthropic-messages@vertex"]),
        ("vertex_ai", "claude-opus-4", ("express",), []),
        ("vertex_ai", "gemini-2.5-pro", ("express",), ["gemini-generate"]),
        ("vertex_ai", "mistralai/codestral-2", ("project", "location"), ["openai-chat"]),
        ("azure_ai", "claude-opus-4-1", ("v1",), ["anthropic-messages"]),
        ("azure_ai", "Claude-Opus-4-1", ("v1",), ["anthropic-messages"]),
        ("azure_ai", "gpt-5", ("v1",), ["openai-chat", "openai-responses"]),
        ("azure", "claude-like-name", ("v1",), ["openai-chat", "openai-responses"]),
        ("azure", "gpt-4o", ("api_version",), ["openai-chat"]),
    ],
)
def test_what_is_spoken(name: str, model: str, known: tuple[str, ...], expected: list[str]) -> None:
    assert dialects(ROWS[name], model, *known) == expected


def test_bedrock_bills_what_nobody_hears() -> None:
    assert {name for name, row in ROWS.items() if row.hang_up == "drain"} == {"bedrock", "bedrock_mantle"}
