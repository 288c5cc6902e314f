"""Signs requests to AWS: keys and a request in, the headers that prove it out.

Must stay true: the URL is signed as it is written; only headers that no proxy rewrites are signed; some microseconds
beside the hash of the body.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from sekisho.core.secret import Secret
from sekisho.core.sigv4 import (
    ALGORITHM,
    Scope,
    Signable,
    canonical_path,
    canonical_query,
    hash_of_body,
    signature,
    trimmed,
)

#: The service's name in signatures for Bedrock and Bedrock Runtime.
BEDROCK = "bedrock"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_DAY_CHARS = 8


class AwsKeys(msgspec.Struct, frozen=True, kw_only=True):
    """An access-key pair; temporary ones have a session token."""

    access_key_id: str
    secret: Secret
    session_token: Secret | None = None


class Unsigned(msgspec.Struct, frozen=True):
    """A request about to be sent; names of headers in lower case."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str]


def sign(request: Unsigned, keys: AwsKeys, region: str, now_us: int, service: str = BEDROCK) -> dict[str, str]:
    """The headers to add to `request`: x-amz-date, authorization and, for temporary keys, x-amz-security-token."""
    host, path, query = _parts(request.url)
    stamp = _stamp(now_us // 1_000_000)
    proof = {"x-amz-date": stamp}
    if keys.session_token is not None:
        proof["x-amz-security-token"] = keys.session_token.reveal()
    signed = {name: trimmed(value) for name, value in request.headers.items() if _is_signed(name)}
    signable = Signable(request.method, path, query, {"host": host, **signed, **proof}, hash_of_body(request.body))
    scope = Scope(stamp[:_DAY_CHARS], region, service)
    proof["authorization"] = (
        f"{ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={signable.signed_headers}, "
        f"Signature={signature(signable, keys.secret, stamp, scope)}"
    )
    return proof


def _is_signed(name: str) -> bool:
    """AWS asks for these; others may be changed on the way, and the signature would not hold."""
    return name == "content-type" or (name.startswith("x-amz") and name != "x-amzn-trace-id")


@lru_cache(4096)
def _parts(url: str) -> tuple[str, str, str]:
    """(host header, canonical path, canonical query); a gateway calls few addresses."""
    scheme, _, rest = url.partition("://")
    authority, slash, target = rest.partition("/")
    path, _, query = (slash + target).partition("?")
    host = authority.rpartition("@")[2].lower().removesuffix(_DEFAULT_PORTS.get(scheme, ":"))
    return host, canonical_path(path), canonical_query(query)


@lru_cache(2)
def _stamp(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
