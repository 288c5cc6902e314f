"""Every key of LiteLLM's config.yaml and what becomes of it here: used, accepted without effect, or refused.

Flows in: a section and a key. Flows out: its status and what that means for the operator.
Must stay true: a key is used when it is a field of its section's Struct and stands in no table below; `ACCEPTED` says
what does not happen; `REFUSED` holds controls that the author of a file relies on and whose absence would not be
noticed in daily work: with one of them switched on the gateway does not start. Source: LiteLLM's reference, 1.108.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final

import msgspec

from sekisho.config import model

#: Sections with keys of their own. The top level of the file is "".
SECTIONS: Final[Mapping[str, Any]] = {
    "": model.Settings,
    "model_list[]": model.ModelEntry,
    "litellm_params": model.LitellmParams,
    "model_info": model.ModelInfo,
    "litellm_settings": model.LitellmSettings,
    "router_settings": model.RouterSettings,
    "general_settings": model.GeneralSettings,
    "sekisho": model.SekishoSettings,
}
#: Fields that loading fills; they are no keys of the file.
_FILLED: Final = {
    "": {"warnings"},
    "model_list[]": {"where"},
    "litellm_params": {"costs", "rest", "missing"},
    "model_info": {"rest"},
}


class Status(StrEnum):
    """What becomes of a key."""

    USED = "used"
    ACCEPTED = "accepted"
    REFUSED = "refused"


_BUDGET = (
    "No budget of this kind is kept: what is spent is recorded, but not limited by it. Keys, users, teams, customers, "
    "tags and the whole gateway have budgets."
)
_RATE = "No limit of this kind is kept: give limits to keys, users, teams and tags, and `rpm` and `tpm` to deployments."
_NO_SSO = "Sign-on by browser is not part of this release."
_ALERTS = "Alerts (to Slack, Teams, a webhook, by mail) are not sent in this release."
_CACHE = "Answers are not cached in this release."
_ROUTING = "Routing does without it: see `routing_strategy`."
_HEALTH = "Deployments are not probed in the background in this release."
_METRICS = "These metrics are not part of this release."
_FORWARD = "This release has no pass-through routes; the path answers 404."
_STORED_FILES = "Files and batches of cloud providers are not served."
_DATABASE = "The database is steered by its URL (connection_limit, connect_timeout)."
_LEDGER = "Every call is written to the ledger, without contents."
_MANAGED = "Defaults and bounds for new keys, users and teams are not applied: say them where one is made."
_REQUEST = "Is not added to requests in this release; callers send it themselves."
_TOOLS = "MCP, search and vector stores are not part of this release."
_ROUTES = "Batches, files, assistants, fine-tuning and agents are not part of this release."
_DEBUG = "The gateway's own logging is not steered by this key."
_HEADERS = "Headers of the caller are not passed to providers by this key in this release."
_TAGS = "Tags come from the key, from `metadata.tags` and from the header x-litellm-tags only."
_HOOK = "Python hooks of this kind are not called in this release."
_TLS = "Certificates are always checked against the system's authorities."
_TUNING = (
    "Tuning parameters that the serving model does not take are always left out of a translated call, and named in "
    "the header x-sekisho-dropped; everything else is translated or refused by name."
)
_PRICE = "The price of this kind is not counted in this release."
_PRICE_KEYS = "tiered_pricing search_context_cost_per_query cost_per_ptu_per_hour ptu_count"
_BRIDGE = "The API of the provider follows from the deployment and the caller, not from this key."


def _flat(groups: Mapping[str, str]) -> dict[str, str]:
    """{meaning: "key key …"} -> {key: meaning}. Raises ValueError on a key listed twice."""
    pairs = [(key, meaning) for meaning, keys in groups.items() for key in keys.split()]
    flat = dict(pairs)
    if len(flat) != len(pairs):
        raise ValueError("a key is listed twice")
    return flat


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BEHAVIOUR_KEYS = (
    "temperature top_p top_k max_tokens max_completion_tokens thinking reasoning_effort stop seed n presence_penalty "
    "frequency_penalty response_format logit_bias verbosity service_tier user metadata stream parallel_tool_calls "
    "extra_body output_config tool_choice tools system modalities safety_settings store prompt_cache_key"
)

ACCEPTED: Final[Mapping[str, Mapping[str, str]]] = {
    "": _flat(
        {
            _TOOLS: "mcp_servers search_tools vector_store_registry",
            _ROUTES: "assistant_settings finetune_settings files_settings agent_list",
            "Stored prompts are not part of this release.": "prompts",
            "Events are not sent to receivers in this release.": "callback_settings",
            "Guardrails are not part of this release: a request that asks for one by name is refused.": "guardrails",
        }
    ),
    "litellm_params": _flat(
        {
            _STORED_FILES: "s3_bucket_name s3_region_name s3_access_key_id s3_secret_access_key s3_endpoint_url "
            "gcs_bucket_name",
            "Is not sent to Bedrock.": "bedrock_project_id bedrock_tags",
            "watsonx is not among the providers.": "watsonx_region_name",
            "A user's password is no sign-on to Azure here: set client_secret, or use the machine's identity.": (
                "azure_username azure_password"
            ),
            _TUNING: "drop_params",
            _RATE: "itpm otpm max_parallel_requests default_api_key_tpm_limit default_api_key_rpm_limit",
            _TAGS: "tag_regex",
            "Retries are steered by num_retries.": "max_retries",
            _BUDGET: "max_budget budget_duration",
            _PRICE: _PRICE_KEYS,
            "Steers the translation of parameters, which this release does without it.": "additional_drop_params "
            "allowed_openai_params merge_reasoning_content_in_choices modify_params",
            "Callers cannot replace these parameters.": "configurable_clientside_auth_params",
            _FORWARD: "use_in_pass_through",
            "Use `sekisho fake-provider` for made-up answers.": "mock_response mock_tool_calls mock_timeout",
            _TLS: "ssl_verify",
            "Has no counterpart here.": "keepalive_seconds rust client_ttl silent_model hf_model_name "
            "litellm_trace_id use_litellm_proxy input_type",
            "Traffic is not mirrored, and prompts are not routed by content.": "auto_router_config "
            "auto_router_config_path auto_router_default_model auto_router_embedding_model",
            _REQUEST: _BEHAVIOUR_KEYS,
        }
    ),
    "model_info": _flat(
        {
            _PRICE: _PRICE_KEYS,
            "Write it into `router_settings`: it holds for every deployment.": "enable_tag_filtering",
            _HEALTH: "health_check_model health_check_timeout health_check_voice allow_fail_open",
            "A key reaches models by name or wildcard, not by access group.": "access_groups",
            "Priority tiers are not part of this release.": "tier",
        }
    ),
    "model_list[]": {},
    "litellm_settings": _flat(
        {
            _TUNING: "drop_params",
            _CACHE: "cache cache_params enable_redis_auth_cache enable_caching_on_provider_specific_optional_params",
            "What is on record of a caller's team, user and organisation always holds.": (
                "enable_post_custom_auth_checks"
            ),
            _DEBUG: "set_verbose json_logs suppress_debug_info log_raw_request_response",
            "Calls are translated or refused by name, never altered to fit.": "modify_params "
            "enable_json_schema_validation",
            "Events are not sent to receivers in this release.": "service_callbacks s3_callback_params "
            "audit_log_callbacks langfuse_default_tags default_team_settings datadog_params gcs_pubsub_params "
            "standard_logging_payload_excluded_fields generic_api_callback_params s3_v2_callback_params",
            _MANAGED: "default_internal_user_params default_team_params default_key_generate_params "
            "key_generation_settings upperbound_key_generate_params enable_key_alias_format_validation "
            "max_internal_user_budget internal_user_budget_duration",
            "There is no public list of models.": "public_model_groups public_model_groups_links",
            "Every change through the management API has an audit entry (`/audit`).": "store_audit_logs",
            _BUDGET: "max_end_user_budget max_end_user_budget_id tag_budget_config soft_budget max_user_budget",
            "The ledger holds the provider's price, without discount or margin.": "cost_discount_config "
            "cost_margin_config",
            _METRICS: "prometheus_initialize_budget_metrics custom_prometheus_metadata_labels custom_prometheus_tags "
            "prometheus_metrics_config require_auth_for_metrics_endpoint disable_end_user_cost_tracking "
            "disable_end_user_cost_tracking_prometheus_only enable_end_user_cost_tracking_prometheus_only "
            "prometheus_emit_stream_label",
            _TAGS: "extra_spend_tag_headers",
            _HEADERS: "forward_traceparent_to_llm_provider add_user_information_to_llm_headers",
            _TLS: "ssl_verify ssl_certificate ssl_security_level",
            "Connections follow the system's address order.": "force_ipv4 aiohttp_trust_env disable_aiohttp_transport",
            "Tokens are counted by the provider where it can.": "disable_token_counter disable_hf_tokenizer_download",
            _BRIDGE: "use_chat_completions_url_for_anthropic_messages route_all_chat_openai_to_responses",
            "Guardrails are not part of this release.": "skip_system_message_in_guardrail",
            _RATE: "priority_reservation priority_reservation_settings",
            "Use `sekisho fake-provider` for made-up answers.": "network_mock",
            _TOOLS: "mcp_aliases",
            "Write aliases into `router_settings.model_group_alias`.": "model_alias_map",
            "`model_list` is the only source of models and keys.": "api_key api_base openai_key azure_key "
            "anthropic_key return_response_headers request_timeout_error_code model_cost custom_provider_map",
        }
    ),
    "router_settings": _flat(
        {
            "A failed call always goes on to the next deployment, and to `fallbacks`.": "failover",
            _ROUTING: "default_priority polling_interval priority",
            "A request too long for its model is told by the provider: see `context_window_fallbacks`.": (
                "enable_pre_call_checks"
            ),
            "Conversations and stored responses always stay with their deployment, and its rpm and tpm always hold.": (
                "optional_pre_call_checks model_group_affinity_config"
            ),
            _BUDGET: "provider_budget_config",
            _RATE: "default_max_parallel_requests",
            "Write the parameters into each deployment.": "default_litellm_params",
            _CACHE: "cache_responses caching_groups cache_kwargs",
            _DEBUG: "set_verbose debug_level",
            "Connections are kept as long as the provider allows.": "client_ttl",
            "A deployment that cannot be called is kept and answers why.": "ignore_invalid_deployments",
            _TOOLS: "search_tools",
            "Guardrails are not part of this release.": "guardrail_list",
            "Retries are steered by num_retries.": "max_retries",
            _HEALTH: "enable_health_check_routing health_check_staleness_threshold",
        }
    ),
    "general_settings": _flat(
        {
            _DATABASE: "database_connection_pool_limit database_connection_timeout "
            "database_connection_pool_timeout "
            "pool_timeout use_redis_transaction_buffer disable_prisma_schema_update supported_db_objects "
            "database_type database_args",
            _LEDGER: "disable_spend_logs disable_error_logs disable_spend_updates store_prompts_in_spend_logs "
            "proxy_batch_write_at spend_report_frequency",
            "Old calls are looked for every `maximum_spend_logs_retention_interval`.": (
                "maximum_spend_logs_cleanup_cron"
            ),
            "Budgets begin anew by the calendar, by themselves.": "proxy_budget_rescheduler_min_time "
            "proxy_budget_rescheduler_max_time disable_reset_budget",
            "Every attempt, also at a fallback, reserves under every budget before it is sent; while the store of "
            "limits is away, budgets refuse.": "disable_budget_reservation fail_closed_budget_enforcement "
            "enforce_fallback_budget",
            "A user's budget binds the user's keys without a team; those of teams too where the user's metadata has "
            "`limits_bind_team_keys: true`.": "apply_user_budget_to_team_keys",
            "Known keys are served while the store is down; unknown ones are refused.": (
                "allow_requests_on_db_unavailable"
            ),
            _ALERTS: "alerting alerting_threshold alert_types alert_to_webhook_url alerting_args alert_type_config",
            "Takes effect only with single sign-on or JWT, which this release lacks.": "litellm_jwtauth "
            "service_account_settings auto_redirect_ui_login_to_sso",
            "What is on record of a caller's team, user and organisation always holds.": (
                "custom_auth_run_common_checks"
            ),
            _HOOK: "custom_sso custom_ui_sso_sign_in_handler",
            _FORWARD: "pass_through_endpoints",
            "A changed or revoked key acts at once.": "user_api_key_cache_ttl enable_redis_auth_cache",
            _HEALTH: "background_health_checks health_check_interval health_check_details health_check_concurrency "
            "use_shared_health_check enable_health_check_routing health_check_staleness_threshold "
            "health_check_ignore_transient_errors",
            _RATE: "max_parallel_requests global_max_parallel_requests token_rate_limit_type",
            "Callers' addresses are those of the connection.": "use_x_forwarded_for",
            "Every route but the health checks asks for a key.": "public_routes",
            "Answers of providers are bounded at 64 MB.": "max_response_size_mb",
            "The end user of a call is what the request body says.": "user_header_name user_header_mappings",
            _HEADERS: "forward_client_headers_to_llm_api forward_llm_provider_auth_headers",
            _NO_SSO: "ui_access_mode control_plane_url ui_theme_config",
            "Users may make keys of their own, without a team.": "default_team_disabled",
            "Secrets come from the file and the environment.": "key_management_system key_management_settings "
            "use_google_kms use_azure_key_vault google_kms_resource_name",
            "Name the model in the request, or set `router_settings.default_model`.": "completion_model "
            "embedding_model image_generation_model moderation_model",
            "`model_list` is the only source of models and keys.": "infer_model_from_keys",
            "A stream carries usage where its caller asked for it.": "always_include_stream_usage",
            "Ids of responses are the provider's own.": "disable_responses_id_security",
            "Address, port and workers are options of `sekisho serve`.": "num_workers host port otel",
        }
    ),
    "sekisho": {},
}

REFUSED: Final[Mapping[str, Mapping[str, str]]] = {
    "": _flat({"Policies attach guardrails to calls, which would go unchecked.": "policies policy_attachments"}),
    "litellm_params": {},
    "model_info": _flat(
        {
            "The model would be open to every team.": "team_id team_public_model_name",
            "The deployment would be called.": "blocked",
            "The deployment would be called at any time.": "access_windows",
        }
    ),
    "model_list[]": {},
    "litellm_settings": {},
    "router_settings": {},
    "general_settings": _flat(
        {
            "Keys would be made unchecked by this hook.": "custom_key_generate",
            "Callers would be checked by virtual keys only, not by their tokens.": "enable_jwt_auth "
            "enable_oauth2_auth enable_oauth2_proxy_auth",
            "Calls from any address would be served.": "allowed_ips",
            "Routes would be open to every key.": "admin_only_routes allowed_routes",
            "Roles would not be checked.": "role_permissions enforce_rbac",
            "Requests without these parameters would be served.": "enforced_params enforce_user_param",
            "Callers' own tags would be recorded.": "reject_clientside_metadata_tags",
            "Request contents would not be checked against these lists.": "banned_keywords_list blocked_user_list",
        }
    ),
    "sekisho": {},
}

#: Prices that files set most; what looks like one of them is named.
COST_NAMES: Final = _names(
    "input_cost_per_token output_cost_per_token cache_read_input_token_cost cache_creation_input_token_cost "
    "cache_creation_input_token_cost_above_1hr output_cost_per_reasoning_token input_cost_per_audio_token"
)
#: Used keys that are no field of a Struct.
_BESIDES: Final = {
    "": frozenset({"include", "credential_list"}),
    "litellm_params": COST_NAMES,
    "model_info": COST_NAMES,
}
#: Receivers of events that LiteLLM knows by name.
RECEIVERS: Final = _names(
    "langfuse langfuse_otel mlflow datadog datadog_llm_observability datadog_cost_management otel prometheus s3 s3_v2 "
    "gcs_bucket gcs_pubsub azure_storage azure_sentinel sqs aws_sqs dynamodb langsmith arize arize_phoenix braintrust "
    "opik helicone lunary athina argilla agentops deepeval galileo humanloop literalai levo logfire openmeter lago "
    "posthog sentry splunk sumologic signoz supabase wandb vantage cloudzero focus ramp promptlayer qualifire "
    "generic_api generic smtp_email sendgrid_email resend_email traceloop greenscale slack email webhook bitbucket "
    "dynamic_rate_limiter dynamic_rate_limiter_v3 batch_redis_requests anthropic_cache_control_hook"
)
#: Callbacks that check or mask contents: without them calls would pass unchecked.
CHECKING_CALLBACKS: Final = _names(
    "presidio hide_secrets detect_prompt_injection lakera_prompt_injection aporia_prompt_injection "
    "llamaguard_moderations llmguard_moderations google_text_moderation openai_moderations azure_content_safety "
    "banned_keywords blocked_user_check guardrails_ai"
)

_COST: Final = re.compile(
    r"((input|output)_cost_per_(token|reasoning_token|audio_token|image_token|image|second|audio_per_second"
    r"|video_per_second|character|query|pixel|request)"
    r"|cache_(creation|read)_input_(audio_|image_)?token_cost(_above_1hr)?)"
    r"(_above_\d+k_tokens)?(_batches|_flex|_priority)?"
    r"|ocr_cost_per_page|annotation_cost_per_page|file_search_cost_per_1k_calls|file_search_cost_per_gb_per_day"
)
#: Parameters whose values are kept as `Secret`.
_SECRET: Final = re.compile(r"key|secret|token|password|credential|auth|header", re.IGNORECASE)


@cache
def yaml_keys(section: str) -> frozenset[str]:
    """The keys of a section that are fields of its Struct."""
    fields = {field.encode_name for field in msgspec.structs.fields(SECTIONS[section])}
    return frozenset(fields - _FILLED.get(section, set()))


@cache
def known_keys(section: str) -> frozenset[str]:
    """Every key of a section that has a status, and the prices where they may stand."""
    also = _BESIDES.get(section, frozenset())
    return frozenset((*yaml_keys(section), *ACCEPTED[section], *REFUSED[section], *also))


def status(section: str, key: str) -> Status | None:
    """What becomes of `key` in `section`; None for a key that nobody knows."""
    if key in REFUSED[section]:
        return Status.REFUSED
    if key in ACCEPTED[section]:
        return Status.ACCEPTED
    return Status.USED if key in known_keys(section) else None


def meaning(section: str, key: str) -> str:
    """The sentence that goes with an accepted or refused key."""
    return REFUSED[section].get(key) or ACCEPTED[section][key]


@lru_cache(maxsize=1024)
def nearest(key: str, known: frozenset[str]) -> str | None:
    """The known key that `key` was probably meant to be."""
    close = difflib.get_close_matches(key[:100], sorted(known), n=1, cutoff=0.71)
    return close[0] if close else None


def is_cost(key: str) -> bool:
    """Whether `key` is one of LiteLLM's cost keys (USD a unit)."""
    return _COST.fullmatch(key) is not None


def is_secret(key: str) -> bool:
    """Whether a text under this name may be a secret."""
    return _SECRET.search(key) is not None
