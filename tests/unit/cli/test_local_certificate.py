from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sekisho.cli.local_certificate import LIFE, LocalCertificate, make_certificate, serves

NAMES = ("localhost", "127.0.0.1", "::1", "gateway.internal")
NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def written(folder: Path, made: LocalCertificate) -> tuple[Path, Path]:
    server, authority = folder / "server.pem", folder / "ca.pem"
    server.write_bytes(made.server)
    authority.write_bytes(made.authority)
    return server, authority


def handshake(server: Path, authority: Path, name: str) -> None:
    """What a client of `name` says to the certificate. Raises SSLError."""
    offering = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offering.load_cert_chain(server)
    asking = ssl.create_default_context(cafile=authority)
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    client = asking.wrap_bio(pipes[0], pipes[1], server_hostname=name)
    gateway = offering.wrap_bio(pipes[1], pipes[0], server_side=True)
    sides = [client, gateway]
    while sides:
        for side in tuple(sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)


@pytest.mark.parametrize("name", NAMES)
def test_clients_who_trust_the_authority_take_it_for_each_name(tmp_path: Path, name: str) -> None:
    server, authority = written(tmp_path, make_certificate(NAMES))
    handshake(server, authority, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, authority, "elsewhere.internal")


def test_nobody_else_is_trusted(tmp_path: Path) -> None:
    server, _ = written(tmp_path, make_certificate(NAMES))
    other = tmp_path / "other.pem"
    other.write_bytes(make_certificate(NAMES).authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, other, "localhost")


def test_the_authority_signs_nothing_else() -> None:
    made = make_certificate(NAMES)
    assert b"PRIVATE KEY" not in made.authority
    assert made.server.count(b"PRIVATE KEY") == 2  # begin and end of one
    key = serialization.load_pem_private_key(made.server, None)
    assert key.public_key() != x509.load_pem_x509_certificate(made.authority).public_key()
    limits = x509.load_pem_x509_certificate(made.server).extensions
    assert not limits.get_extension_for_class(x509.BasicConstraints).value.ca


def test_names_that_no_certificate_can_hold_are_left_out(tmp_path: Path) -> None:
    made = make_certificate(["localhost", "日本", "", "localhost"])
    held = x509.load_pem_x509_certificate(made.server).extensions
    names = held.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("localhost")]
    assert serves(*written(tmp_path, made), ["localhost", "日本"])


def test_it_serves_while_it_is_valid_and_has_the_names(tmp_path: Path) -> None:
    server, authority = written(tmp_path, make_certificate(NAMES, NOW))
    assert serves(server, authority, NAMES, NOW)
    assert serves(server, authority, ["localhost"], NOW + LIFE - dt.timedelta(days=31))
    assert not serves(server, authority, NAMES, NOW + LIFE - dt.timedelta(days=29))
    assert not serves(server, authority, NAMES, NOW - dt.timedelta(days=1))
    assert not serves(server, authority, ["elsewhere.internal"], NOW)


def test_files_that_do_not_belong_together_do_not_serve(tmp_path: Path) -> None:
    made, other = make_certificate(NAMES), make_certificate(NAMES)
    certificate, mark, _ = made.server.partition(b"-----BEGIN PRIVATE")
    wrong = (
        LocalCertificate(made.server, other.authority),
        LocalCertificate(certificate, made.authority),
        LocalCertificate(certificate + mark + other.server.partition(mark)[2], made.authority),
        LocalCertificate(b"", made.authority),
        LocalCertificate(made.server, b"x"),
    )
    assert [serves(*written(tmp_path, each), NAMES) for each in wrong] == [False] * len(wrong)
    assert not serves(tmp_path / "absent", tmp_path / "absent", NAMES)
