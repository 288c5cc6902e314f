from __future__ import annotations

from typing import Any

import pytest

from sekisho.providers.fake.paths import Route, find_route

ARN = "arn:aws:bedrock:us-east-1:1:inference-profile/us.x-v1:0"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/messages", {"api": "messages", "vendor": "anthropic"}),
        ("/v1/responses/input_tokens", {"api": "count_responses", "vendor": "openai", "stream": False}),
        ("/anthropic/v1/messages/count_tokens", {"api": "count_tokens", "vendor": "anthropic"}),
        ("/chat/completions", {"api": "chat", "vendor": "openai"}),
        ("/openai/deployments/gpt%2D5/chat/completions", {"api": "chat", "vendor": "azure", "model": "gpt-5"}),
        ("/openai/deployments/e/embeddings", {"api": "embeddings", "vendor": "azure", "model": "e"}),
        ("/openai/v1/responses", {"api": "responses", "vendor": "azure"}),
        ("/openai/responses", {"api": "responses", "vendor": "azure"}),
        ("/model/m%3A0/converse", {"api": "converse", "vendor": "aws", "model": "m:0", "stream": False}),
        (
            f"/model/{ARN.replace(':', '%3A').replace('/', '%2F')}/converse-stream",
            {"api": "converse", "vendor": "aws", "model": ARN, "stream": True, "framing": "aws"},
        ),
        ("/model/m/invoke", {"api": "invoke", "vendor": "aws", "model": "m", "stream": False}),
        (
            "/model/m/invoke-with-response-stream",
            {"api": "invoke", "vendor": "aws", "model": "m", "stream": True, "framing": "chunks"},
        ),
        ("/model/m/count-tokens", {"api": "count_invoke", "vendor": "aws", "model": "m", "stream": False}),
        ("/v1beta/models/g:generateContent", {"api": "generate", "vendor": "google", "model": "g", "stream": False}),
        ("/v1/models/g%3AcountTokens", {"api": "count_generate", "vendor": "google", "model": "g", "stream": False}),
        (
            "/v1beta1/publishers/google/models/g:streamGenerateContent",
            {"api": "generate", "vendor": "google", "model": "g", "stream": True, "framing": "array"},
        ),
        (
            "/v1/projects/p/locations/l/publishers/anthropic/models/c@1:streamRawPredict",
            {"api": "messages", "vendor": "google", "model": "c@1", "stream": True},
        ),
        (
            "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
            {"api": "count_tokens", "vendor": "google", "stream": False},
        ),
    ],
)
def test_a_path_means(path: str, route: dict[str, Any]) -> None:
    assert find_route(path, {}) == Route(**route)


def test_google_is_asked_for_events() -> None:
    found = find_route("/v1beta/models/g:streamGenerateContent", {"alt": "sse"})
    assert found is not None
    assert found.framing == "sse"


@pytest.mark.parametrize(
    "path", ["/", "/v1/nowhere", "/model/a/b/converse", "/model/m/delete", "/v1beta/models/g:dream", "/v1beta/models"]
)
def test_nothing_else_is_asked(path: str) -> None:
    assert find_route(path, {}) is None
