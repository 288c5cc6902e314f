"""Verifies a request that a caller signed with an access-key pair (AWS Signature Version 4).

Flows in: the request exactly as it was received, and a way from an access-key id to its secret. Flows out: the id, or
a refusal under the name that Bedrock gives it. Must stay true: pure; nothing of the path is decoded before it is
verified; whoever changes a signed part, the path, the query or the body is refused; comparison takes constant time.
Source: AWS General Reference, "Signature Version 4 signing process"; Amazon Bedrock API Reference, "Common Errors".
"""

from __future__ import annotations

import hmac
import re
import time
from calendar import timegm
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sekisho.core.errors import Unauthenticated
from sekisho.core.secret import Secret
from sekisho.core.sigv4 import (
    ALGORITHM,
    Scope,
    Signable,
    canonical_path,
    canonical_query,
    hash_of_body,
    normal_path,
    signature,
    trimmed,
)

SERVICE = "bedrock"
#: How far a request's time may be from ours.
SKEW_SECONDS = 300

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} +Credential=(?P<id>[A-Za-z0-9_-]{{1,128}})/(?P<day>[0-9]{{8}})/(?P<region>[a-z0-9-]{{1,64}})"
    r"/(?P<service>[a-z0-9-]{1,64})/aws4_request *, *SignedHeaders=(?P<headers>[a-z0-9!#$%&'*+.^_`|~;-]{1,4096})"
    r" *, *Signature=(?P<signature>[0-9a-f]{64})"
)
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
#: Headers that mean something to the service are to be signed, but for those which a front of AWS adds on the way.
_SIGNED_PREFIXES = ("x-amz-", "x-amzn-bedrock-")
_ADDED_ON_THE_WAY = frozenset({"x-amz-cf-id"})


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came from the socket: nothing decoded, the body before decompression.

    `headers` as ASGI gives them (names in lower case). `public_host` is the name under which clients call the gateway
    where a proxy in front puts another into `Host`.
    """

    method: str
    raw_path: bytes
    query_string: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    public_host: str | None = None


class _Proof(msgspec.Struct, frozen=True):
    """The Authorization header, taken apart."""

    access_key_id: str
    scope: Scope
    names: tuple[str, ...]
    signature: str


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a caller shows a signature in place of a key."""
    return headers.get("authorization", "").startswith(ALGORITHM)


def signer_of(headers: Mapping[str, str]) -> str:
    """The access-key id that a request names, not verified yet. Raises as `verify`."""
    return _proof(headers["authorization"]).access_key_id


def verify(request: SignedRequest, secret_of: Callable[[str], Secret | None], now_us: int) -> str:
    """The access-key id whose holder signed `request`.

    Raises Unauthenticated, status 403, `code` one of IncompleteSignatureException, UnrecognizedClientException and
    InvalidSignatureException.
    """
    headers = _joined(request.headers)
    proof = _proof(headers.get("authorization", ""))
    stamp = headers.get("x-amz-date", "")
    _check_scope(proof.scope, stamp)
    _check_time(stamp, now_us)
    _check_names(proof.names, headers)
    body_hash = _checked_hash(request.body, headers.get("x-amz-content-sha256"))
    path = request.raw_path.decode("latin-1")
    if path != normal_path(path):
        raise _refusal("InvalidSignatureException", "The path has empty or dot segments: sign and send it without.")
    secret = secret_of(proof.access_key_id)
    if secret is None or "x-amz-security-token" in headers:
        raise _refusal(
            "UnrecognizedClientException",
            "This access key is not known to the gateway. Use the pair that was issued for your virtual key, and no "
            "session token (AWS_SESSION_TOKEN).",
        )
    path, query = canonical_path(path), canonical_query(request.query_string.decode("latin-1"))
    for host in filter(None, (headers["host"], request.public_host)):
        signed = {name: headers[name] for name in proof.names} | {"host": host}
        signable = Signable(request.method, path, query, signed, body_hash)
        if hmac.compare_digest(signature(signable, secret, stamp, proof.scope), proof.signature):
            return proof.access_key_id
    raise _refusal(
        "InvalidSignatureException",
        "The signature does not match the request. Check the secret access key, and that nothing between you and the "
        "gateway changes the path, the Host header or the body.",
    )


def _joined(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers in canonical form: the values of one name joined by commas."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1").lower(), trimmed(value.decode("latin-1"))
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def _proof(authorization: str) -> _Proof:
    found = _AUTHORIZATION.fullmatch(authorization)
    names = tuple(found["headers"].split(";")) if found else ()
    if found is None or list(names) != sorted(set(names)):
        raise _refusal(
            "IncompleteSignatureException",
            f"The Authorization header is no {ALGORITHM} with Credential, SignedHeaders (in order) and Signature.",
        )
    return _Proof(found["id"], Scope(found["day"], found["region"], found["service"]), names, found["signature"])


def _check_scope(scope: Scope, stamp: str) -> None:
    if not _STAMP.fullmatch(stamp):
        raise _refusal("IncompleteSignatureException", "x-amz-date must hold a time like 20260131T235959Z.")
    if scope.service != SERVICE:
        raise _refusal("InvalidSignatureException", f"The credential must be scoped to the service '{SERVICE}'.")
    if not stamp.startswith(scope.day):
        raise _refusal("InvalidSignatureException", "The day in the credential is not that of x-amz-date.")


def _check_time(stamp: str, now_us: int) -> None:
    try:
        sent = timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise _refusal("IncompleteSignatureException", "x-amz-date holds no time that exists.") from None
    late = now_us // 1_000_000 - sent
    if abs(late) > SKEW_SECONDS:
        what = "expired" if late > 0 else "not yet current"
        raise _refusal(
            "InvalidSignatureException",
            f"Signature {what}: {stamp} is {abs(late)} s from the gateway's time, {SKEW_SECONDS} s are allowed. "
            "Set the clock and sign anew.",
        )


def _check_names(names: tuple[str, ...], headers: Mapping[str, str]) -> None:
    missing = [name for name in names if name not in headers]
    if missing:
        raise _refusal("InvalidSignatureException", f"The signed header '{missing[0][:60]}' was not received.")
    needed = {"host", "x-amz-date", *(name for name in headers if name.startswith(_SIGNED_PREFIXES))}
    unsigned = sorted(needed - set(names) - _ADDED_ON_THE_WAY)
    if unsigned:
        raise _refusal("InvalidSignatureException", f"The header '{unsigned[0][:60]}' must be signed.")


def _checked_hash(body: bytes, claimed: str | None) -> str:
    """The body's hash; where the caller states one it must be that."""
    if claimed is not None and not _HASH.fullmatch(claimed):
        raise _refusal("InvalidSignatureException", "The body must be signed: x-amz-content-sha256 holds no SHA-256.")
    body_hash = hash_of_body(body)
    if claimed is not None and not hmac.compare_digest(claimed, body_hash):
        raise _refusal("InvalidSignatureException", "The body is not the one whose hash x-amz-content-sha256 holds.")
    return body_hash


def _refusal(code: str, message: str) -> Unauthenticated:
    return Unauthenticated(message, code=code, status=403)
