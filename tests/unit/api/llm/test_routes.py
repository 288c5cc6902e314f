from __future__ import annotations

import pytest

from sekisho.api.llm.routes import PREFIXES, SURFACES, Routes, both
from sekisho.core.errors import OperatorError
from sekisho.exchange.call import Surface

ROUTES = Routes(SURFACES)
FIXED = [surface for surface in SURFACES if "{" not in surface.path]


def at(path: str) -> tuple[Surface, str | None] | None:
    found = ROUTES.find(path, path.encode())
    return None if found is None else (next(iter(found.methods.values())), found.model)


def test_each_path_stands_with_and_without_its_version_and_below_every_prefix() -> None:
    for surface in FIXED:
        for path in both(surface.path):
            for prefix in ("", *PREFIXES):
                found = ROUTES.find(prefix + path, (prefix + path).encode())
                assert found is not None
                assert found.methods[surface.method] is surface


def test_a_line_that_stands_twice_is_refused() -> None:
    with pytest.raises(OperatorError, match="twice"):
        Routes((*SURFACES, SURFACES[0]))


@pytest.mark.parametrize(
    ("path", "dialect", "stream", "model"),
    [
        ("/model/eu.anthropic.claude-v1%3A0/converse", "bedrock-converse", False, "eu.anthropic.claude-v1:0"),
        ("/model/claude/converse-stream", "bedrock-converse", True, "claude"),
        ("/bedrock/model/claude/invoke", "anthropic-messages@bedrock", False, "claude"),
        (
            "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fx/invoke-with-response-stream",
            "anthropic-messages@bedrock",
            True,
            "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x",
        ),
        ("/v1beta/models/gemini-3-pro:generateContent", "gemini-generate", False, "gemini-3-pro"),
        ("/gemini/v1beta/models/openai/gpt-5:streamGenerateContent", "gemini-generate@array", True, "openai/gpt-5"),
        ("/models/gemini-3-pro:generateContent", "gemini-generate", False, "gemini-3-pro"),
        (
            "/v1/projects/p/locations/global/publishers/google/models/g:generateContent",
            "gemini-generate",
            False,
            "g",
        ),
        (
            "/vertex_ai/v1/projects/p/locations/eu/publishers/anthropic/models/claude@2026:streamRawPredict",
            "anthropic-messages@vertex",
            True,
            "claude@2026",
        ),
        ("/v1beta1/publishers/google/models/g:streamGenerateContent", "gemini-generate@array", True, "g"),
        ("/v1/publishers/google/models/g:countTokens", "gemini-generate", False, "g"),
        ("/openai/deployments/gpt/chat/completions", "openai-chat", None, "gpt"),
    ],
)
def test_a_path_names_model_dialect_and_streaming(path: str, dialect: str, model: str, *, stream: bool | None) -> None:
    found = at(path)
    assert found is not None
    assert (found[0].dialect, found[0].stream, found[1]) == (dialect, stream, model)


def test_counting_is_no_model_of_claude_on_vertex() -> None:
    found = at("/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict")
    assert found is not None
    assert (found[0].operation, found[1]) == ("count_tokens", None)


@pytest.mark.parametrize(
    ("path", "dialect", "operation"),
    [
        ("/v1/responses/input_tokens", "openai-responses", "count_tokens"),
        ("/openai/v1/responses/input_tokens", "openai-responses", "count_tokens"),
        ("/utils/token_counter", "openai-chat", "token_counter"),
        ("/bedrock/model/m/count-tokens", "bedrock-converse", "count_tokens"),
    ],
)
def test_counting_has_its_paths(path: str, dialect: str, operation: str) -> None:
    found = at(path)
    assert found is not None
    assert (found[0].dialect, found[0].operation) == (dialect, operation)


@pytest.mark.parametrize("path", ["/", "/bedrock", "/bedrock/", "/model//converse", "/nothing/v1/messages"])
def test_what_is_nowhere_is_not_found(path: str) -> None:
    assert at(path) is None
