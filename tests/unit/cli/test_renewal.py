from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from sekisho.cli.local_certificate import make_certificate
from sekisho.cli.renewal import Renewal
from sekisho.cli.tls import Tls, context_of


class Files:
    """A certificate and its key in files, written anew as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.tls = Tls(certfile=folder / "cert.pem", keyfile=folder / "key.pem")
        self._written = 0
        self.write()

    def write(self, certificate: bytes | None = None) -> int:
        """The serial number of a new certificate; its key is written with it."""
        made = make_certificate(["localhost"]).server
        chain, mark, key = made.partition(b"-----BEGIN PRIVATE")
        assert self.tls.keyfile is not None
        for path, data in ((self.tls.certfile, certificate or chain), (self.tls.keyfile, mark + key)):
            path.write_bytes(data)
            self._written += 1
            os.utime(path, ns=(self._written, self._written))  # however coarse the file system's clock is
        return x509.load_pem_x509_certificate(chain).serial_number


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def shown_by(context: ssl.SSLContext) -> int:
    """The serial number of the certificate that a client of this listener sees."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    seen = client.getpeercert(binary_form=True)
    assert seen is not None
    return x509.load_der_x509_certificate(seen).serial_number


def test_new_connections_get_a_renewed_certificate(files: Files) -> None:
    first = files.write()
    renewal = Renewal(files.tls)
    listener = renewal.listen_with(lambda: context_of(files.tls))
    assert shown_by(listener) == first
    second = files.write()
    renewal.look()
    assert shown_by(listener) == first, "it may still be written"
    renewal.look()
    assert shown_by(listener) == second
    third = files.write()
    renewal.look()
    renewal.look()
    assert shown_by(listener) == third


@pytest.mark.parametrize("broken", [b"no PEM", make_certificate(["localhost"]).authority, None])
def test_what_cannot_be_used_changes_nothing(
    files: Files, broken: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    first = files.write()
    renewal = Renewal(files.tls)
    listener = renewal.listen_with(lambda: context_of(files.tls))
    if broken is None:
        files.tls.certfile.unlink()
    else:
        files.write(broken)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            renewal.look()
    assert [record.levelname for record in caplog.records] == ["ERROR"], "once"
    assert "the former stays" in caplog.text
    assert shown_by(listener) == first
    mended = files.write()
    for _ in range(2):
        renewal.look()
    assert shown_by(listener) == mended
