"""AWS Signature Version 4: what is signed and how, for requests that go out and requests that come in.

Flows in: the parts of a request exactly as they travel. Flows out: the signature. Must stay true: nothing is decoded
on the way, so that an id written with %3A or %2F is signed as it is sent; both directions use these functions alone.
Source: AWS General Reference, "Signature Version 4 signing process" (rules of all services but S3).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

import msgspec

from sekisho.core.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
#: Keys derived for (secret, day, region, service) that are held: each costs four HMACs to derive.
_DERIVED_KEYS = 4096


class Scope(msgspec.Struct, frozen=True):
    """What a signature is good for: one day ("20260131"), one region, one service."""

    day: str
    region: str
    service: str

    def __str__(self) -> str:
        """As it is written in the signature."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


class Signable(msgspec.Struct, frozen=True):
    """A request in canonical form: `path` and `query` from the functions below, `headers` those to be signed, names in
    lower case and values from `trimmed`, `body_hash` the SHA-256 in hex.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body_hash: str

    @property
    def signed_headers(self) -> str:
        """The names of the headers, as the signature lists them."""
        return ";".join(sorted(self.headers))

    def text(self) -> str:
        """The canonical request."""
        lines = "".join(f"{name}:{self.headers[name]}\n" for name in sorted(self.headers))
        return f"{self.method}\n{self.path}\n{self.query}\n{lines}\n{self.signed_headers}\n{self.body_hash}"


def hash_of_body(body: bytes) -> str:
    """The SHA-256 of a body, in hex."""
    return sha256(body).hexdigest()


def trimmed(value: str) -> str:
    """A header's value without space around it and with single spaces inside."""
    return " ".join(value.split())


def normal_path(path: str) -> str:
    """`path` without empty segments and with "." and ".." resolved, percent-encoding untouched."""
    if "/." not in path and "//" not in path:
        return path or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def canonical_path(path: str) -> str:
    """A path as it is sent, encoded once more: "%3A" is signed as "%253A"."""
    return quote(normal_path(path), safe="/~")


def canonical_query(query: str) -> str:
    """A query as it is sent, its parts in order; every name is followed by "="."""
    if not query:
        return ""
    pairs = (part.partition("=") for part in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in sorted((name, value) for name, _, value in pairs))


def signature(request: Signable, secret: Secret, stamp: str, scope: Scope) -> str:
    """The signature in hex. `stamp` is the request's time: "20260131T235959Z"."""
    digest = sha256(request.text().encode()).hexdigest()
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    return hmac.digest(_derived_key(secret, scope), text.encode(), "sha256").hex()


@lru_cache(_DERIVED_KEYS)
def _derived_key(secret: Secret, scope: Scope) -> bytes:
    key = b"AWS4" + secret.reveal().encode()
    for part in (scope.day, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
