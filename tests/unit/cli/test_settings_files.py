from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

from sekisho.cli.settings_files import merged, merged_json, merged_toml, merged_yaml, write_merged
from sekisho.core.errors import OperatorError

CODEX = """model_provider = "sekisho"

[model_providers.sekisho]
name = "Sekisho"
base_url = "http://new/v1"
"""


def test_a_new_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "settings.json"
    assert write_merged(path, '{"a": 1}') is None
    assert path.read_text() == '{"a": 1}'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]


def test_what_was_there_is_kept_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"mine": true}')
    first = write_merged(path, '{"a": 1}')
    second = write_merged(path, '{"a": 2}')
    assert first is not None
    assert second is not None
    assert first.read_text() == '{"mine": true}'
    assert msgspec.json.decode(second.read_text()) == {"mine": True, "a": 1}
    assert msgspec.json.decode(path.read_text()) == {"mine": True, "a": 2}
    assert len(list(tmp_path.iterdir())) == 3


def test_the_same_settings_again_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_merged(path, CODEX)
    assert write_merged(path, CODEX) is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "settings.json"
    real.write_text("{}")
    link = tmp_path / "settings.json"
    link.symlink_to(real)
    write_merged(link, '{"a": 1}')
    assert link.is_symlink()
    assert msgspec.json.decode(real.read_text()) == {"a": 1}


def test_a_file_of_exports_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "aider.sh"
    path.write_text("export OLD=1\n")
    assert write_merged(path, "export NEW=1\n") is not None
    assert path.read_text() == "export NEW=1\n"


def test_objects_are_merged_key_by_key() -> None:
    before = '{"env": {"MINE": "1", "URL": "old"}, "theme": "dark", "list": [1]}'
    after = merged_json(before, '{"env": {"URL": "new"}, "list": [2]}')
    assert msgspec.json.decode(after) == {"env": {"MINE": "1", "URL": "new"}, "theme": "dark", "list": [2]}


def test_models_of_the_same_name_are_replaced_and_the_rest_stays() -> None:
    before = "name: mine\nrules: [be kind]\nmodels:\n  - name: local\n  - name: Sekisho\n    apiKey: old\n"
    after = yaml.safe_load(
        merged_yaml(before, "name: Sekisho\nschema: v1\nmodels:\n  - name: Sekisho\n    apiKey: new\n")
    )
    assert after == {
        "name": "mine",
        "schema": "v1",
        "rules": ["be kind"],
        "models": [{"name": "Sekisho", "apiKey": "new"}, {"name": "local"}],
    }


def test_toml_keeps_comments_and_every_other_key() -> None:
    before = """# my settings
model = "gpt-5"  # the usual
model_provider = "openai"

[model_providers.sekisho]
base_url = "http://old/v1"
stale = true

[tui]
theme = "dark"  # at night
"""
    after = merged_toml(before, CODEX)
    assert "# my settings" in after
    assert "# at night" in after
    assert tomllib.loads(after) == {
        "model": "gpt-5",
        "model_provider": "sekisho",
        "tui": {"theme": "dark"},
        "model_providers": {"sekisho": {"name": "Sekisho", "base_url": "http://new/v1"}},
    }
    assert merged_toml(after, CODEX) == after


@pytest.mark.parametrize("before", ['[tui]\ntheme = "dark"\n', 'notify = ["a"]', '\n\nmodel = "x"\n'])
def test_toml_takes_keys_before_the_first_table(before: str) -> None:
    after = tomllib.loads(merged_toml(before, CODEX))
    assert after["model_provider"] == "sekisho"
    assert after.items() >= tomllib.loads(before).items()


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("a.json", '{"a": 1 // with a comment\n}'),
        ("a.json", "[1]"),
        ("a.json", "{"),
        ("a.yaml", "- a list"),
        ("a.yaml", "models: none"),
        ("a.yaml", "a: [b"),
        ("a.toml", "a = "),
        ("a.toml", 'text = """\n[model_providers.sekisho]\n"""\n'),
        ("a.toml", 'model_providers = {sekisho = {name = "inline"}}\n'),
        ("a.toml", 'model_provider = """\nopenai"""\n'),
    ],
)
def test_what_cannot_be_edited_safely_is_left_alone(tmp_path: Path, name: str, before: str) -> None:
    wanted = {"a.json": "{}", "a.yaml": "models:\n  - name: Sekisho\n", "a.toml": CODEX}[name]
    path = tmp_path / name
    path.write_text(before)
    with pytest.raises(OperatorError, match="left as it is"):
        write_merged(path, wanted)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(OperatorError, match="cannot be changed"):
        write_merged(tmp_path / "settings.json", "{}")


def test_an_empty_file_is_as_none(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("\n")
    write_merged(path, '{"a": 1}')
    assert path.read_text() == '{"a": 1}'


def test_a_kind_of_file_without_rules_is_replaced() -> None:
    assert merged(Path("a.sh"), "old", "new") == "new"
