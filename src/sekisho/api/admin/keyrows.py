"""Keys as LiteLLM shows them.

Flows in: a `KeyRow`. Flows out: JSON values with every field that its clients expect, used here or not.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sekisho.core.money import usd_float
from sekisho.store.keys import KeyRow

#: Fields of LiteLLM's key object that have no counterpart yet, with the value of a key that does not use them.
_ABSENT: dict[str, Any] = {
    "soft_budget_cooldown": False,
    "config": {},
    "router_settings": {},
    "agent_id": None,
    "project_id": None,
    "organization_id": None,
    "budget_id": None,
    "object_permission_id": None,
    "permissions": {},
    "max_parallel_requests": None,
    "tpm_limit": None,
    "rpm_limit": None,
    "max_budget": None,
    "budget_duration": None,
    "budget_reset_at": None,
    "allowed_cache_controls": [],
    "policies": [],
    "access_group_ids": [],
    "model_spend": {},
    "model_max_budget": {},
    "budget_limits": None,
    "rotation_count": 0,
    "auto_rotate": False,
    "rotation_interval": None,
    "last_rotation_at": None,
    "key_rotation_at": None,
    "litellm_budget_table": None,
    "object_permission": None,
}

#: Fields of the request that `/key/generate` repeats, as they stand when they were not sent.
_ECHOED: dict[str, Any] = {
    "soft_budget": None,
    "duration": None,
    "model_rpm_limit": None,
    "model_tpm_limit": None,
    "guardrails": None,
    "prompts": None,
    "tags": None,
    "enforced_params": None,
    "allowed_passthrough_routes": None,
    "allowed_vector_store_indexes": None,
    "rpm_limit_type": None,
    "tpm_limit_type": None,
    "key_type": "default",
    "send_invite_email": None,
}


def iso(time_us: int | None) -> str | None:
    """Epoch µs as ISO 8601 in UTC."""
    if time_us is None:
        return None
    moment = dt.datetime.fromtimestamp(time_us // 1_000_000, dt.UTC).replace(microsecond=time_us % 1_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def token_row(row: KeyRow) -> dict[str, Any]:
    """A stored key as LiteLLM's LiteLLM_VerificationToken object."""
    return _ABSENT | {
        "token": row.token,
        "key_name": row.key_name,
        "key_alias": row.key_alias,
        "spend": usd_float(row.spend_nano_usd),
        "expires": iso(row.expires_us),
        "models": row.models,
        "aliases": row.aliases,
        "user_id": row.user_id,
        "team_id": row.team_id,
        "metadata": row.metadata,
        "blocked": row.blocked,
        "allowed_routes": row.allowed_routes,
        "created_at": iso(row.created_us),
        "created_by": row.created_by,
        "updated_at": iso(row.updated_us),
        "updated_by": row.updated_by,
        "last_active": iso(row.last_active_us),
    }


def made_key(key: str, row: KeyRow, sent: dict[str, Any]) -> dict[str, Any]:
    """The answer of `/key/generate`: what was asked, and the key itself, this once."""
    echo = {name: sent.get(name, value) for name, value in _ECHOED.items()}
    return echo | token_row(row) | {"key": key, "token_id": row.token}
