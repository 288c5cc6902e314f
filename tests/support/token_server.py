"""The token services of Google and Microsoft on one port, doing as they are told.

In: how long tokens live, whether to fail, whether to wait, TLS or not. Out: numbered tokens, and what it was asked. It
runs in threads, as a slow service would run elsewhere.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class TokenServer:
    """The services. `asked` holds (path, fields) of each question for a token, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.lifetime_seconds = 3600
        self.fails = False
        self.url = ""
        #: Cleared: answers wait.
        self.open = threading.Event()
        self.open.set()

    def answer(self, path: str, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """(status, body) of one answer."""
        if "openid-configuration" in path:
            tenant = f"{self.url}/{path.split('/')[1]}"
            paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/oauth2/v2.0/token", "issuer": "/v2.0"}
            return 200, {name: tenant + end for name, end in paths.items()}
        self.asked.append((path, fields))
        number = len(self.asked)
        self.open.wait(20)
        if self.fails:
            return 400, {"error": "invalid_grant", "error_description": f"canary of {fields}"}
        if path.endswith(":generateAccessToken"):
            ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.lifetime_seconds)
            return 200, {"accessToken": f"token-{number}", "expireTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return 200, {
            "access_token": f"token-{number}",
            "expires_in": self.lifetime_seconds,
            "expires_on": str(int(time.time()) + self.lifetime_seconds),
            "token_type": "Bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "resource": fields.get("resource", ""),
            # What a metadata server says of its service account.
            "email": "sa@p-1.iam.gserviceaccount.com",
            "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
        }


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[TokenServer]:
    """The services on a port of their own, with TLS where a file with certificate and key is given."""
    tokens = TokenServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("content-length", "0"))).decode())

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def _answer(self, form: str) -> None:
            fields = {name: values[0] for name, values in parse_qs(form).items()}
            status, answer = tokens.answer(urlsplit(self.path).path, fields)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    tokens.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield tokens
    finally:
        tokens.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


def write_certificate(path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1))
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + private)
    return path
