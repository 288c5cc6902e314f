from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.google import authority_of, google_authority
from sekisho.providers.auth.google_identity import GoogleIdentity
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
