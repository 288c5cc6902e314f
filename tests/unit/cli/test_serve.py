from __future__ import annotations

from pathlib import Path

import pytest
import typer

from sekisho.cli.serve import Share, serve
from tests.support.application import MASTER, write_config


def test_several_workers_need_a_shared_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    with pytest.raises(typer.Exit) as ended:
        serve(config=write_config(tmp_path), data_dir=tmp_path / "data", workers=2)
    assert ended.value.exit_code == 1
    assert "--workers 1" in capsys.readouterr().err


def test_a_worker_is_told_its_share() -> None:
    assert Share.parse("1:4:7:9") == Share(number=1, workers=4, listening=7, lifeline=9)


def test_every_problem_is_told_and_nothing_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    path = write_config(tmp_path, "model_list:\n  - {model_name: 3}\n  - {litellm_params: {}}\n")
    with pytest.raises(typer.Exit) as ended:
        serve(config=path, data_dir=tmp_path / "data")
    assert ended.value.exit_code == 1
    assert len(capsys.readouterr().err.splitlines()) >= 2


def test_a_certificate_that_cannot_be_used_is_told_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    path = write_config(tmp_path)
    with pytest.raises(typer.Exit):
        serve(config=path, data_dir=tmp_path / "data", ssl_certfile=path)
    assert "no certificate chain" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
