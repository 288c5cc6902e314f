"""What the scripted provider lists: models in three vendors' words, and Bedrock's inference profiles.

Flows in: a path. Flows out: the list, or None where there is none.
"""

from __future__ import annotations

from typing import Any

#: What GET /v1/models lists.
MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5.1", "gpt-4.1-mini", "text-embedding-3-small")
GEMINI_MODELS = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-embedding-001")
PROFILES = ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-haiku-4-5-20251001-v1:0")
_SINCE_SECONDS = 1_735_689_600
_SINCE = "2025-01-01T00:00:00Z"


def listed(path: str, *, anthropic: bool) -> dict[str, Any] | None:
    """The list at `path`."""
    if path == "/v1beta/models":
        return {"models": [_gemini(name) for name in GEMINI_MODELS]}
    if path == "/inference-profiles":
        return {"inferenceProfileSummaries": [_profile(name) for name in PROFILES]}
    if path.removeprefix("/openai").removeprefix("/v1") != "/models":
        return None
    if not anthropic:
        data = [{"id": m, "object": "model", "created": _SINCE_SECONDS, "owned_by": "fake"} for m in MODELS]
        return {"object": "list", "data": data}
    data = [{"type": "model", "id": m, "display_name": m, "created_at": _SINCE} for m in MODELS]
    return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def _gemini(name: str) -> dict[str, Any]:
    methods = ["embedContent"] if "embedding" in name else ["generateContent", "countTokens"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    }


def _profile(name: str) -> dict[str, Any]:
    arn = "arn:aws:bedrock:us-east-1"
    return {
        "inferenceProfileName": name,
        "inferenceProfileId": name,
        "inferenceProfileArn": f"{arn}:123456789012:inference-profile/{name}",
        "models": [{"modelArn": f"{arn}::foundation-model/{name.partition('.')[2]}"}],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
    }
