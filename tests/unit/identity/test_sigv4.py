from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.core.errors import ErrorClass, Unauthenticated
from sekisho.core.secret import Secret
from sekisho.core.sigv4 import normal_path
from sekisho.identity.sigv4 import SKEW_SECONDS, SignedRequest, is_signed, verify
from tests.support.aws import Sample, samples, signed_by_botocore, us_of

SAMPLE = Sample(
    method="POST",
    url="http://127.0.0.1:4000/model/arn%3Aaws%3Abedrock%2Fa/converse?type=A&maxResults=2",
    body=b'{"messages":[]}',
    headers={"content-type": "application/json", "x-amz-note": "n"},
    access_key_id="AKIASEKISHO234567",
    secret="secret-canary",
    token=None,
    region="ap-northeast-1",
)


def received(sample: Sample, **more: str) -> tuple[SignedRequest, int]:
    """(what a server gets of `sample`, when it was signed)."""
    parts = urlsplit(sample.url)
    default = {"http": 80, "https": 443}[parts.scheme]
    host = parts.hostname if parts.port in (None, default) else f"{parts.hostname}:{parts.port}"
    headers = {"host": f"{host}", "user-agent": "Boto3/1", **signed_by_botocore(sample), **more}
    request = SignedRequest(
        method=sample.method,
        raw_path=parts.path.encode(),
        query_string=parts.query.encode(),
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        body=sample.body,
    )
    return request, us_of(headers["x-amz-date"])


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    """`request` with one header replaced, or without it."""
    headers = [pair for pair in request.headers if pair[0] != name.encode()]
    if value is not None:
        headers.append((name.encode(), value.encode()))
    return msgspec.structs.replace(request, headers=headers)


def secrets(sample: Sample) -> dict[str, Secret]:
    return {sample.access_key_id: Secret(sample.secret)}


def refused(request: SignedRequest, now_us: int, sample: Sample = SAMPLE) -> str:
    """The code under which it is refused."""
    with pytest.raises(Unauthenticated) as caught:
        verify(request, secrets(sample).get, now_us)
    assert (caught.value.info.error_class, caught.value.info.status) == (ErrorClass.AUTHENTICATION, 403)
    assert sample.secret not in caught.value.info.message
    return str(caught.value.info.code)


@settings(max_examples=500)
@given(samples(tokens=False))
def test_what_botocore_signs_is_verified(sample: Sample) -> None:
    request, now_us = received(sample)
    path = request.raw_path.decode()
    if path != normal_path(path):  # a model called "..": some clients sign what is left of the path without it
        assert refused(request, now_us, sample) == "InvalidSignatureException"
        return
    assert verify(request, secrets(sample).get, now_us) == sample.access_key_id


def flipped(data: bytes, at: int, bits: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


@settings(max_examples=500)
@given(
    samples(tokens=False).filter(lambda sample: sample.body and "?" in sample.url),
    st.sampled_from(["raw_path", "query_string", "body", "header", "method"]),
    st.integers(0, 10_000),
    st.integers(1, 255),
)
def test_one_changed_byte_is_refused(sample: Sample, where: str, at: int, bits: int) -> None:
    request, now_us = received(sample)
    if where == "header":
        index = at % len(request.headers)
        name, value = request.headers[index]
        changed = flipped(value, at, bits)
        if name == b"user-agent" or changed.decode("latin-1").split() == value.decode("latin-1").split():
            return  # not signed; or other white space, which means the same
        headers = [*request.headers[:index], (name, changed), *request.headers[index + 1 :]]
        request = msgspec.structs.replace(request, headers=headers)
    elif where == "method":
        request = msgspec.structs.replace(request, method="PUT")
    else:
        changed = flipped(getattr(request, where), at, bits)
        request = msgspec.structs.replace(request, **{where: changed})
    assert refused(request, now_us, sample) in {"InvalidSignatureException", "IncompleteSignatureException"} | (
        {"UnrecognizedClientException"} if where == "header" else set()
    )


def test_another_secret_is_refused() -> None:
    request, now_us = received(SAMPLE)
    with pytest.raises(Unauthenticated) as caught:
        verify(request, {SAMPLE.access_key_id: Secret("other")}.get, now_us)
    assert caught.value.info.code == "InvalidSignatureException"


def test_an_unknown_access_key_is_refused() -> None:
    request, now_us = received(SAMPLE)
    with pytest.raises(Unauthenticated, match="not known to the gateway") as caught:
        verify(request, lambda _: None, now_us)
    assert caught.value.info.code == "UnrecognizedClientException"


def test_a_session_token_of_aws_is_refused() -> None:
    request, now_us = received(msgspec.structs.replace(SAMPLE, token="FwoG"))
    assert refused(request, now_us) == "UnrecognizedClientException"


@pytest.mark.parametrize("seconds", [-SKEW_SECONDS, 0, SKEW_SECONDS])
def test_clocks_may_differ_by_five_minutes(seconds: int) -> None:
    request, now_us = received(SAMPLE)
    assert verify(request, secrets(SAMPLE).get, now_us + seconds * 1_000_000) == SAMPLE.access_key_id


@pytest.mark.parametrize("seconds", [-SKEW_SECONDS - 1, SKEW_SECONDS + 1, 86_400])
def test_a_skewed_or_replayed_date_is_refused(seconds: int) -> None:
    request, now_us = received(SAMPLE)
    assert refused(request, now_us + seconds * 1_000_000) == "InvalidSignatureException"


@pytest.mark.parametrize("path", ["//model/a/converse", "/x/../model/a/converse", "/./model/a/converse"])
def test_a_path_that_means_another_is_refused(path: str) -> None:
    sample = msgspec.structs.replace(SAMPLE, url=f"http://127.0.0.1:4000{path}")
    request, now_us = received(sample)
    assert refused(request, now_us) == "InvalidSignatureException"


@pytest.mark.parametrize("claimed", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", "0" * 64])
def test_a_body_that_is_not_signed_is_refused(claimed: str) -> None:
    sample = msgspec.structs.replace(SAMPLE, headers={**SAMPLE.headers, "x-amz-content-sha256": claimed})
    request, now_us = received(sample)
    assert refused(request, now_us) == "InvalidSignatureException"


def test_a_stated_hash_of_the_body_may_be_signed() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    sample = msgspec.structs.replace(SAMPLE, body=b"", headers={"x-amz-content-sha256": empty})
    request, now_us = received(sample)
    assert verify(request, secrets(sample).get, now_us) == SAMPLE.access_key_id


@pytest.mark.parametrize("name", ["x-amz-target", "x-amzn-bedrock-trace"])
def test_headers_with_a_meaning_may_not_be_added(name: str) -> None:
    request, now_us = received(SAMPLE, **{name: "ENABLED"})
    assert refused(request, now_us) == "InvalidSignatureException"


@pytest.mark.parametrize("name", ["x-amzn-trace-id", "x-amz-cf-id", "x-forwarded-for"])
def test_headers_of_a_front_may_be_added(name: str) -> None:
    request, now_us = received(SAMPLE, **{name: "1"})
    assert verify(request, secrets(SAMPLE).get, now_us) == SAMPLE.access_key_id


def test_a_signed_header_must_arrive() -> None:
    request, now_us = received(SAMPLE)
    assert refused(with_header(request, "content-type", None), now_us) == "InvalidSignatureException"
    assert refused(with_header(request, "host", None), now_us) == "InvalidSignatureException"


def test_the_host_is_the_one_that_the_client_called() -> None:
    request, now_us = received(SAMPLE)
    behind = with_header(request, "host", "gateway.internal")
    assert refused(behind, now_us) == "InvalidSignatureException"
    behind = msgspec.structs.replace(behind, public_host="127.0.0.1:4000")
    assert verify(behind, secrets(SAMPLE).get, now_us) == SAMPLE.access_key_id


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("/bedrock/", "/sts/", "InvalidSignatureException"),
        ("/ap-northeast-1/", "/us-east-1/", "InvalidSignatureException"),
        ("content-type;host;", "host;content-type;", "IncompleteSignatureException"),
        ("host;", "", "InvalidSignatureException"),
        ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 x", "IncompleteSignatureException"),
        ("SignedHeaders=", "", "IncompleteSignatureException"),
        ("Signature=", "Signature=0", "IncompleteSignatureException"),
    ],
)
def test_a_broken_authorization_is_refused(old: str, new: str, code: str) -> None:
    request, now_us = received(SAMPLE)
    shown = dict(request.headers)[b"authorization"].decode()
    assert old in shown
    assert refused(with_header(request, "authorization", shown.replace(old, new)), now_us) == code


@pytest.mark.parametrize("stamp", ["", "20260131", "20269931T000000Z", "２0260131T000000Z", "2026-01-31T00:00:00Z"])
def test_a_date_that_is_none_is_refused(stamp: str) -> None:
    request, now_us = received(SAMPLE)
    shown = dict(request.headers)[b"authorization"].decode()
    day = shown.partition("/")[2][:8]
    request = with_header(request, "authorization", shown.replace(f"/{day}/", f"/{stamp[:8]}/"))
    assert refused(with_header(request, "x-amz-date", stamp), now_us) == "IncompleteSignatureException"


def test_two_authorizations_are_refused() -> None:
    request, now_us = received(SAMPLE)
    twice = [*request.headers, *(pair for pair in request.headers if pair[0] == b"authorization")]
    assert refused(msgspec.structs.replace(request, headers=twice), now_us) == "IncompleteSignatureException"


def test_a_signature_is_told_from_a_key() -> None:
    assert is_signed({"authorization": "AWS4-HMAC-SHA256 Credential=…"})
    assert not is_signed({"authorization": "Bearer sk-1"})
    assert not is_signed({})
