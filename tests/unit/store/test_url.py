from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret
from sekisho.store.url import CONNECTIONS, TIMEOUT_SECONDS, parse_url
from tests.support.token_server import write_certificate

PASSWORD = "canary-4711"
BASE = f"postgresql://u:{PASSWORD}@db.internal:6432/sekisho"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_a_url_as_operators_write_it(scheme: str) -> None:
    url = parse_url(Secret(BASE.replace("postgresql", scheme)))
    assert url.sqlalchemy.render_as_string(hide_password=False) == BASE.replace("postgresql", "postgresql+asyncpg")
    assert (url.connections, url.timeout_seconds, url.pooled, url.security) == (CONNECTIONS, TIMEOUT_SECONDS, False, {})
    assert url.settings == {"application_name": "sekisho"}
    assert PASSWORD not in repr(url)


def test_the_parameters_of_litellms_deployments() -> None:
    asked = "?schema=own&connection_limit=30&pool_timeout=60&connect_timeout=5&sslmode=require&pgbouncer=true"
    url = parse_url(Secret(BASE + asked))
    assert (url.connections, url.timeout_seconds, url.pooled) == (30, 5.0, True)
    assert (url.security, url.settings["search_path"], url.sqlalchemy.query) == ({"ssl": "require"}, "own", {})


def test_a_socket_folder_and_a_name_of_ones_own() -> None:
    url = parse_url(Secret("postgresql://u@/sekisho?host=/run/postgresql&application_name=gate"))
    assert (url.sqlalchemy.query["host"], url.settings) == ("/run/postgresql", {"application_name": "gate"})


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full", None])
def test_an_authority_of_ones_own_is_trusted_alone(mode: str | None, tmp_path: Path) -> None:
    authority = write_certificate(tmp_path / "ca.pem")
    asked = f"?sslrootcert={authority}" + (f"&sslmode={mode}" if mode else "")
    context = parse_url(Secret(BASE + asked)).security["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (mode != "verify-ca", ssl.CERT_REQUIRED)
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no URL"),
        (BASE.replace("postgresql", "mysql"), "'mysql'"),
        (f"postgresql://u:{PASSWORD}@h:port/d", "no URL"),
        (f"postgresql://u:{PASSWORD}@h", "no database"),
        (BASE + "?colour=blue", "'colour'"),
        (BASE + "?sslmode=maybe", "'sslmode'"),
        (BASE + "?sslrootcert=/nowhere", "'sslrootcert'"),
        (BASE + "?connection_limit=0", "'connection_limit'"),
        (BASE + "?connection_limit=many", "'connection_limit'"),
        (BASE + "?connect_timeout=²", "'connect_timeout'"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_password_is_not(url: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said) as refused:
        parse_url(Secret(url))
    assert PASSWORD not in str(refused.value)
    assert refused.value.__cause__ is None or PASSWORD not in str(refused.value.__cause__)
