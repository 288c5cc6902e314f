from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config import keys
from sekisho.config.keys import Status
from sekisho.config.load import load_settings
from sekisho.config.problems import ConfigError, Problem

MASTER_KEY = {"LITELLM_MASTER_KEY": "sk-long-enough-key"}
#: Where a key of each section stands: a file with `{}` for the key and its value.
PLACES = {
    "": "{}: [x]\n",
    "model_list[]": "model_list: [{{model_name: m, litellm_params: {{model: openai/m}}, {}: [x]}}]\n",
    "litellm_params": "model_list: [{{model_name: m, litellm_params: {{model: openai/m, {}: [x]}}}}]\n",
    "model_info": "model_list: [{{model_name: m, litellm_params: {{model: openai/m}}, model_info: {{{}: [x]}}}}]\n",
    "litellm_settings": "litellm_settings: {{{}: [x]}}\n",
    "router_settings": "router_settings: {{{}: [x]}}\n",
    "general_settings": "general_settings: {{{}: [x]}}\n",
    "sekisho": "sekisho: {{{}: [x]}}\n",
}
ACCEPTED = [(section, key) for section, table in keys.ACCEPTED.items() for key in table]
REFUSED = [(section, key) for section, table in keys.REFUSED.items() for key in table]


#: `model_info` is free: it keeps whatever stands in it.
USED = [
    (section, key)
    for section in keys.SECTIONS
    for key in sorted(keys.yaml_keys(section) - {"model_info"})
    if keys.status(section, key) is Status.USED
]


def findings(folder: Path, section: str, key: str, value: str = "[x]") -> tuple[list[Problem], list[Problem]]:
    path = folder / "config.yaml"
    path.write_text(PLACES[section].format(key).replace("[x]", value))
    try:
        return [], list(load_settings(path, MASTER_KEY).warnings)
    except ConfigError as error:
        return list(error.problems), list(error.warnings)


@pytest.mark.parametrize(("section", "key"), ACCEPTED)
def test_an_accepted_key_is_named_in_a_warning(tmp_path: Path, section: str, key: str) -> None:
    _, warnings = findings(tmp_path, section, key)
    told = [warning for warning in warnings if warning.key.endswith(key)]
    assert [(one.line, one.message) for one in told] == [
        (1, f"Accepted, without effect: {keys.ACCEPTED[section][key]}"),
    ]


@pytest.mark.parametrize(("section", "key"), USED)
def test_a_used_key_is_read(tmp_path: Path, section: str, key: str) -> None:
    """A value that no key takes is found wrong, so that it was looked at."""
    problems, warnings = findings(tmp_path, section, key, "{x: [{y: z}]}")
    assert any(key in finding.key for finding in [*problems, *warnings])
    assert not any(warning.key.endswith(key) for warning in warnings)


@pytest.mark.parametrize(("section", "key"), REFUSED)
def test_a_refused_key_is_named_in_a_problem(tmp_path: Path, section: str, key: str) -> None:
    problems, _ = findings(tmp_path, section, key)
    assert [problem.key.endswith(key) for problem in problems] == [True]
    assert keys.REFUSED[section][key] in problems[0].message


@pytest.mark.parametrize("section", [section for section in keys.SECTIONS if section != "model_info"])
def test_an_unknown_key_is_named_in_a_warning(tmp_path: Path, section: str) -> None:
    _, warnings = findings(tmp_path, section, "frobnicate")
    assert [warning.message for warning in warnings if warning.key.endswith("frobnicate")] == [
        "Unknown key: it has no effect."
    ]


def test_each_key_has_one_status() -> None:
    for section in keys.SECTIONS:
        assert not keys.ACCEPTED[section].keys() & keys.REFUSED[section].keys()
        for key in keys.known_keys(section):
            assert keys.status(section, key) is not None, (section, key)
    assert keys.status("general_settings", "master_key") is Status.USED
    assert keys.status("general_settings", "alerting") is Status.ACCEPTED
    assert keys.status("general_settings", "custom_key_generate") is Status.REFUSED
    assert keys.status("general_settings", "warnings") is None


def test_meanings() -> None:
    assert keys.meaning("general_settings", "allowed_ips") == "Calls from any address would be served."
    assert "Alerts" in keys.meaning("general_settings", "alerting")


def test_a_slip_of_the_pen_is_told_from_a_strange_key() -> None:
    known = keys.known_keys("litellm_settings")
    assert keys.nearest("drop_parms", known) == "drop_params"
    assert keys.nearest("frobnicate", known) is None
    assert keys.nearest("x" * 100_000, known) is None


@pytest.mark.parametrize(
    "key",
    [
        *sorted(keys.COST_NAMES),
        "input_cost_per_token_above_200k_tokens",
        "cache_read_input_token_cost_above_272k_tokens_priority",
        "output_cost_per_token_batches",
        "input_cost_per_token_flex",
        "output_cost_per_image_token",
        "input_cost_per_second",
        "ocr_cost_per_page",
        "file_search_cost_per_1k_calls",
    ],
)
def test_cost_keys(key: str) -> None:
    assert keys.is_cost(key)


@pytest.mark.parametrize("key", ["input_cost_per_tokens", "cost", "tiered_pricing", "max_tokens", "input_cost"])
def test_what_is_no_cost_key(key: str) -> None:
    assert not keys.is_cost(key)


def test_names_of_secrets() -> None:
    assert all(map(keys.is_secret, ["aws_secret_access_key", "azure_ad_token", "vertex_credentials", "client_secret"]))
    assert not any(map(keys.is_secret, ["aws_region_name", "model_id", "temperature"]))
