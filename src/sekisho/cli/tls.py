"""What `serve` needs to speak https: the operator's own certificate, or a local one for trying things out.

Flows in: the options of `serve`. Flows out: files with a certificate and the key that fits it, or None for http. Must
stay true: nothing listens with a certificate that cannot be used; the authority of a local certificate can sign no
other, for its key is thrown away; private keys are readable by their owner alone.
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

import msgspec

from sekisho.core.errors import OperatorError

FOLDER = "dev-tls"
#: Addresses that stand for all, and are therefore nobody's name.
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not listened on


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """`certfile` holds the chain, and the key too where there is no `keyfile`; `trust` is what clients of a local
    certificate have to be given.
    """

    certfile: Path
    keyfile: Path | None = None
    trust: Path | None = None


def tls_of(certfile: Path | None, keyfile: Path | None, local: Path | None, host: str) -> Tls | None:
    """What to serve with. `local`: make a local certificate in this folder. Raises OperatorError."""
    if local is not None:
        if certfile is not None or keyfile is not None:
            raise OperatorError("--dev-tls makes a certificate of its own: leave out --ssl-certfile and --ssl-keyfile.")
        return _local(local, host)
    if certfile is None:
        if keyfile is not None:
            raise OperatorError("--ssl-keyfile needs its certificate: give --ssl-certfile too.")
        return None
    own = Tls(certfile=certfile, keyfile=keyfile)
    context_of(own)
    return own


def _local(folder: Path, host: str) -> Tls:
    # Imported only here: a gateway that makes no certificate has no use for it.
    from sekisho.cli.local_certificate import make_certificate, serves

    names = ["localhost", "127.0.0.1", "::1", socket.gethostname(), *([] if host in _EVERYWHERE else [host])]
    server, trust = folder / "server.pem", folder / "ca.pem"
    if not serves(server, trust, names):
        for each in (folder.parent, folder):  # also the data directory: this may be its first use
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = make_certificate(names)
        _write(server, made.server)
        _write(trust, made.authority)
    return Tls(certfile=server, trust=trust.absolute())


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and for the owner alone from the first byte on."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    fresh.replace(path)


def context_of(tls: Tls) -> ssl.SSLContext:
    """A server's context with the certificate of these files. Raises OperatorError where they cannot be used."""
    certfile, keyfile = tls.certfile, tls.keyfile
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certfile, keyfile, _no_password)
    except _KeyIsSealed:
        raise OperatorError(f"{keyfile or certfile}: the private key has a password: give it without one.") from None
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise OperatorError(
            f"{certfile}{f' and {keyfile}' if keyfile else ''}: no certificate chain with its private key, both in "
            f"PEM ({reason})."
        ) from None
    return context


class _KeyIsSealed(Exception):
    """OpenSSL asks for a password, otherwise at the terminal."""


def _no_password() -> str:
    raise _KeyIsSealed
