from __future__ import annotations

from pathlib import Path

import pytest
import typer

from sekisho.cli.check_config import check_config
from tests.shared import SHARED

GOOD = """
model_list:
  - {model_name: gpt-5, litellm_params: {model: openai/gpt-5, api_key: sk-of-the-provider, input_cost_per_second: 1}}
  - {model_name: "[bold]far", litellm_params: {model: far/claude}}
router_settings: {model_group_alias: {fast: gpt-5}, mystery: 1}
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-long-enough-key")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_a_good_file_gives_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    check_config(path)
    printed = capsys.readouterr().out
    assert f"warning {path}:5: router_settings.mystery: Unknown key: it has no effect." in printed
    assert f"warning {path}:4: model_list[]: Model '[bold]far' is configured at provider 'far'" in printed
    assert f"warning {path}:3: model_list[].input_cost_per_second: Accepted, without effect" in printed
    assert "alias of gpt-5" in printed
    assert f"{path} can be used. Warnings: 3." in printed
    assert "sk-of-the-provider" not in printed


def test_a_bad_file_gives_every_problem_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD + "litellm_settings: {num_retries: many}\ngeneral_settings: {custom_key_generate: a.b}\n")
    with pytest.raises(typer.Exit) as ended:
        check_config(path)
    assert ended.value.exit_code == 1
    printed = capsys.readouterr().out
    assert f"problem {path}:6: litellm_settings.num_retries: Expected a whole number or nothing, got text." in printed
    assert f"problem {path}:7: general_settings.custom_key_generate: Not supported in this release." in printed
    assert "router_settings.mystery" in printed
    assert "2 to mend" in printed


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        check_config(tmp_path / "absent.yaml")
    assert "cannot be read: No such file" in capsys.readouterr().out


@pytest.mark.skipif(not (SHARED / "configs").is_dir(), reason="../shared (published configurations) is not here")
def test_every_published_configuration_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted((SHARED / "configs").glob("*.yaml")):
        check_config(path)
        assert f"{path} can be used." in capsys.readouterr().out
