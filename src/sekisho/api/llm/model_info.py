"""What the deployments are and how they do, in LiteLLM's words.

Flows in: a question and its query. Flows out: JSON. Must stay true: a key is shown only what it may use; no reply holds
a provider's key; nobody is called for an answer.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from sekisho.api.llm.asked import JSON, Answered, Asked, caller_of
from sekisho.config.stored import STORED
from sekisho.core.errors import MalformedRequest
from sekisho.core.money import TOKENS_PER_RATE, usd_float
from sekisho.exchange.gateway import Gateway
from sekisho.identity.keys import may_use
from sekisho.providers.deployment import Deployment

#: Of a page.
_SIZE, _SIZE_MAX, _PAGE_MAX = 50, 500, 1_000_000
#: What is shown of a group where its deployments differ: the most.
_AT_MOST = ("max_input_tokens", "max_output_tokens", "input_cost_per_token", "output_cost_per_token")


async def model_info(asked: Asked) -> Answered:
    """`GET /model/info`: LiteLLM's description of each deployment, or of the one of `litellm_model_id`."""
    wanted = asked.query.get("litellm_model_id")
    rows = [_info(one, asked.gateway) for one in await _visible(asked) if wanted in {None, one.id}]
    return _told({"data": rows})


async def model_info_page(asked: Asked) -> Answered:
    """`GET /v2/model/info`: a page of them: of a `model`, of a `modelId`, or whose name holds `search`."""
    query = asked.query
    page, size = _number(query, "page", 1, _PAGE_MAX), _number(query, "size", _SIZE, _SIZE_MAX)
    found = [
        one
        for one in await _visible(asked)
        if query.get("model") in {None, one.model_name}
        and query.get("modelId") in {None, one.id}
        and query.get("search", "").lower() in one.model_name.lower()
    ]
    rows = [_info(one, asked.gateway) for one in found[(page - 1) * size : page * size]]
    count = len(found)
    paged = {"total_count": count, "current_page": page, "total_pages": -(-count // size), "size": size}
    return _told({"data": rows} | paged)


async def model_groups(asked: Asked) -> Answered:
    """`GET /model_group/info`: what each name stands for, or the one of `model_group`."""
    principal, router = await caller_of(asked), asked.gateway.router
    wanted = asked.query.get("model_group")
    groups: dict[str, list[Deployment]] = {}
    for one in router.deployments:
        groups.setdefault(one.model_name, []).append(one)
    rows = []
    for name in router.model_names():
        group = groups.get(router.aliases.get(name, name), [])
        if wanted in {None, name} and group and may_use(principal, name):
            rows.append(_group(name, [_info(one, asked.gateway)["model_info"] for one in group], group))
    return _told({"data": rows})


async def health(asked: Asked) -> Answered:
    """`GET /health`: which deployments may be called, by how the last calls of others went."""
    well, ill = [], []
    for one in await _visible(asked):
        shown = {"model": one.entry.params.model, "model_id": one.id, "api_base": _public(one.entry.params.api_base)}
        fault = one.unusable
        if fault is None and not asked.gateway.router.can_begin(one):
            fault = "It cools down: its last calls have failed."
        if fault is None:
            well.append(shown)
        else:
            ill.append(shown | {"error": fault})
    counts = {"healthy_count": len(well), "unhealthy_count": len(ill)}
    return _told({"healthy_endpoints": well, "unhealthy_endpoints": ill} | counts)


async def _visible(asked: Asked) -> list[Deployment]:
    """The deployments that the caller may use."""
    principal = await caller_of(asked)
    return [one for one in asked.gateway.router.deployments if may_use(principal, one.model_name)]


def _told(value: Any) -> Answered:
    return 200, JSON, msgspec.json.encode(value)


def _number(query: Any, name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise MalformedRequest(f"'{name}' must be a number from 1 to {most}.", param=name)
    return int(text[:9])


def _group(name: str, infos: list[dict[str, Any]], group: list[Deployment]) -> dict[str, Any]:
    """One name, its deployments together."""

    def most(field: str) -> Any:
        return max((info[field] for info in infos if isinstance(info[field], int | float)), default=None)

    def together(field: str) -> int | None:
        counts = [count for one in group if (count := getattr(one.entry.params, field)) is not None]
        return sum(counts) if counts else None

    supported = [field for field in infos[0] if field.startswith("supports_")]
    return (
        {
            "model_group": name,
            "providers": sorted({one.provider.name for one in group}),
            "mode": infos[0]["mode"],
            "tpm": together("tpm"),
            "rpm": together("rpm"),
        }
        | {field: most(field) for field in _AT_MOST}
        | {field: all(info.get(field) for info in infos) for field in supported}
        | {"supported_openai_params": [], "is_public_model_group": False}
    )


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
