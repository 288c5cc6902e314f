from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.core.secret import Secret
from sekisho.providers.auth.google_identity import GoogleIdentity, read_file

SOON = GoogleIdentity(Secret('{"type": "service_account", "project_id": "p"}'))


def test_nothing_of_an_identity_is_shown() -> None:
    assert "service_account" not in repr(SOON)


@pytest.mark.parametrize(
    ("text", "project"),
    [
        ('{"project_id": "p-1", "quota_project_id": "q"}', "p-1"),
        ('{"quota_project_id": "q"}', "q"),
        ('{"project_id": ""}', None),
        ("{}", None),
        ("{", None),
        ("/no/such/file", None),
    ],
)
def test_the_project_stands_in_the_file(text: str, project: str | None) -> None:
    assert GoogleIdentity(Secret(text)).project() == project


def test_gclouds_file_tells_the_project_of_a_users_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert GoogleIdentity().project() is None
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text('{"quota_project_id": "mine"}')
    assert GoogleIdentity().project() == "mine"


def test_a_file_is_read_from_its_path_or_its_text(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"a": 1}')
    assert read_file(Secret(str(tmp_path / "c.json"))) == read_file(Secret(' {"a": 1} ')) == {"a": 1}
