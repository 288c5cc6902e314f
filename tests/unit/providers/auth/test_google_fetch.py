from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sekisho.core.errors import ErrorClass, UpstreamError
from sekisho.core.secret import Secret
from sekisho.providers.auth.google_fetch import Source
from sekisho.providers.auth.google_identity import GoogleIdentity
from tests.support.token_server import TokenServer, serving


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    """A scripted token service."""
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without credentials of Google."""
    for name in [name for name in os.environ if name.startswith(("GOOGLE_", "CLOUDSDK_", "GCE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def service_account(tokens: TokenServer, private_key: str) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": "p-1",
        "private_key_id": "canary-id",
        "private_key": private_key,
        "client_email": "canary@p-1.iam.gserviceaccount.com",
        "token_uri": f"{tokens.url}/token",
    }


def source_of(info: dict[str, Any]) -> Source:
    return Source(GoogleIdentity(Secret(msgspec.json.encode(info).decode())))


def failure(source: Source) -> tuple[str, str | None]:
    """(message, code) of the error; nothing in it shows what the credentials say."""
    with pytest.raises(UpstreamError) as caught:
        source.fetch()
    assert caught.value.info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
    assert "canary" not in caught.value.info.message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.info.message, caught.value.info.code


def seconds_left(expires_us: int | None) -> float:
    assert expires_us is not None
    return expires_us / 1_000_000 - time.time()


def test_a_service_account_gets_a_token(tokens: TokenServer, private_key: str) -> None:
    lease = source_of(service_account(tokens, private_key)).fetch()
    assert lease.value == Secret("token-1")
    assert 3500 < seconds_left(lease.expires_us) < 3700
    [(path, fields)] = tokens.asked
    assert (path, fields["grant_type"]) == ("/token", "urn:ietf:params:oauth:grant-type:jwt-bearer")


def test_the_file_may_be_a_path(tokens: TokenServer, private_key: str, tmp_path: Path) -> None:
    path = tmp_path / "application_credentials.json"
    path.write_bytes(msgspec.json.encode(service_account(tokens, private_key)))
    assert Source(GoogleIdentity(Secret(str(path)))).fetch().value == Secret("token-1")


def test_each_fetch_is_a_fresh_token(tokens: TokenServer, private_key: str) -> None:
    source = source_of(service_account(tokens, private_key))
    assert [source.fetch().value.reveal() for _ in range(3)] == ["token-1", "token-2", "token-3"]


def test_a_workload_changes_its_clusters_token_for_one_of_google(tokens: TokenServer, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("token-of-the-cluster")
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{tokens.url}/sts",
        "credential_source": {"file": str(tmp_path / "subject")},
        "service_account_impersonation_url": f"{tokens.url}/v1/sa:generateAccessToken",
    }
    lease = source_of(info).fetch()
    assert lease.value == Secret("token-2")
    assert seconds_left(lease.expires_us) > 3500
    assert [path for path, _ in tokens.asked] == ["/sts", "/v1/sa:generateAccessToken"]
    assert tokens.asked[0][1]["subject_token"] == "token-of-the-cluster"


def test_who_may_not_impersonate_is_told(tokens: TokenServer) -> None:
    """A service account's own address at Google cannot be put elsewhere: what is shown is the way there."""
    url = f"{tokens.url}/v1/projects/-/serviceAccounts/sa:generateAccessToken"
    source = {"type": "authorized_user", "client_id": "canary"}
    info = {"type": "impersonated_service_account", "service_account_impersonation_url": url}
    assert "impersonated_service_account" in failure(source_of(info | {"source_credentials": source}))[0]


def test_what_the_machine_gives_is_used_without_a_file(
    tokens: TokenServer, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "adc.json"
    path.write_bytes(msgspec.json.encode(service_account(tokens, private_key)))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    assert Source(GoogleIdentity()).fetch().value == Secret("token-1")


def test_the_metadata_server_is_asked_where_there_is_one(tokens: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.compute_engine import _metadata

    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", tokens.url.removeprefix("http://"))
    monkeypatch.setattr(_metadata, "is_on_gce", lambda **_: True)
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
    monkeypatch.setenv("NO_GCE_CHECK", "false")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p-1")
    assert Source(GoogleIdentity()).fetch().value.reveal().startswith("token-")


def test_a_machine_that_gives_nothing_says_what_to_do() -> None:
    message, code = failure(Source(GoogleIdentity()))
    assert code == "DefaultCredentialsError"
    assert "vertex_credentials" in message


def test_a_refusal_is_told_without_what_was_said(tokens: TokenServer, private_key: str) -> None:
    tokens.fails = True
    message, code = failure(source_of(service_account(tokens, private_key)))
    assert code == "RefreshError"
    assert "invalid_grant" not in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no/such/canary.json", "cannot be read"),
        ("{canary", "JSON"),
        ('{"type": "canary"}', "'type' must be one of"),
        ('{"type": ["canary"]}', "'type' must be one of"),
        ("{}", "'type' must be one of"),
        ('{"type": "service_account", "client_email": "canary"}', "not a whole file"),
        (
            '{"type": "service_account", "private_key": "canary", "client_email": "a", "token_uri": "b"}',
            "not a whole file",
        ),
        ('{"type": "authorized_user", "client_id": "canary"}', "not a whole file"),
        ('{"type": "external_account", "audience": "canary"}', "not a whole file"),
        ('{"type": "external_account", "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"}', "not a"),
        ('{"type": "impersonated_service_account"}', "not a whole file"),
    ],
)
def test_a_file_that_is_none_is_told_by_what_it_lacks(text: str, told: str) -> None:
    assert told in failure(Source(GoogleIdentity(Secret(text))))[0]


def test_a_users_own_credentials_can_be_read() -> None:
    """Their token service is Google's own address, so that nothing is fetched here."""
    from sekisho.providers.auth.google_fetch import _load

    info = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    loaded: Any = _load(GoogleIdentity(Secret(msgspec.json.encode(info).decode())))
    assert (loaded.client_id, loaded.refresh_token) == ("c", "r")
