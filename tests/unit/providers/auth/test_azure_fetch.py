from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekisho.core.errors import ErrorClass, UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.azure_fetch import fetch
from sekisho.providers.auth.azure_identity import EntraIdentity
from tests.support.token_server import TokenServer, serving, write_certificate

SCOPE = "https://cognitiveservices.azure.com/.default"


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without an identity at Azure, nor tools that have one."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def entra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """Entra ID on this machine; its certificate is trusted."""
    certificate = write_certificate(tmp_path / "entra.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(certificate) as server:
        yield server


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """The address at which an App Service asks for its managed identity."""
    with serving() as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi")
        monkeypatch.setenv("IDENTITY_HEADER", "h")
        yield server


def application(entra: TokenServer) -> EntraIdentity:
    return EntraIdentity(
        tenant_id="tenant-1", client_id="app-1", client_secret=Secret("canary"), authority_host=entra.url, scope=SCOPE
    )


def failure(identity: EntraIdentity) -> tuple[str, str | None]:
    """(message, code) of the error; nothing in it shows a secret."""
    with pytest.raises(UpstreamError) as caught:
        fetch(identity)
    assert caught.value.info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
    assert "canary" not in caught.value.info.message
    assert caught.value.__suppress_context__
    return caught.value.info.message, caught.value.info.code


def test_an_application_gets_a_token_for_its_secret(entra: TokenServer) -> None:
    lease = fetch(application(entra))
    assert lease.value == Secret("token-1")
    assert lease.expires_us is not None
    assert 3500 < lease.expires_us / 1_000_000 - time.time() < 3700
    [(path, fields)] = entra.asked
    assert path == "/tenant-1/oauth2/v2.0/token"
    assert (fields["client_id"], fields["grant_type"], fields["scope"]) == ("app-1", "client_credentials", SCOPE)


def test_each_fetch_is_a_fresh_token(entra: TokenServer) -> None:
    assert [fetch(application(entra)).value.reveal() for _ in range(2)] == ["token-1", "token-2"]


def test_a_refusal_is_told_without_what_was_said(entra: TokenServer) -> None:
    entra.fails = True
    message, code = failure(application(entra))
    assert code == "ClientAuthenticationError"
    assert "client_secret" in message


@pytest.mark.parametrize("client_id", [None, "user-assigned"])
def test_without_a_secret_it_is_the_machines_identity(machine: TokenServer, client_id: str | None) -> None:
    assert fetch(EntraIdentity(client_id=client_id, scope=SCOPE)).value == Secret("token-1")
    [(path, fields)] = machine.asked
    assert path == "/msi"
    assert fields.get("client_id") == client_id


def test_a_tenant_that_is_none_is_told(entra: TokenServer) -> None:
    identity = EntraIdentity(
        tenant_id="no tenant", client_id="a", client_secret=Secret("canary"), authority_host=entra.url, scope=SCOPE
    )
    assert failure(identity)[1] == "ValueError"
