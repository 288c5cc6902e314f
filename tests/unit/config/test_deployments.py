from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from sekisho.config.deployments import read_models
from sekisho.config.environment import Environment, fill_in
from sekisho.config.model import DatedPrices, LitellmParams, ModelEntry, ModelInfo, SessionTag
from sekisho.config.nodes import parse_yaml
from sekisho.config.problems import Findings, Where
from sekisho.core.secret import Secret


def read(text: str) -> tuple[tuple[ModelEntry, ...], Findings]:
    findings = Findings()
    node = parse_yaml(text, "f", findings)
    assert node is not None
    tree = fill_in(node, Environment({"KEY": "sk-provider"})).entries
    return read_models(tree.get("model_list"), tree.get("credential_list"), findings), findings


def entry_of(params: str, info: str = "") -> tuple[ModelEntry, Findings]:
    entries, findings = read(
        f"model_list:\n- model_name: m\n  litellm_params: {{model: openai/m, {params}}}\n  model_info: {{{info}}}"
    )
    return entries[0], findings


def test_an_entry_in_full() -> None:
    text = """
model_list:
  - model_name: "claude-*"
    litellm_params:
      model: anthropic/claude-*
      api_key: os.environ/KEY
      api_base: https://example.com
      timeout: 30
      stream_timeout: 5
      extra_headers: {x-team: red}
      use_chat_completions_api: true
    model_info: {id: one, mode: chat, owner: platform}
"""
    entries, findings = read(text)
    assert entries == (
        ModelEntry(
            model_name="claude-*",
            params=LitellmParams(
                model="anthropic/claude-*",
                api_key=Secret("sk-provider"),
                api_base="https://example.com",
                timeout_seconds=30.0,
                stream_timeout_seconds=5.0,
                extra_headers={"x-team": Secret("red")},
                use_chat_completions_api=True,
            ),
            info=ModelInfo(id="one", mode="chat", rest={"owner": "platform"}),
            where=Where("f", 3),
        ),
    )
    assert findings.warnings == []


def test_entries_keep_their_order() -> None:
    one = "- {model_name: b, litellm_params: {model: openai/b}}\n"
    assert [entry.model_name for entry in read(f"model_list:\n{one}{one.replace('b', 'a')}")[0]] == ["b", "a"]


def test_prices_are_exact_and_model_info_holds() -> None:
    entry, findings = entry_of(
        "input_cost_per_token: 2.5e-6, output_cost_per_token: 1e-5, cache_read_input_token_cost: '0'",
        "output_cost_per_token: 0.00002, input_cost_per_token_above_200k_tokens: 5e-06",
    )
    assert entry.params.costs == {
        "input_cost_per_token": Decimal("0.0000025"),
        "output_cost_per_token": Decimal("0.00002"),
        "cache_read_input_token_cost": Decimal(0),
        "input_cost_per_token_above_200k_tokens": Decimal("0.000005"),
    }
    assert entry.params.rest == {}
    assert entry.info.rest == {}
    assert findings.problems == findings.warnings == []


def test_a_variable_that_is_not_set_spoils_its_deployment_only() -> None:
    entry, findings = entry_of("api_key: os.environ/GONE, extra_headers: {a: os.environ/ALSO_GONE, b: os.environ/GONE}")
    assert entry.params.missing == ("GONE", "ALSO_GONE")
    assert entry.params.api_key is None
    assert findings.problems == []
    assert [warning.key for warning in findings.warnings] == [
        "model_list[0].litellm_params.api_key",
        "model_list[0].litellm_params.extra_headers",
    ]


def test_other_keys_are_kept_and_named() -> None:
    entry, findings = entry_of("temperature: 0.2, s3_secret_access_key: os.environ/KEY, frobnicate: [1], weight: 2")
    assert entry.params.rest == {
        "temperature": 0.2,
        "s3_secret_access_key": Secret("sk-provider"),
        "frobnicate": [1],
    }
    assert entry.params.weight == 2.0
    assert [warning.key.rpartition(".")[2] for warning in findings.warnings] == [
        "temperature",
        "s3_secret_access_key",
        "frobnicate",
    ]
    assert "sk-provider" not in repr(entry)


def test_session_tags_are_read_in_both_spellings() -> None:
    mapping, _ = entry_of("aws_session_tags: {team: dev}")
    assert mapping.params.aws_session_tags == {"team": "dev"}
    pairs, findings = entry_of("aws_session_tags: [{Key: team, Value: dev}]")
    assert pairs.params.aws_session_tags == (SessionTag("team", "dev"),)
    assert findings.warnings == []


def test_a_credential_holds_for_what_the_deployment_does_not_set() -> None:
    text = """
credential_list:
  - credential_name: shared
    credential_values: {api_key: os.environ/KEY, api_base: https://shared.example.com}
    credential_info: {description: ours}
model_list:
  - model_name: m
    litellm_params: {model: openai/m, litellm_credential_name: shared, api_base: https://own.example.com}
"""
    entries, findings = read(text)
    assert entries[0].params.api_key == Secret("sk-provider")
    assert entries[0].params.api_base == "https://own.example.com"
    assert findings.problems == findings.warnings == []


def test_no_models_are_no_entries() -> None:
    assert read("")[0] == ()
    assert read("model_list:")[0] == ()


def test_lists_that_are_none_are_named() -> None:
    _, findings = read("model_list: {a: b}\ncredential_list: text")
    assert [problem.key for problem in findings.problems] == ["credential_list", "model_list"]


def test_injection_points_are_read_as_litellm_writes_them() -> None:
    entry, findings = entry_of(
        "cache_control_injection_points: [{location: message, role: system, control: {type: ephemeral, ttl: 1h}},"
        " {location: message, index: '-1'}, {location: tool_config}]"
    )
    points = entry.params.cache_control_injection_points
    assert [(point.location, point.role, point.index, point.control.ttl) for point in points] == [
        ("message", "system", None, "1h"),
        ("message", None, -1, None),
        ("tool_config", None, None, None),
    ]
    assert not findings.problems
    assert not findings.warnings


def test_an_injection_point_that_names_no_message_is_refused() -> None:
    _, findings = entry_of("cache_control_injection_points: [{location: message}]")
    assert ["A message needs a role or an index." in str(problem) for problem in findings.problems] == [True]


def test_prices_from_certain_days_on_are_exact_and_in_order() -> None:
    entry, findings = entry_of(
        "input_cost_per_token: 1e-6",
        "prices: [{effective_from: 2026-07-01, input_cost_per_token: 3e-6, output_cost_per_token: '0'}, "
        "{effective_from: '2026-01-31', input_cost_per_token: 2.5e-6}]",
    )
    assert entry.info.prices == (
        DatedPrices(effective_from=dt.date(2026, 1, 31), costs={"input_cost_per_token": Decimal("0.0000025")}),
        DatedPrices(
            effective_from=dt.date(2026, 7, 1),
            costs={"input_cost_per_token": Decimal("0.000003"), "output_cost_per_token": Decimal(0)},
        ),
    )
    assert entry.info.prices[1].from_us == 1_782_864_000_000_000
    assert entry.params.costs == {"input_cost_per_token": Decimal("0.000001")}
    assert findings.problems == findings.warnings == []


@pytest.mark.parametrize(
    ("prices", "key", "said"),
    [
        ("1", "", "Expected a list"),
        ("[1]", "[0]", "Expected a mapping."),
        ("[{input_cost_per_token: 1e-6}]", "[0]", "Needs the key 'effective_from'."),
        ("[{effective_from: 2026-02-30, input_cost_per_token: 1e-6}]", "[0].effective_from", "Expected a day"),
        ("[{effective_from: 1, input_cost_per_token: 1e-6}]", "[0].effective_from", "Expected a day"),
        ("[{effective_from: 2026-02-03}]", "[0]", "Has no price"),
        ("[{effective_from: 2026-02-03, input_cost_per_token: -1}]", "[0].input_cost_per_token", "at least 0"),
        (
            "[{effective_from: 2026-02-03, ocr_cost_per_page: 1}, {effective_from: 2026-02-03, ocr_cost_per_page: 2}]",
            "[1]",
            "There are prices from 2026-02-03 on already.",
        ),
    ],
)
def test_prices_that_cannot_be_read_are_named(prices: str, key: str, said: str) -> None:
    _, findings = entry_of("", f"prices: {prices}")
    problem = findings.problems[0]
    assert problem.key == f"model_list[0].model_info.prices{key}"
    assert said in problem.message


def test_a_key_among_prices_that_is_none_is_named() -> None:
    _, findings = entry_of(
        "", "prices: [{effective_from: 2026-02-03, input_cost_per_tokn: 1, input_cost_per_token: 1}]"
    )
    (warning,) = findings.warnings
    assert "Did you mean 'input_cost_per_token'?" in warning.message
