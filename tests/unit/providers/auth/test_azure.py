from __future__ import annotations

import asyncio
import sys

import pytest

from sekisho.core.clock import FakeClock
from sekisho.core.errors import UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.azure import authority_of, entra_authority
from sekisho.providers.auth.azure_identity import EntraIdentity
from tests.support.token_server import serving

SCOPE = "https://cognitiveservices.azure.com/.default"


def identity(secret: str | None = "canary", tenant: str | None = "t", client: str | None = "c") -> EntraIdentity:
    return EntraIdentity(
        tenant_id=tenant, client_id=client, client_secret=Secret(secret) if secret else None, scope=SCOPE
    )


def test_one_identity_has_one_authority() -> None:
    assert entra_authority(identity()) is entra_authority(identity())
    assert entra_authority(identity()) is not entra_authority(identity("other"))


async def test_a_hundred_calls_cause_one_fetch_and_the_token_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "h")
    with serving() as machine:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.url}/msi")
        authority = authority_of(identity(secret=None, tenant=None, client=None), FakeClock())
        await asyncio.gather(*(authority.prepare() for _ in range(100)))
        assert authority.headers("POST", "http://h", b"", {}) == {"authorization": "Bearer token-1"}
        assert len(machine.asked) == 1


async def test_without_the_extra_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sekisho.providers.auth.azure_fetch", None)
    with pytest.raises(UpstreamError, match=r"install sekisho\[azure\]"):
        await authority_of(identity(), FakeClock()).prepare()
