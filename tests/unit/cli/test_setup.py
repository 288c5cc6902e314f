from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from sekisho.cli.agent_settings import AGENTS, settings_for
from sekisho.cli.setup import setup, write_settings

KEY = "sk-0123456789abcdefghij"


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    app.command()(setup)
    return CliRunner().invoke(app, arguments, env=env)


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_is_set_up_and_the_key_is_not_shown(agent: str, tmp_path: Path) -> None:
    result = run(agent, "--key", KEY, "--home", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert KEY not in result.output
    settings = settings_for(agent, "http://127.0.0.1:4000", KEY)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    exported = {f".config/sekisho/{agent}.sh"} if settings.environment else set()
    assert written == set(settings.files) | exported


def test_printing_writes_nothing_and_shortens_the_key(tmp_path: Path) -> None:
    result = run("codex", "--key", KEY, "--home", str(tmp_path), "--print", "--model", "gpt-5.5")
    assert result.exit_code == 0
    assert KEY not in result.output
    assert "export SEKISHO_API_KEY=sk-01…ghij" in result.output
    assert 'model = "gpt-5.5"' in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_key_may_come_from_the_environment(tmp_path: Path) -> None:
    result = run("claude", "--home", str(tmp_path), env={"SEKISHO_API_KEY": KEY})
    assert result.exit_code == 0
    assert msgspec.json.decode((tmp_path / ".claude/settings.json").read_bytes())["env"]["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert run("claude", "--home", str(tmp_path), env={"SEKISHO_API_KEY": ""}).exit_code == 2


def test_a_second_run_names_the_copy_of_the_first(tmp_path: Path) -> None:
    run("claude", "--key", KEY, "--home", str(tmp_path))
    again = run("claude", "--key", KEY[::-1], "--home", str(tmp_path))
    assert "settings.json.before-sekisho" in again.output.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("emacs",), "known are claude"),
        (("codex", "--base-url", "nowhere"), "http://host:port"),
    ],
)
def test_what_cannot_be_set_up_is_said(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = run(*arguments, "--key", KEY, "--home", str(tmp_path))
    assert result.exit_code == 1
    assert said in result.output
    assert KEY not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_merged_stops_with_its_name(tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.json").write_text("{// mine\n}")
    result = run("claude", "--key", KEY, "--home", str(tmp_path))
    assert result.exit_code == 1
    assert "settings.json" in result.output


def test_what_was_done_is_told_line_by_line(tmp_path: Path) -> None:
    lines = write_settings(settings_for("copilot", "http://127.0.0.1:4000", KEY), tmp_path)
    assert len(lines) == 2
    assert f". {tmp_path}/.config/sekisho/copilot.sh" in lines[0]
