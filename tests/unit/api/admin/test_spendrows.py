from __future__ import annotations

import pytest

from sekisho.api.admin.spendrows import spend_by_day_rows, spend_row
from tests.support.ledger import NOW_US, row

#: The columns of LiteLLM's SpendLogs.
SPEND_LOGS = frozenset(
    {
        "request_id",
        "call_type",
        "api_key",
        "spend",
        "total_tokens",
        "prompt_tokens",
        "completion_tokens",
        "startTime",
        "endTime",
        "request_duration_ms",
        "completionStartTime",
        "model",
        "model_id",
        "model_group",
        "custom_llm_provider",
        "api_base",
        "user",
        "metadata",
        "cache_hit",
        "cache_key",
        "request_tags",
        "team_id",
        "organization_id",
        "end_user",
        "requester_ip_address",
        "messages",
        "response",
        "proxy_server_request",
        "session_id",
        "status",
        "mcp_namespaced_tool_name",
        "agent_id",
        "litellm_call_id",
    }
)


def test_a_row_has_every_column() -> None:
    assert set(spend_row(row())) == SPEND_LOGS


def test_whose_a_call_was_is_told() -> None:
    shown = spend_row(row(team_id="t", organization_id="o", project_id="p"))
    assert (shown["team_id"], shown["organization_id"]) == ("t", "o")
    told = shown["metadata"]
    assert (told["user_api_key_org_id"], told["user_api_key_project_id"]) == ("o", "p")


def test_tokens_and_money_are_told_in_litellms_words() -> None:
    shown = spend_row(
        row(
            input_tokens=10,
            cache_read_tokens=100,
            cache_write_tokens=30,
            cache_write_1h_tokens=20,
            output_tokens=7,
            reasoning_tokens=3,
            cost_nano_usd=1_234_567,
            first_token_us=NOW_US + 250_000,
        )
    )
    assert (shown["prompt_tokens"], shown["completion_tokens"], shown["total_tokens"]) == (140, 7, 147)
    assert (shown["spend"], shown["metadata"]["sekisho"]["cost_nano_usd"]) == (0.001234567, 1_234_567)
    assert (shown["request_duration_ms"], shown["completionStartTime"]) == (1_500, "2023-11-14T22:13:20.250000Z")
    assert shown["metadata"]["sekisho"]["cache_hit_share"] == 100 / 140
    usage = shown["metadata"]["usage_object"]
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (100, 30)
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 3}


def test_an_unknown_price_is_nothing_for_litellm_and_unknown_for_us() -> None:
    shown = spend_row(row(cost_nano_usd=None))
    assert (shown["spend"], shown["metadata"]["sekisho"]["cost_nano_usd"]) == (0.0, None)


@pytest.mark.parametrize(
    ("status", "shown"), [("success", "success"), ("failure", "failure"), ("incomplete", "failure")]
)
def test_litellm_knows_two_states(status: str, shown: str) -> None:
    told = spend_row(row(status=status))
    assert (told["status"], told["metadata"]["sekisho"]["status"]) == (shown, status)


def test_an_error_is_told() -> None:
    told = spend_row(row(error_class="upstream_timeout", error_detail="late", http_status=504))["metadata"]
    assert told["error_information"]["error_code"] == "504"
    assert told["error_information"]["error_message"] == "late"


@pytest.mark.parametrize(
    ("text", "value"), [(None, None), ('{"a":[1]}', {"a": [1]}), ("no json", "no json"), ('"x"', "x")]
)
def test_a_callers_metadata_is_shown_as_it_was_meant(text: str | None, value: object) -> None:
    assert spend_row(row(spend_logs_metadata=text))["metadata"]["spend_logs_metadata"] == value


@pytest.mark.parametrize(
    ("dialect", "operation", "call_type"),
    [
        ("openai-chat", "generate", "acompletion"),
        ("openai-responses", "generate", "aresponses"),
        ("anthropic-messages", "generate", "anthropic_messages"),
        (None, "models", "models"),
        (None, None, ""),
    ],
)
def test_the_kind_of_call_has_litellms_name(dialect: str | None, operation: str | None, call_type: str) -> None:
    assert spend_row(row(dialect=dialect, operation=operation))["call_type"] == call_type


def test_sums_of_a_day_are_exact_before_they_are_shown() -> None:
    parts = [
        {"day_us": 0, "key_hash": key, "user_id": None, "routed_model": "m", "cost_nano_usd": 100_000_000}
        for key in ("a", "b", "a")
    ]
    assert spend_by_day_rows(parts) == [
        {"a": 0.2, "b": 0.1, "startTime": "1970-01-01", "spend": 0.3, "users": {"": 0.3}, "models": {"m": 0.3}}
    ]
