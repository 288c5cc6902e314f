from __future__ import annotations

from typing import Any

import pytest

from sekisho.config.environment import Environment, fill_in
from sekisho.config.nodes import Node, parse_yaml
from sekisho.config.problems import Findings
from sekisho.config.read import Reader, off, plain
from sekisho.config.sections import ModelAlias, ProviderPolicy, Timeouts
from sekisho.core.secret import Secret


def tree(text: str) -> Node:
    node = parse_yaml(text, "f", Findings())
    assert node is not None
    return fill_in(node, Environment({"SET": "5"}))


def read(section: str, text: str) -> tuple[dict[str, Any], Findings]:
    reader = Reader(Findings())
    return reader.section(section, tree(text), section), reader.findings


def told(findings: Findings) -> list[str]:
    return [f"{one.line} {one.key} {one.message}" for one in findings.problems]


def test_yaml_keys_become_fields() -> None:
    values, findings = read("router_settings", "timeout: os.environ/SET\nnum_retries: 1\n")
    assert values == {"timeout_seconds": 5.0, "num_retries": 1}
    assert findings.problems == []


def test_an_empty_value_keeps_the_default() -> None:
    assert read("router_settings", "timeout:\nnum_retries: null\n")[0] == {}
    assert read("router_settings", "")[0] == {}


def test_one_text_is_a_list_of_one() -> None:
    assert read("litellm_settings", "callbacks: datadog")[0] == {"callbacks": ("datadog",)}


def test_sections_within_sections() -> None:
    text = "timeouts: {connect_seconds: 1}\nproviders: {anthropic: {hang_up: drain}, openai: {}}\n"
    values, findings = read("sekisho", text)
    assert values["timeouts"] == Timeouts(connect_seconds=1.0)
    assert values["providers"] == {"anthropic": ProviderPolicy(hang_up="drain"), "openai": ProviderPolicy()}
    assert findings.problems == []


def test_what_is_wrong_within_is_named_by_its_path() -> None:
    _, findings = read("router_settings", "model_group_alias:\n  a:\n    hidden: 3\n  b: {model: 4}\n  c: {model: m}")
    assert told(findings) == [
        "3 router_settings.model_group_alias.a.hidden Expected true or false, got a whole number.",
        "2 router_settings.model_group_alias.a Needs the key 'model'.",
        "4 router_settings.model_group_alias.b.model Expected text, got a whole number.",
    ]


def test_the_good_part_of_a_mapping_is_kept() -> None:
    values, _ = read("router_settings", "model_group_alias: {a: {}, c: {model: m}}")
    assert values == {"model_group_alias": {"c": ModelAlias(model="m")}}


def test_a_missing_variable_is_a_problem_where_it_is_used_only() -> None:
    _, findings = read("router_settings", "timeout: os.environ/GONE\nfailover: os.environ/GONE")
    assert told(findings) == ["1 router_settings.timeout The environment variable GONE is not set."]


def test_a_section_is_a_mapping() -> None:
    assert told(read("router_settings", "[a]")[1]) == ["1 router_settings Expected a mapping."]


def test_keys_of_the_caller_are_left_to_it() -> None:
    reader = Reader(Findings())
    assert reader.section("router_settings", tree("mystery: 1"), "", taken=frozenset({"mystery"})) == {}
    assert reader.findings.warnings == []


def test_texts_under_secret_names_are_hidden_at_any_depth() -> None:
    node = tree("a: 1\naws_secret_access_key: x\nbody: [{api_key: y, note: z}]\nmax_tokens: 5")
    assert plain(node, hide=True) == {
        "a": 1,
        "aws_secret_access_key": Secret("x"),
        "body": [{"api_key": Secret("y"), "note": "z"}],
        "max_tokens": 5,
    }
    assert plain(node)["aws_secret_access_key"] == "x"


@pytest.mark.parametrize(
    "text", ["a: false", "a: 'False'", "a: []", "a: {}", "a:", "a: 0", "a: ''", "a: os.environ/GONE"]
)
def test_a_switch_that_is_off(text: str) -> None:
    assert off(tree(text).entries["a"])


@pytest.mark.parametrize("text", ["a: true", "a: [x]", "a: module.hook", "a: 'true'", "a: {b: c}"])
def test_a_switch_that_is_on(text: str) -> None:
    assert not off(tree(text).entries["a"])
