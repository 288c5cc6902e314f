"""LiteLLM's settings of a key that this version does not enforce: refused by name when they are set.

The issue that builds one takes its name off this list.
"""

from __future__ import annotations

#: Fields of a key that limit or steer calls.
REFUSED_FIELDS = frozenset(
    {
        "access_group_ids",
        "agent_id",
        "allowed_cache_controls",
        "allowed_passthrough_routes",
        "allowed_vector_store_indexes",
        "auto_rotate",
        "budget_duration",
        "budget_id",
        "budget_limits",
        "config",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "disabled_callbacks",
        "enforced_params",
        "guardrails",
        "logging",
        "max_budget",
        "max_parallel_requests",
        "model_max_budget",
        "model_rpm_limit",
        "model_tpm_limit",
        "object_permission",
        "organization_id",
        "permissions",
        "policies",
        "project_id",
        "prompts",
        "rotation_interval",
        "router_settings",
        "rpm_limit",
        "rpm_limit_type",
        "send_invite_email",
        "soft_budget",
        "temp_budget_expiry",
        "temp_budget_increase",
        "tpm_limit",
        "tpm_limit_type",
    }
)

#: Names in a key's `metadata` that LiteLLM reads as settings.
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
        "model_rpm_limit",
        "model_tpm_limit",
        "policies",
        "priority",
        "prompts",
        "rpm_limit_type",
        "secret_manager_settings",
        "soft_budget_alerting_emails",
        "spend_logs_metadata",
        "team_member_budget_id",
        "team_member_key_duration",
        "temp_budget_expiry",
        "temp_budget_increase",
        "tpm_limit_type",
    }
)
