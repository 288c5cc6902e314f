"""A certificate for this machine, and the authority that signed it.

Flows in: names and addresses. Flows out: PEM. Must stay true: the authority's key leaves `make_certificate` in no
form, so that a client who trusts the authority trusts this one certificate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: What Apple's systems take at most is 825.
LIFE = dt.timedelta(days=397)
#: So long before its end it is made anew.
_SPARE = dt.timedelta(days=30)
#: Clocks of clients may be behind.
_BEFORE = dt.timedelta(hours=1)


class LocalCertificate(msgspec.Struct, frozen=True):
    """`server`: certificate and private key; `authority`: what clients have to trust."""

    server: bytes
    authority: bytes


def make_certificate(names: Sequence[str], now: dt.datetime | None = None) -> LocalCertificate:
    """For these host names and IP addresses; what cannot stand in a certificate is left out."""
    start = now or dt.datetime.now(dt.UTC)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sekisho, local certificate")])
    root = (
        _begun(root_name, root_name, root_key.public_key(), start)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    certificate = (
        _begun(own_name, root_name, key.public_key(), start)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(issuer, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return LocalCertificate(certificate.public_bytes(pem) + secret, root.public_bytes(pem))


def serves(server: Path, authority: Path, names: Sequence[str], now: dt.datetime | None = None) -> bool:
    """Whether the files hold what `make_certificate` makes for these names, for some time to come."""
    now = now or dt.datetime.now(dt.UTC)
    try:
        certificate = x509.load_pem_x509_certificate(server.read_bytes())
        key = serialization.load_pem_private_key(server.read_bytes(), None)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.read_bytes()))
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        key.public_key() == certificate.public_key()
        and set(_general(names)) <= set(held)
        and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _SPARE
    )


def _begun(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _BEFORE)
        .not_valid_after(start + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            made.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            if name.isascii() and name:
                made.append(x509.DNSName(name))
    return made
