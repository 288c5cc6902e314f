"""What agents ask besides answers: which models there are, whether the gateway lives.

Must stay true: `/v1/models` and `/model/info` show a key only what it may use; no reply holds a provider's key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from sekisho import __version__
from sekisho.config.stored import STORED
from sekisho.core.money import TOKENS_PER_RATE, usd_float
from sekisho.exchange.gateway import Gateway
from sekisho.identity.credential import recognise_caller
from sekisho.identity.keys import Principal, may_use
from sekisho.policy.admit import admit
from sekisho.providers.deployment import Deployment

Answered = tuple[int, bytes, bytes]
_JSON, _TEXT = b"application/json", b"text/plain; charset=utf-8"
#: LiteLLM's constant; clients show it, none reads it.
_CREATED = 1677610602


class Asked(msgspec.Struct, frozen=True):
    """A question: by whom (its headers), and whether the gateway is ready for calls."""

    gateway: Gateway
    headers: Mapping[str, str]
    ready: bool


async def models(asked: Asked) -> Answered:
    """`GET /v1/models`: OpenAI's list, with the fields of Anthropic's beside them, of what the key may use."""
    names = await _names(asked)
    data = [
        {
            "id": name,
            "object": "model",
            "created": _CREATED,
            "owned_by": "openai",
            "type": "model",
            "display_name": name,
        }
        for name in names
    ]
    listing = {"data": data, "object": "list", "has_more": False}
    listing |= {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return 200, _JSON, msgspec.json.encode(listing)


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
    return 200, _JSON, msgspec.json.encode({"models": rows})


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
    return 200, _JSON, msgspec.json.encode({"inferenceProfileSummaries": rows})


async def model_info(asked: Asked) -> Answered:
    """`GET /model/info`: LiteLLM's description of each deployment, without secrets."""
    principal = await _caller(asked)
    rows = [_info(one, asked.gateway) for one in asked.gateway.router.deployments if may_use(principal, one.model_name)]
    return 200, _JSON, msgspec.json.encode({"data": rows})


def _info(deployment: Deployment, gateway: Gateway) -> dict[str, Any]:
    info, profile, rates = deployment.entry.info, deployment.target.profile, gateway.rates(deployment)
    per_token = (lambda rate: usd_float(rate) / TOKENS_PER_RATE) if rates is not None else None
    limits = {
        "max_tokens": info.max_output_tokens or info.max_tokens or profile.max_output_tokens,
        "max_input_tokens": info.max_input_tokens,
    }
    costs = {
        "input_cost_per_token": per_token(rates.input) if rates and per_token else None,
        "output_cost_per_token": per_token(rates.output) if rates and per_token else None,
        "cache_read_input_token_cost": per_token(rates.cache_read) if rates and per_token else None,
        "cache_creation_input_token_cost": per_token(rates.cache_write) if rates and per_token else None,
    }
    anthropic = "anthropic-messages" in deployment.dialects
    return {
        "model_name": deployment.model_name,
        "litellm_params": {
            "model": deployment.entry.params.model,
            "api_base": _public(deployment.entry.params.api_base),
        },
        "model_info": {
            "id": deployment.id,
            "db_model": deployment.entry.where == STORED,
            "key": deployment.model,
            **limits,
            "max_output_tokens": limits["max_tokens"],
            **costs,
            "litellm_provider": deployment.provider.name,
            "mode": info.mode or "chat",
            "supports_function_calling": True,
            "supports_vision": True,
            "supports_prompt_caching": anthropic,
            "supports_reasoning": profile.openai_reasoning or profile.thinking != "none",
            **dict(info.rest),
        },
    }


def _public(address: str | None) -> str | None:
    """An address without the places in which a secret may stand: user, password, query."""
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) or None


async def hello(_asked: Asked) -> Answered:
    """`HEAD /api/hello`: Claude Code asks, without a key, whether there is anybody."""
    return 200, _TEXT, b""


async def liveliness(_asked: Asked) -> Answered:
    """`GET /health/liveliness`: the process serves."""
    return 200, _JSON, b'"I\'m alive!"'


async def readiness(asked: Asked) -> Answered:
    """`GET /health/readiness`: 200 while calls can be served and recorded, 503 when the gateway is about to end."""
    status = {
        "status": "healthy" if asked.ready else "stopping",
        "db": "connected" if asked.ready else "Not connected",
        "cache": None,
    }
    status |= {"litellm_version": None, "sekisho_version": __version__}
    return (200 if asked.ready else 503), _JSON, msgspec.json.encode(status)


async def _names(asked: Asked) -> list[str]:
    """What the caller may ask for."""
    principal = await _caller(asked)
    return [name for name in asked.gateway.router.model_names() if may_use(principal, name)]


async def _caller(asked: Asked) -> Principal:
    gateway = asked.gateway
    principal = await recognise_caller(asked.headers, gateway.keys, gateway.access_keys, gateway.key_header)
    admit(principal, None, gateway.clock.now_us())
    return principal


INFO: dict[str, Callable[[Asked], Awaitable[Answered]]] = {
    "models": models,
    "model_info": model_info,
    "gemini_models": gemini_models,
    "inference_profiles": inference_profiles,
    "hello": hello,
    "liveliness": liveliness,
    "readiness": readiness,
}
