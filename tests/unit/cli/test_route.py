from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.cli.explain import NOBODY
from sekisho.cli.route import route_explained
from sekisho.config.load import load_settings
from sekisho.routing.plan import Wish
from tests.support.application import environment, write_config

CONFIG = """
model_list:
  - {model_name: one, litellm_params: {model: anthropic/claude-sonnet-4-5, api_key: sk-canary}}
  - model_name: several
    litellm_params: {model: bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0, aws_region_name: us-east-1,
      aws_role_name: "arn:aws:iam::111111111111:role/r"}
  - model_name: several
    litellm_params: {model: bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0, aws_region_name: eu-west-1}
  - {model_name: several, litellm_params: {model: openai/own-model, api_base: "http://own.test/v1", api_key: k}}
  - {model_name: several, litellm_params: {model: azure/x, api_key: k}}
router_settings:
  model_group_alias: {nick: one}
  default_model: several
  fallbacks: [{several: [one]}]
  context_window_fallbacks: [{several: [large, one]}]
sekisho: {residency: {providers: [anthropic, bedrock]}}
"""


def told(folder: Path, model: str, dialect: str = "anthropic-messages", config: str = CONFIG) -> list[tuple[str, str]]:
    explain = route_explained(load_settings(write_config(folder, config), environment()))
    return explain(model, Wish(principal=NOBODY), dialect)


def test_the_only_deployment_of_a_name(tmp_path: Path) -> None:
    route, price, why = told(tmp_path, "one")
    assert route == ("route", "claude-sonnet-4-5 at anthropic (api.anthropic.com) in anthropic-messages")
    assert price[0] == "price"
    assert price[1] != "unknown"
    assert why == ("why", "the only deployment of this name")


def test_several_are_told_in_turn_and_why_others_are_passed_over(tmp_path: Path) -> None:
    lines = told(tmp_path, "several")
    routes = {value for name, value in lines if name == "route"}
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0 at bedrock"
    assert routes == {
        f"{model} (bedrock-runtime.us-east-1.amazonaws.com, account 111111111111) in anthropic-messages@bedrock",
        f"{model} (bedrock-runtime.eu-west-1.amazonaws.com) in bedrock-converse",
    }
    assert ("why", "simple-shuffle: by chance, in proportion to weight, rpm or tpm") in lines
    passed = [value for name, value in lines if name == "passed over"]
    assert passed[0] == "own-model at openai (own.test): the region, provider or account is not allowed"
    assert "api_base" in passed[1]
    assert [line for line in lines if line[0] in ("then", "if too long", "if filtered")] == [
        ("then", "one"),
        ("if too long", "large, one"),
    ]


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("nick", "one (an alias)"),
        ("gone", "several (the default model: nobody serves what is asked for)"),
    ],
)
def test_the_name_it_is_routed_by(tmp_path: Path, model: str, line: str) -> None:
    assert told(tmp_path, model)[0] == ("routed as", line)


def test_who_is_refused_is_told_so(tmp_path: Path) -> None:
    alone = CONFIG.replace("  default_model: several\n", "")
    [(name, why)] = told(tmp_path, "gone", config=alone)
    assert (name, "no deployment serves 'gone'" in why) == ("route", True)
    [(_, why)] = told(tmp_path, "one", config=CONFIG.replace("[anthropic, bedrock]", "[azure]"))
    assert "may serve this call: the region, provider or account is not allowed" in why


def test_what_the_call_would_cost(tmp_path: Path) -> None:
    own = """model_list: [{model_name: m, litellm_params: {model: openai/own, api_base: 'http://o.test/v1', api_key: k,
      input_cost_per_token: 0.000002, output_cost_per_token: 0.00001}}]"""
    explain = route_explained(load_settings(write_config(tmp_path, own), environment()))
    cost = "about 0.0006 USD for the prompt (300 tokens), 0.01 USD for each 1,000 tokens of the answer"
    assert ("cost", cost) in explain("m", Wish(principal=NOBODY, tokens=300), "openai-chat")


def test_an_unknown_price_is_said(tmp_path: Path) -> None:
    own = "model_list: [{model_name: m, litellm_params: {model: openai/own, api_base: 'http://o.test/v1', api_key: k}}]"
    assert ("price", "unknown") in told(tmp_path, "m", "", own)


def test_no_line_holds_a_secret(tmp_path: Path) -> None:
    assert "sk-canary" not in str(told(tmp_path, "one"))
