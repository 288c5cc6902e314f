"""What LiteLLM's clients expect in an answer: a shape, and what differs from it.

A shape is a type (`int | None`), a value that stands there exactly, `[shape]` for a list of at least one of these,
`{"name": shape}` for an object with at least these fields, `{str: shape}` for an object of any names, `Any`.
`int` passes where JSON's number is a float; a boolean is no number.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args

Maybe = str | None
Amount = float | None
Count = int | None


def differences(shape: Any, value: Any, at: str = "answer") -> list[str]:
    """Where a decoded JSON value is not of the shape."""
    if shape is Any:
        return []
    if isinstance(shape, type | UnionType):
        return [] if _is_of(shape, value) else [f"{at} is {value!r}, no {shape}"]
    if isinstance(shape, dict):
        return _of_object(shape, value, at)
    if isinstance(shape, list) and len(shape) == 1:
        if not isinstance(value, list) or not value:
            return [f"{at} is {value!r}, no list with anything in it"]
        return [line for number, one in enumerate(value) for line in differences(shape[0], one, f"{at}[{number}]")]
    return [] if value == shape and type(value) is type(shape) else [f"{at} is {value!r}, not {shape!r}"]


def _of_object(shape: dict[Any, Any], value: Any, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at} is {value!r}, no object"]
    if str in shape:
        return [line for name, one in value.items() for line in differences(shape[str], one, f"{at}.{name}")]
    missing = [f"{at}.{name} is missing" for name in shape if name not in value]
    present = [name for name in shape if name in value]
    return missing + [line for name in present for line in differences(shape[name], value[name], f"{at}.{name}")]


def _is_of(kind: type | UnionType, value: Any) -> bool:
    kinds = get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


STAMPS = {"created_at": str, "updated_at": str}
MADE_BY = STAMPS | {"created_by": Maybe, "updated_by": Maybe}
LIMITS = {
    "max_budget": Amount,
    "budget_duration": Maybe,
    "budget_reset_at": Maybe,
    "tpm_limit": Count,
    "rpm_limit": Count,
    "max_parallel_requests": Count,
}
TOKEN = (
    LIMITS
    | MADE_BY
    | {
        "token": str,
        "key_name": Maybe,
        "key_alias": Maybe,
        "spend": float,
        "soft_budget_cooldown": bool,
        "expires": Maybe,
        "models": list,
        "aliases": dict,
        "config": dict,
        "router_settings": dict,
        "user_id": Maybe,
        "team_id": Maybe,
        "agent_id": Maybe,
        "project_id": Maybe,
        "organization_id": Maybe,
        "budget_id": Maybe,
        "object_permission_id": Maybe,
        "permissions": dict,
        "metadata": dict,
        "blocked": bool | None,
        "allowed_cache_controls": list,
        "allowed_routes": list,
        "policies": list,
        "access_group_ids": list,
        "model_spend": dict,
        "model_max_budget": dict,
        "budget_limits": list | None,
        "last_active": Maybe,
        "rotation_count": int,
        "auto_rotate": bool,
        "rotation_interval": Maybe,
        "last_rotation_at": Maybe,
        "key_rotation_at": Maybe,
        "litellm_budget_table": dict | None,
        "object_permission": dict | None,
    }
)
KEY_INFO = {name: shape for name, shape in TOKEN.items() if name != "token"}
#: The answer of /key/generate: what was asked, said again, and the key.
GENERATED = TOKEN | {
    "key": str,
    "key_name": str,
    "token_id": str,
    "duration": Maybe,
    "model_rpm_limit": dict | None,
    "model_tpm_limit": dict | None,
    "soft_budget": Amount,
    "send_invite_email": bool | None,
    "tags": list | None,
    "guardrails": list | None,
    "enforced_params": list | None,
    "allowed_passthrough_routes": list | None,
}
#: A user and a team of /user/new and /team/new have these besides what is set.
USER = (
    LIMITS
    | STAMPS
    | {
        "user_id": str,
        "user_email": Maybe,
        "user_alias": Maybe,
        "user_role": Maybe,
        "spend": float,
        "model_max_budget": dict,
        "model_spend": dict,
        "models": list,
        "teams": list,
        "organization_memberships": list | None,
        "sso_user_id": Maybe,
        "metadata": dict,
        "object_permission": dict | None,
    }
)
FLAT_USER = {
    name: USER[name]
    for name in (
        *("user_id", "user_email", "user_alias", "user_role", "spend", "max_budget", "models", "budget_duration"),
        *("budget_reset_at", "metadata", "created_at", "updated_at", "sso_user_id", "teams"),
    )
}
MEMBER = {"role": str, "user_id": Maybe, "user_email": Maybe}
TEAM = (
    LIMITS
    | STAMPS
    | {
        "team_id": str,
        "team_alias": Maybe,
        "organization_id": Maybe,
        "admins": list,
        "members": list,
        "members_with_roles": list,
        "team_member_permissions": list | None,
        "metadata": dict | None,
        "soft_budget": Amount,
        "budget_limits": list | None,
        "models": list,
        "blocked": bool,
        "router_settings": dict | None,
        "access_group_ids": list,
        "spend": float,
        "model_id": Count,
        "litellm_model_table": dict | None,
        "object_permission": dict | None,
        "object_permission_id": Maybe,
    }
)
MEMBERSHIP = {
    "user_id": str,
    "team_id": str,
    "budget_id": Maybe,
    "spend": float,
    "total_spend": Amount,
    "litellm_budget_table": dict | None,
}
TEAM_MEMBERS_ADDED = TEAM | {"members_with_roles": [MEMBER], "updated_users": [USER]}
ORGANIZATION = MADE_BY | {
    "organization_id": str,
    "organization_alias": str,
    "budget_id": Maybe,
    "models": list,
    "spend": float,
    "metadata": dict,
    "litellm_budget_table": dict | None,
}
ORGANIZATION_MEMBER = STAMPS | {
    "user_id": str,
    "organization_id": str,
    "user_role": Maybe,
    "spend": float,
    "budget_id": Maybe,
}
BUDGET = LIMITS | MADE_BY | {"budget_id": str, "soft_budget": Amount, "model_max_budget": dict | None}
CUSTOMER = {
    "user_id": str,
    "blocked": bool,
    "alias": Maybe,
    "spend": float,
    "allowed_model_region": Maybe,
    "default_model": Maybe,
    "litellm_budget_table": dict | None,
}
TAG = STAMPS | {"name": str, "description": Maybe, "models": list}
MODEL = MADE_BY | {"model_id": str, "model_name": str, "litellm_params": dict, "model_info": {"id": str}}
MODEL_INFO = {
    "model_name": str,
    "litellm_params": {"model": str},
    "model_info": {
        "id": str,
        "db_model": bool,
        "key": str,
        "max_tokens": Count,
        "max_input_tokens": Count,
        "max_output_tokens": Count,
        "input_cost_per_token": Amount,
        "output_cost_per_token": Amount,
        "cache_creation_input_token_cost": Amount,
        "cache_read_input_token_cost": Amount,
        "litellm_provider": str,
        "mode": Maybe,
        "supports_function_calling": bool,
        "supports_vision": bool,
        "supports_prompt_caching": bool,
        "supports_reasoning": bool,
    },
}
MODEL_GROUP = {
    "model_group": str,
    "providers": [str],
    "max_input_tokens": Count,
    "max_output_tokens": Count,
    "input_cost_per_token": Amount,
    "output_cost_per_token": Amount,
    "mode": Maybe,
    "tpm": Count,
    "rpm": Count,
    "supports_function_calling": bool,
    "supports_vision": bool,
    "supported_openai_params": list,
    "is_public_model_group": bool,
}
CREDENTIAL = {"credential_name": "eu", "credential_values": {"api_key": "***"}, "credential_info": dict}
SPEND_LOG = {
    "request_id": str,
    "call_type": str,
    "api_key": str,
    "spend": float,
    "total_tokens": int,
    "prompt_tokens": int,
    "completion_tokens": int,
    "startTime": str,
    "endTime": str,
    "completionStartTime": Maybe,
    "model": str,
    "model_id": Maybe,
    "model_group": Maybe,
    "custom_llm_provider": Maybe,
    "api_base": Maybe,
    "user": Maybe,
    "metadata": dict,
    "cache_hit": Maybe,
    "cache_key": Maybe,
    "request_tags": list,
    "team_id": Maybe,
    "organization_id": Maybe,
    "end_user": Maybe,
    "requester_ip_address": Maybe,
    "messages": Any,
    "response": Any,
    "session_id": Maybe,
    "status": Maybe,
}
METRICS = {
    "spend": float,
    "prompt_tokens": int,
    "completion_tokens": int,
    "cache_read_input_tokens": int,
    "cache_creation_input_tokens": int,
    "total_tokens": int,
    "successful_requests": int,
    "failed_requests": int,
    "api_requests": int,
}
OF_KEY = {
    "metrics": METRICS,
    "metadata": {"key_alias": Maybe, "team_id": Maybe, "user_id": Maybe, "user_email": Maybe, "key_exists": bool},
}
BREAKDOWN = {str: {"metrics": METRICS, "metadata": dict, "api_key_breakdown": {str: OF_KEY}}}
ACTIVITY = {
    "results": [
        {
            "date": str,
            "metrics": METRICS,
            "breakdown": {
                "models": BREAKDOWN,
                "model_groups": BREAKDOWN,
                "providers": BREAKDOWN,
                "mcp_servers": BREAKDOWN,
                "endpoints": BREAKDOWN,
                "api_keys": {str: OF_KEY},
                "entities": BREAKDOWN,
            },
        }
    ],
    "metadata": {
        "total_spend": float,
        "total_prompt_tokens": int,
        "total_completion_tokens": int,
        "total_tokens": int,
        "total_api_requests": int,
        "total_successful_requests": int,
        "total_failed_requests": int,
        "total_cache_read_input_tokens": int,
        "total_cache_creation_input_tokens": int,
        "page": 1,
        "total_pages": 1,
        "has_more": False,
    },
}


def error(status: int, kind: str | type = str, param: str | UnionType = Maybe) -> dict[str, Any]:
    """LiteLLM's error: the code is a string."""
    return {"error": {"message": str, "type": kind, "param": param, "code": str(status)}}


def page(name: str, shape: Any) -> dict[str, Any]:
    """A page of a list."""
    return {name: shape, "total": int, "page": 1, "page_size": int, "total_pages": int}
