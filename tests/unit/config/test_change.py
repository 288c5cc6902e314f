from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config.change import changed_keys, reload_settings
from sekisho.config.load import load_settings
from sekisho.config.model import Settings
from sekisho.config.problems import ConfigError

MASTER_KEY = {"LITELLM_MASTER_KEY": "sk-long-enough-key"}
MODEL = "model_list: [{model_name: gpt-5, litellm_params: {model: openai/gpt-5}}]\n"


def load(folder: Path, text: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text)
    return load_settings(path, MASTER_KEY)


def test_the_same_file_changes_nothing(tmp_path: Path) -> None:
    assert changed_keys(load(tmp_path, MODEL), load(tmp_path, f"# a comment above\n\n{MODEL}")) == ()


def test_each_changed_key_is_named(tmp_path: Path) -> None:
    old = load(tmp_path, MODEL + "sekisho: {timeouts: {connect_seconds: 1}}\nenvironment_variables: {A: b}")
    new = load(
        tmp_path,
        "model_list: [{model_name: gpt-6, litellm_params: {model: openai/gpt-6}}]\n"
        "general_settings: {master_key: sk-another-long-key}\nlitellm_settings: {drop_params: true}\n"
        "sekisho: {timeouts: {connect_seconds: 2}, database: other.db}\n",
    )
    assert changed_keys(old, new) == (
        "model_list.gpt-5",
        "model_list.gpt-6",
        "litellm_settings.drop_params",
        "general_settings.master_key",
        "sekisho.timeouts.connect_seconds",
        "sekisho.database",
        "environment_variables",
    )


def test_a_reload_tells_what_needs_a_restart(tmp_path: Path) -> None:
    old = load(tmp_path, MODEL)
    path = tmp_path / "config.yaml"
    path.write_text(MODEL + "litellm_settings: {num_retries: 1}\nsekisho: {database: other.db}")
    reload = reload_settings(path, MASTER_KEY, old)
    assert reload.settings.num_retries == 1
    assert reload.changed == ("litellm_settings.num_retries", "sekisho.database")
    assert reload.needs_restart == ("sekisho.database",)


def test_a_reload_of_a_bad_file_is_no_reload(tmp_path: Path) -> None:
    old = load(tmp_path, MODEL)
    path = tmp_path / "config.yaml"
    path.write_text(MODEL + "litellm_settings: {num_retries: many}")
    with pytest.raises(ConfigError, match="num_retries"):
        reload_settings(path, MASTER_KEY, old)
