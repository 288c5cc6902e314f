from __future__ import annotations

import pytest

from sekisho.providers.fake.models import GEMINI_MODELS, MODELS, PROFILES, listed


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/openai/v1/models"])
def test_models_in_openais_and_anthropics_words(path: str) -> None:
    openai, anthropic = listed(path, anthropic=False), listed(path, anthropic=True)
    assert openai is not None
    assert anthropic is not None
    assert [one["id"] for one in openai["data"]] == [one["id"] for one in anthropic["data"]] == list(MODELS)
    assert (openai["object"], anthropic["has_more"]) == ("list", False)


def test_googles_models_say_what_they_can() -> None:
    found = listed("/v1beta/models", anthropic=False)
    assert found is not None
    assert [one["name"] for one in found["models"]] == [f"models/{name}" for name in GEMINI_MODELS]
    assert found["models"][0]["supportedGenerationMethods"] == ["generateContent", "countTokens"]
    assert found["models"][-1]["supportedGenerationMethods"] == ["embedContent"]


def test_bedrocks_inference_profiles() -> None:
    found = listed("/inference-profiles", anthropic=False)
    assert found is not None
    assert [one["inferenceProfileId"] for one in found["inferenceProfileSummaries"]] == list(PROFILES)


def test_nothing_else_is_listed() -> None:
    assert listed("/v1/nothing", anthropic=False) is None
