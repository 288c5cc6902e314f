from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.providers.plain import without
from tests.support.deployments import deployed, proof


@pytest.mark.parametrize(
    ("params", "url"),
    [
        ({"model": "groq/llama"}, "https://api.groq.com/openai/v1/chat/completions"),
        ({"model": "ollama/x"}, "http://127.0.0.1:11434/v1/chat/completions"),
        ({"model": "ollama/x", "api_base": "http://h:1"}, "http://h:1/v1/chat/completions"),
        ({"model": "ollama_chat/x", "api_base": "http://h:1/"}, "http://h:1/v1/chat/completions"),
        ({"model": "ollama/x", "api_base": "http://h:1/v1"}, "http://h:1/v1/chat/completions"),
        ({"model": "ollama/x", "api_base": "http://h:1/proxy"}, "http://h:1/proxy/chat/completions"),
        ({"model": "xai/grok", "api_base": "https://eu.x.ai/v1/responses"}, "https://eu.x.ai/v1/chat/completions"),
        ({"model": "hosted_vllm/x", "api_base": "http://h/v1"}, "http://h/v1/chat/completions"),
    ],
)
def test_an_address_is_completed(tmp_path: Path, params: dict[str, str], url: str) -> None:
    one = deployed(tmp_path, {"api_key": "k"} | params)
    assert one.unusable is None
    assert one.url("openai-chat", "generate", streamed=True) == url


@pytest.mark.parametrize("base", ["http://h", "http://h/v1beta", "http://h/v1/", "http://h/v1"])
def test_geminis_address_goes_without_its_version(tmp_path: Path, base: str) -> None:
    one = deployed(tmp_path, {"model": "gemini/gemini-2.5-pro", "api_key": "k", "api_base": base})
    assert one.url("gemini-generate", "generate") == "http://h/v1beta/models/gemini-2.5-pro:generateContent"


def test_geminis_streams_have_a_path_of_their_own(tmp_path: Path) -> None:
    one = deployed(tmp_path, {"model": "gemini/gemini-2.5-pro"}, GEMINI_API_KEY="k")
    root = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro"
    assert one.url("gemini-generate", "generate", streamed=True) == f"{root}:streamGenerateContent?alt=sse"
    assert one.url("gemini-generate", "count_tokens", streamed=True) == f"{root}:countTokens"
    assert one.url("gemini-generate", "embeddings") == f"{root}:embedContent"
    assert one.url("gemini-generate", "batch_embeddings") == f"{root}:batchEmbedContents"
    assert proof(one) == {"x-goog-api-key": "k"}


@pytest.mark.parametrize("name", ["TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"])
def test_any_of_the_usual_variables_holds_the_key(tmp_path: Path, name: str) -> None:
    one = deployed(tmp_path, {"model": "together_ai/m"}, **{name: "k"})
    assert one.unusable is None
    assert proof(one) == {"authorization": "Bearer k"}


def test_the_deployments_own_key_comes_first(tmp_path: Path) -> None:
    one = deployed(tmp_path, {"model": "groq/m", "api_key": "own"}, GROQ_API_KEY="k")
    assert proof(one) == {"authorization": "Bearer own"}


@pytest.mark.parametrize(
    ("model", "told"), [("groq/m", "GROQ_API_KEY"), ("litellm_proxy/m", "api_base"), ("nobody/m", "'nobody'")]
)
def test_what_is_missing_is_told(tmp_path: Path, model: str, told: str) -> None:
    assert told in (deployed(tmp_path, {"model": model}).unusable or "")


def test_an_address_may_stand_in_the_environment(tmp_path: Path) -> None:
    one = deployed(tmp_path, {"model": "hosted_vllm/m"}, HOSTED_VLLM_API_BASE="http://vllm:8000/v1")
    assert (one.unusable, one.base_url) == (None, "http://vllm:8000/v1")


def test_one_ending_is_taken_off() -> None:
    assert without("http://h/v1/v1", "/v1beta", "/v1") == "http://h/v1"
    assert without("http://h", "/v1") == "http://h"
