from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config import keys
from sekisho.config.load import load_settings
from sekisho.config.model import Settings
from sekisho.config.problems import ConfigError
from sekisho.config.sections import ModelAlias
from sekisho.core.secret import Secret
from tests.shared import SHARED

GOLDEN = Path(__file__).parent / "golden"
MASTER_KEY = {"LITELLM_MASTER_KEY": "sk-long-enough-key"}


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text)
    return load_settings(path, MASTER_KEY if environ is None else environ)


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.yaml")))
def test_each_finding_of_a_bad_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The expected findings stand under each file, as comments."""
    monkeypatch.chdir(GOLDEN)
    try:
        settings = load_settings(Path(name), {"OUTSIDE": "42"})
    except ConfigError as error:
        problems, warnings = error.problems, error.warnings
    else:
        problems, warnings = (), settings.warnings
    found = [f"# problem {problem}" for problem in problems] + [f"# warning {warning}" for warning in warnings]
    assert found == (GOLDEN / name).read_text().partition("# expected\n")[2].splitlines()


def test_a_file_in_full(tmp_path: Path) -> None:
    text = """
model_list:
  - {model_name: gpt-5, litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI}}
environment_variables: {OPENAI: sk-from-the-file}
litellm_settings: {drop_params: true, num_retries: "3", request_timeout: 60}
router_settings: {model_group_alias: {fast: gpt-5, old: {model: gpt-5, hidden: true}}, default_model: gpt-5}
general_settings: {master_key: os.environ/MASTER, litellm_key_header_name: x-key}
sekisho: {providers: {openai: {hang_up: drain}}, ping_after_seconds: 5}
"""
    settings = load(tmp_path, text, {"MASTER": "sk-master-from-outside", "OPENAI": "sk-from-outside"})
    assert [warning.key for warning in settings.warnings] == ["litellm_settings.drop_params"]
    assert settings.general.master_key == Secret("sk-master-from-outside")
    assert settings.model_list[0].params.api_key == Secret("sk-from-the-file")
    assert settings.litellm.drop_params
    assert (settings.num_retries, settings.total_seconds) == (3, 60.0)
    assert settings.router.model_group_alias == {
        "fast": ModelAlias(model="gpt-5"),
        "old": ModelAlias(model="gpt-5", hidden=True),
    }
    assert settings.general.litellm_key_header_name == "x-key"
    assert settings.sekisho.providers["openai"].hang_up == "drain"
    assert settings.environment.get("OPENAI") == "sk-from-the-file"


def test_the_environment_stands_in_for_what_the_file_lacks(tmp_path: Path) -> None:
    environ = {**MASTER_KEY, "DATABASE_URL": "postgresql://u:secret@h/d", "STORE_MODEL_IN_DB": "True"}
    settings = load(tmp_path, "general_settings:\nmodel_list:", environ)
    assert settings.general.master_key == Secret("sk-long-enough-key")
    assert settings.general.database_url == Secret("postgresql://u:secret@h/d")
    assert settings.general.store_model_in_db


def test_parts_of_a_server_for_limits_come_from_the_environment(tmp_path: Path) -> None:
    parts = {"REDIS_HOST": "h", "REDIS_PORT": "7000", "REDIS_PASSWORD": "p", "REDIS_SSL": "True"}
    settings = load(tmp_path, "model_list: []", {**MASTER_KEY, **parts})
    assert settings.redis_url == Secret("rediss://:p@h:7000/0")
    settings = load(
        tmp_path, "router_settings: {redis_host: mine}", {**MASTER_KEY, **parts, "REDIS_URL": "redis://all"}
    )
    assert settings.redis_url == Secret("redis://all")


def test_the_file_holds_over_the_environment(tmp_path: Path) -> None:
    settings = load(tmp_path, "general_settings: {master_key: sk-from-the-file}")
    assert settings.general.master_key == Secret("sk-from-the-file")


def test_without_a_master_key_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, "", {})
    assert [problem.key for problem in refusal.value.problems] == ["general_settings.master_key"]


def test_a_policy_for_a_provider_that_is_not_there_is_named(tmp_path: Path) -> None:
    model = "model_list: [{model_name: m, litellm_params: {model: openai/m}}]\n"
    policy = "sekisho: {providers: {openia: {hang_up: drain}, openai: {}}}\n"
    assert [warning.key for warning in load(tmp_path, model + policy).warnings] == ["sekisho.providers.openia"]
    assert load(tmp_path, model.replace("openai/", "") + policy).warnings == ()


def test_the_process_environment_is_left_alone(tmp_path: Path) -> None:
    before = dict(os.environ)
    load(tmp_path, "environment_variables: {SEKISHO_TEST_VARIABLE: x}")
    assert dict(os.environ) == before


def test_no_finding_and_no_tree_shows_a_secret(tmp_path: Path) -> None:
    canary = "hunter2-canary"
    text = f"""
model_list:
  - model_name: m
    litellm_params:
      model: openai/m
      api_key: {canary}
      timeout: {canary}
      input_cost_per_token: {canary}
      aws_secret_access_key: {canary}
      extra_headers: {{authorization: {canary}}}
      extra_body: {{api_key: {canary}}}
general_settings: {{master_key: {canary}, max_request_size_mb: {canary}, database_url: {canary}}}
sekisho: {{unknown_price: {canary}}}
environment_variables: {{A: {canary}}}
"""
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, text)
    assert len(refusal.value.problems) == 4
    assert canary not in f"{refusal.value} {refusal.value.problems} {refusal.value.warnings}"
    good = [line for line in text.splitlines() if not any(key in line for key in ("timeout", "cost", "unknown"))]
    settings = load(tmp_path, "\n".join(good).replace(f", max_request_size_mb: {canary}", ""))
    assert canary not in repr(settings)


@pytest.mark.parametrize("name", ["aws-cline-accounts.yaml", "aws-cline-fallback.yaml", "bengo4.yaml"])
@pytest.mark.skipif(not (SHARED / "configs").is_dir(), reason="../shared (published configurations) is not here")
def test_a_published_configuration_starts_unchanged(name: str) -> None:
    settings = load_settings(SHARED / "configs" / name, {**MASTER_KEY, "AWS_REGION_NAME": "us-east-1"})
    text = yaml.safe_load((SHARED / "configs" / name).read_text())
    assert [entry.model_name for entry in settings.model_list] == [one["model_name"] for one in text["model_list"]]
    assert not any("Unknown" in warning.message for warning in settings.warnings)


@pytest.mark.skipif(not (SHARED / "acceptance").is_dir(), reason="../shared (acceptance programs) is not here")
def test_the_acceptance_programs_configuration_starts(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("gateway", SHARED / "acceptance" / "translate" / "gateway.py")
    assert spec is not None
    assert spec.loader is not None
    gateway = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gateway)
    for kind in ("litellm", "sekisho"):
        settings = load(tmp_path, yaml.safe_dump(gateway.config(kind, 4010, "sk-test-translate"), sort_keys=False), {})
        assert len(settings.model_list) == 7
        assert settings.num_retries == 0
        assert settings.total_seconds == 30.0
        assert not any("Unknown" in warning.message for warning in settings.warnings)


def names() -> st.SearchStrategy[str]:
    known = sorted({key for section in keys.SECTIONS for key in keys.known_keys(section)})
    return st.sampled_from(known) | st.text(max_size=8)


def values() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("os.environ/X")
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names(), inner, max_size=3)
    )


def outcome(path: Path) -> Settings | ConfigError:
    try:
        return load_settings(path, MASTER_KEY)
    except ConfigError as error:
        return error


def is_whole(result: Settings | ConfigError) -> bool:
    return isinstance(result, Settings) or bool(result.problems)


@given(st.dictionaries(names(), values(), max_size=6))
def test_any_tree_is_settings_or_problems(tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any]) -> None:
    tree.pop("include", None)
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    assert is_whole(outcome(path))


@given(st.sampled_from(["model_list", "general_settings", "router_settings", "sekisho", "credential_list"]), values())
def test_any_section_is_settings_or_problems(
    tmp_path_factory: pytest.TempPathFactory, section: str, value: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    path.write_text(yaml.safe_dump({section: value}))
    assert is_whole(outcome(path))


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_problems(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    path.write_bytes(data)
    assert is_whole(outcome(path))
