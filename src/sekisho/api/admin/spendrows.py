"""Calls as LiteLLM shows them: rows of its SpendLogs table, with what only we know under `metadata.sekisho`.

Flows in: a `CallRow`. Flows out: JSON values. Must stay true: no prompt, no answer and no secret is in a row (they are
not in the ledger either); `spend` is a float for display, `metadata.sekisho.cost_nano_usd` the exact amount.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.api.admin.limit_rows import iso
from sekisho.core.money import usd_float
from sekisho.ledger.rows import CallRow

#: (dialect, operation) -> LiteLLM's `call_type`.
_CALL_TYPES = {
    ("openai-chat", "generate"): "acompletion",
    ("openai-chat", "completions"): "atext_completion",
    ("openai-chat", "embeddings"): "aembedding",
    ("openai-responses", "generate"): "aresponses",
    ("anthropic-messages", "generate"): "anthropic_messages",
    ("anthropic-messages", "count_tokens"): "acount_tokens",
}

#: What `metadata.sekisho` takes over from the row as it is.
_OWN_FIELDS = (
    "status",
    "http_status",
    "tool",
    "tool_version",
    "interface",
    "os",
    "client_confidence",
    "client_request_id",
    "requested_model",
    "routed_model",
    "served_model",
    "dialect",
    "upstream_dialect",
    "operation",
    "stream",
    "cost_nano_usd",
    "price_version",
    "usage_complete",
    "error_class",
)


def spend_row(row: CallRow) -> dict[str, Any]:
    """A call as a row of SpendLogs."""
    usage = row.usage
    return {
        "request_id": row.call_id,
        "litellm_call_id": row.call_id,
        "call_type": _CALL_TYPES.get((row.dialect or "", row.operation or ""), row.operation or ""),
        "api_key": row.key_hash or "",
        "spend": usd_float(row.cost_nano_usd or 0),
        "total_tokens": usage.total_tokens,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "startTime": iso(row.started_us),
        "endTime": iso(row.ended_us),
        "request_duration_ms": (row.ended_us - row.started_us) // 1_000,
        "completionStartTime": iso(row.first_token_us),
        "model": row.routed_model or row.requested_model or "",
        "model_id": row.deployment_id or "",
        "model_group": row.requested_model or "",
        "custom_llm_provider": row.provider or "",
        "api_base": row.api_base or "",
        "user": row.user_id or "",
        "metadata": _metadata(row),
        "cache_hit": "False",
        "cache_key": "",
        "request_tags": row.tags,
        "team_id": row.team_id,
        "organization_id": row.organization_id,
        "end_user": row.end_user,
        "requester_ip_address": None,
        "messages": {},
        "response": {},
        "proxy_server_request": {},
        "session_id": row.session_id,
        "status": "success" if row.status == "success" else "failure",
        "mcp_namespaced_tool_name": None,
        "agent_id": None,
    }


def spend_by_day_rows(sums: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sums by day, key, user and model as LiteLLM's summary: one entry a day, money in USD."""
    days: dict[int, dict[str, Any]] = {}
    for part in sums:
        cost = part["cost_nano_usd"] or 0
        day = days.setdefault(part["day_us"], {"spend": 0, "keys": {}, "users": {}, "models": {}})
        day["spend"] += cost
        for group, name in (("keys", "key_hash"), ("users", "user_id"), ("models", "routed_model")):
            shown = part[name] or ""
            day[group][shown] = day[group].get(shown, 0) + cost
    return [_day_entry(start, day) for start, day in days.items()]


def _day_entry(start_us: int, day: dict[str, Any]) -> dict[str, Any]:
    """LiteLLM spreads a day's keys beside its own fields."""
    spent = {
        group: {name: usd_float(cost) for name, cost in day[group].items()} for group in ("keys", "users", "models")
    }
    fixed = {"startTime": (iso(start_us) or "")[:10], "spend": usd_float(day["spend"])}
    return spent["keys"] | fixed | {"users": spent["users"], "models": spent["models"]}


def _metadata(row: CallRow) -> dict[str, Any]:
    return {
        "user_api_key": row.key_hash,
        "user_api_key_alias": row.key_alias,
        "user_api_key_team_id": row.team_id,
        "user_api_key_team_alias": None,
        "user_api_key_org_id": row.organization_id,
        "user_api_key_user_id": row.user_id,
        "user_api_key_project_id": row.project_id,
        "spend_logs_metadata": _json_or_text(row.spend_logs_metadata),
        "usage_object": _usage_object(row),
        "additional_usage_values": {},
        "status": "success" if row.status == "success" else "failure",
        "error_information": _error_information(row),
        "applied_guardrails": [],
        "attempted_retries": max(row.attempts - 1, 0),
        "cost_breakdown": None,
        "sekisho": {name: getattr(row, name) for name in _OWN_FIELDS} | {"cache_hit_share": row.usage.cache_hit_share},
    }


def _usage_object(row: CallRow) -> dict[str, Any]:
    """Tokens in OpenAI's words, cache counts in both OpenAI's and Anthropic's."""
    usage = row.usage
    hour = usage.cache_write_1h_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_creation_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - hour,
            "ephemeral_1h_input_tokens": hour,
        },
    }


def _error_information(row: CallRow) -> dict[str, Any] | None:
    if row.error_class is None:
        return None
    return {
        "error_code": str(row.http_status),
        "error_class": row.error_class,
        "error_message": row.error_detail or "",
        "llm_provider": row.provider or "",
        "traceback": "",
    }


def _json_or_text(text: str | None) -> Any:
    """Callers send JSON; what is none is shown as the text it is."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
