from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sekisho.cli.local_certificate import make_certificate
from sekisho.cli.tls import tls_of
from sekisho.core.errors import OperatorError


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key, in files of their own."""
    certificate, mark, key = make_certificate(["localhost"]).server.partition(b"-----BEGIN PRIVATE")
    certfile, keyfile = tmp_path / "cert.pem", tmp_path / "key.pem"
    certfile.write_bytes(certificate)
    keyfile.write_bytes(mark + key)
    return certfile, keyfile


def test_nothing_given_is_http() -> None:
    assert tls_of(None, None, None, "127.0.0.1") is None


def test_the_operators_own_pair_is_served(pair: tuple[Path, Path], tmp_path: Path) -> None:
    made = tls_of(*pair, None, "0.0.0.0")
    assert made is not None
    assert (made.certfile, made.keyfile, made.trust) == (*pair, None)
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in pair))
    made = tls_of(both, None, None, "127.0.0.1")
    assert made is not None
    assert made.keyfile is None


def test_a_pair_that_cannot_be_used_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    certfile, keyfile = pair
    garbage, other, sealed = (tmp_path / name for name in ("garbage", "other", "sealed"))
    garbage.write_bytes(b"no PEM")
    made = make_certificate(["localhost"]).server
    other.write_bytes(made)
    key = serialization.load_pem_private_key(made, None)
    form = serialization.PrivateFormat.PKCS8
    sealing = serialization.BestAvailableEncryption(b"password")
    sealed.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, sealing))
    for certificate, secret, told in [
        (certfile, None, "no certificate chain with its private key"),
        (garbage, keyfile, "no certificate chain with its private key"),
        (certfile, garbage, "no certificate chain with its private key"),
        (certfile, other, "KEY_VALUES_MISMATCH"),
        (tmp_path, None, "Is a directory"),
        (other, sealed, "has a password"),
        (None, keyfile, "--ssl-certfile too"),
    ]:
        with pytest.raises(OperatorError, match=told):
            tls_of(certificate, secret, None, "127.0.0.1")


def test_a_local_certificate_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "dev-tls"
    made = tls_of(None, None, folder, "127.0.0.1")
    assert made is not None
    assert made.trust is not None
    assert made.trust.is_absolute()
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.certfile, made.keyfile)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"ca.pem", "server.pem"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]
    assert tls_of(None, None, folder, "0.0.0.0") == made
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_name_needs_another_local_certificate(tmp_path: Path) -> None:
    first = tls_of(None, None, tmp_path, "127.0.0.1")
    assert first is not None
    assert first.trust is not None
    trusted = first.trust.read_bytes()
    (tmp_path / "server.new").touch()  # as a killed start leaves it
    tls_of(None, None, tmp_path, "gateway.internal")
    assert first.trust.read_bytes() != trusted
    held = x509.load_pem_x509_certificate(first.certfile.read_bytes()).extensions
    names = held.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "gateway.internal" in names.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize("which", [0, 1])
def test_a_local_certificate_beside_another_is_refused(pair: tuple[Path, Path], tmp_path: Path, which: int) -> None:
    given = [path if at == which else None for at, path in enumerate(pair)]
    with pytest.raises(OperatorError, match="leave out"):
        tls_of(given[0], given[1], tmp_path, "127.0.0.1")
