"""LiteLLM's settings that this version does not enforce: refused by name when they are set.

The issue that builds one takes its name off this list.
"""

from __future__ import annotations

#: Fields that limit or steer calls, of a key, a team, an organisation or any other object.
REFUSED_FIELDS = frozenset(
    {
        "access_group_ids",
        "agent_id",
        "allow_team_guardrail_config",
        "allowed_cache_controls",
        "allowed_passthrough_routes",
        "allowed_vector_store_indexes",
        "auto_rotate",
        "config",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "default_team_member_models",
        "disabled_callbacks",
        "enforced_params",
        "guardrails",
        "logging",
        "object_permission",
        "password",
        "permissions",
        "policies",
        "prompts",
        "rotation_interval",
        "router_settings",
        "rpm_limit_type",
        "secret_manager_settings",
        "send_invite_email",
        "team_member_key_duration",
        "tpm_limit_type",
    }
)

#: Names in an object's `metadata` that LiteLLM reads as settings.
REFUSED_METADATA = frozenset(
    {
        "allowed_passthrough_routes",
        "allowed_tools",
        "cache",
        "disable_fallbacks",
        "disabled_callbacks",
        "enforced_params",
        "guardrails",
        "logging",
        "policies",
        "priority",
        "prompts",
        "rpm_limit_type",
        "secret_manager_settings",
        "soft_budget_alerting_emails",
        "spend_logs_metadata",
        "team_member_budget_id",
        "team_member_key_duration",
        "tpm_limit_type",
    }
)
