from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.google import GoogleIdentity, authority_of, google_authority, read_file
from tests.support.token_server import serving

SOON = GoogleIdentity(Secret('{"type": "service_account", "project_id": "p"}'))


def federated(url: str, folder: Path) -> GoogleIdentity:
    """Workload identity federation, which needs no key pair."""
    (folder / "subject").write_text("s")
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/sts",
        "credential_source": {"file": str(folder / "subject")},
    }
    return GoogleIdentity(Secret(msgspec.json.encode(info).decode()))


def test_one_identity_has_one_authority() -> None:
    same = GoogleIdentity(Secret(SOON.credentials.reveal() if SOON.credentials else ""))
    assert google_authority(SOON) is google_authority(same)
    assert google_authority(SOON) is not google_authority(GoogleIdentity())


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


async def test_a_hundred_calls_cause_one_fetch_and_the_token_is_shown(tmp_path: Path) -> None:
    with serving() as tokens:
        authority = authority_of(federated(tokens.url, tmp_path), FakeClock())
        assert not authority.ready()
        await asyncio.gather(*(authority.prepare() for _ in range(100)))
        assert authority.ready()
        assert authority.headers("POST", "http://h", b"", {}) == {"authorization": "Bearer token-1"}
        assert len(tokens.asked) == 1


async def test_a_refused_token_is_fetched_anew(tmp_path: Path) -> None:
    clock = FakeClock()
    with serving() as tokens:
        authority = authority_of(federated(tokens.url, tmp_path), clock)
        await authority.prepare()
        clock.advance(60)
        refusal = ErrorInfo(error_class=ErrorClass.UPSTREAM_CREDENTIAL, message="", status=401)
        assert authority.refused(refusal)
        await authority.prepare()
        assert authority.headers("POST", "http://h", b"", {}) == {"authorization": "Bearer token-2"}


async def test_without_the_extra_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sekisho.providers.auth.google_fetch", None)
    with pytest.raises(UpstreamError, match=r"install sekisho\[google\]"):
        await authority_of(SOON, FakeClock()).prepare()
