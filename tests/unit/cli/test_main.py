from __future__ import annotations

import importlib

import pytest

from sekisho import __version__
from sekisho.cli.main import VERBS, main


def test_every_verb_is_there() -> None:
    for verb, module, name in VERBS:
        assert callable(getattr(importlib.import_module(module), name)), verb


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["sekisho", "--version"])
    main()
    assert capsys.readouterr().out == f"sekisho {__version__}\n"


def test_help_names_every_verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["sekisho", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert [verb for verb, _, _ in VERBS if verb not in printed] == []
