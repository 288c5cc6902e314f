"""Keys as LiteLLM shows them.

Flows in: a `KeyRow`. Flows out: JSON values with every field that its clients expect, used here or not.
"""

from __future__ import annotations

from typing import Any

from sekisho.api.admin.limit_rows import budget_row, iso, limit_row, metadata_row, stamps_row
from sekisho.core.money import usd_float
from sekisho.store.directory import BudgetRow
from sekisho.store.keys import KeyRow

#: Fields of LiteLLM's key object that have no counterpart yet, with the value of a key that does not use them.
_ABSENT: dict[str, Any] = {
    "soft_budget_cooldown": False,
    "config": {},
    "router_settings": {},
    "agent_id": None,
    "object_permission_id": None,
    "permissions": {},
    "allowed_cache_controls": [],
    "policies": [],
    "access_group_ids": [],
    "model_spend": {},
    "auto_rotate": False,
    "object_permission": None,
}

#: Fields of the request that `/key/generate` repeats, as they stand when they were not sent.
_ECHOED: dict[str, Any] = {
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
    "send_invite_email": None,
}


def token_row(row: KeyRow, now_us: int, budget: BudgetRow | None = None) -> dict[str, Any]:
    """A stored key as LiteLLM's LiteLLM_VerificationToken object; `budget` is the shared one that it names."""
    return (
        _ABSENT
        | {
            "token": row.token,
            "key_name": row.key_name,
            "key_alias": row.key_alias,
            "key_type": row.key_type,
            "spend": usd_float(row.spend_nano_usd),
            "expires": iso(row.expires_us),
            "models": row.models,
            "aliases": row.aliases,
            "user_id": row.user_id,
            "team_id": row.team_id,
            "organization_id": row.organization_id,
            "project_id": row.project_id,
            "budget_id": row.budget_id,
            "metadata": metadata_row(row.metadata, row.limits),
            "blocked": row.blocked,
            "allowed_routes": row.allowed_routes,
            "last_active": iso(row.last_active_us),
            "rotation_count": row.rotation_count,
            "rotation_interval": row.rotation_interval,
            "last_rotation_at": iso(row.last_rotation_us),
            "key_rotation_at": iso(row.next_rotation_us),
            "litellm_budget_table": None if budget is None else budget_row(budget, now_us),
        }
        | limit_row(row.limits, now_us)
        | stamps_row(row)
    )


def made_key(key: str, row: KeyRow, sent: dict[str, Any], now_us: int, budget: BudgetRow | None) -> dict[str, Any]:
    """The answer of `/key/generate` and `/key/regenerate`: what was asked, and the key itself, this once."""
    echo = {name: sent.get(name, value) for name, value in _ECHOED.items()}
    shown = token_row(row, now_us, budget)
    return echo | shown | {"key": key, "token": row.current_token or row.token, "token_id": row.token}
