"""What agents ask besides answers: which models there are, whether the gateway lives.

Must stay true: `/v1/models` and `/model/info` show a key only what it may use; no reply holds a provider's key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from sekisho import __version__
from sekisho.api.llm.asked import JSON, Answered, Asked, caller_of
from sekisho.api.llm.model_info import health, model_groups, model_info, model_info_page
from sekisho.core.errors import UnknownModel
from sekisho.identity.keys import may_use

_TEXT = b"text/plain; charset=utf-8"
#: LiteLLM's constant; clients show it, none reads it.
_CREATED = 1677610602


async def models(asked: Asked) -> Answered:
    """`GET /v1/models`: OpenAI's list, with the fields of Anthropic's beside them, of what the key may use."""
    names = await _names(asked)
    listing = {"data": [_row(name) for name in names], "object": "list", "has_more": False}
    listing |= {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return 200, JSON, msgspec.json.encode(listing)


async def model(asked: Asked) -> Answered:
    """`GET /v1/models/{model}`: one of them. Raises UnknownModel, also for one that the key may not use."""
    name = asked.scope["path"].partition("/models/")[2]
    if name not in await _names(asked):
        raise UnknownModel("Invalid model name: GET /v1/models lists what this key may use.", param="model")
    return 200, JSON, msgspec.json.encode(_row(name))


def _row(name: str) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": _CREATED,
        "owned_by": "openai",
        "type": "model",
        "display_name": name,
    }


async def gemini_models(asked: Asked) -> Answered:
    """`GET /v1beta/models`: the same list as Google's SDK reads it."""
    rows = [
        {
            "name": f"models/{name}",
            "displayName": name,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
        for name in await _names(asked)
    ]
    return 200, JSON, msgspec.json.encode({"models": rows})


async def inference_profiles(asked: Asked) -> Answered:
    """`GET /inference-profiles`: the same list as AWS's SDK reads it. A profile's id is a model's name."""
    rows = [
        {
            "inferenceProfileId": name,
            "inferenceProfileName": name,
            "inferenceProfileArn": f"arn:aws:bedrock:::inference-profile/{name}",
            "models": [],
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
        }
        for name in await _names(asked)
    ]
    return 200, JSON, msgspec.json.encode({"inferenceProfileSummaries": rows})


async def hello(_asked: Asked) -> Answered:
    """`HEAD /api/hello`: Claude Code asks, without a key, whether there is anybody."""
    return 200, _TEXT, b""


async def liveliness(_asked: Asked) -> Answered:
    """`GET /health/liveliness`: the process serves."""
    return 200, JSON, b'"I\'m alive!"'


async def readiness(asked: Asked) -> Answered:
    """`GET /health/readiness`: 200 while calls can be served and recorded, 503 when the gateway is about to end."""
    status = {
        "status": "healthy" if asked.ready else "stopping",
        "db": "connected" if asked.ready else "Not connected",
        "cache": None,
    }
    status |= {"litellm_version": None, "sekisho_version": __version__}
    return (200 if asked.ready else 503), JSON, msgspec.json.encode(status)


async def _names(asked: Asked) -> list[str]:
    """What the caller may ask for."""
    principal = await caller_of(asked)
    return [name for name in asked.gateway.router.model_names() if may_use(principal, name)]


INFO: dict[str, Callable[[Asked], Awaitable[Answered]]] = {
    "models": models,
    "model": model,
    "model_info": model_info,
    "model_info_page": model_info_page,
    "model_groups": model_groups,
    "health": health,
    "gemini_models": gemini_models,
    "inference_profiles": inference_profiles,
    "hello": hello,
    "liveliness": liveliness,
    "readiness": readiness,
}
