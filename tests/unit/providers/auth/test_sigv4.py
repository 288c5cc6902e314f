from __future__ import annotations

from hypothesis import given, settings

from sekisho.core.secret import Secret
from sekisho.providers.auth.sigv4 import AwsKeys, Unsigned, sign
from tests.support.aws import Sample, samples, signed_by_botocore, us_of

KEYS = AwsKeys(access_key_id="AKIAEXAMPLE", secret=Secret("s-1"))
NOW_US = 1_767_225_599_999_999
UNSIGNED = Unsigned("POST", "https://h.example/model/a/invoke", b"{}", {"content-type": "application/json"})


def keys_of(sample: Sample) -> AwsKeys:
    token = Secret(sample.token) if sample.token else None
    return AwsKeys(access_key_id=sample.access_key_id, secret=Secret(sample.secret), session_token=token)


@settings(max_examples=2_000)
@given(samples())
def test_every_request_is_signed_as_botocore_signs_it(sample: Sample) -> None:
    theirs = signed_by_botocore(sample)
    request = Unsigned(sample.method, sample.url, sample.body, sample.headers)
    ours = sign(request, keys_of(sample), sample.region, us_of(theirs["x-amz-date"]))
    assert ours == {name: value for name, value in theirs.items() if name not in sample.headers}


def test_only_what_no_proxy_rewrites_is_signed() -> None:
    passing = {"user-agent": "a", "accept-encoding": "identity", "x-amzn-trace-id": "t", "traceparent": "p"}
    changed = Unsigned(UNSIGNED.method, UNSIGNED.url, UNSIGNED.body, {**UNSIGNED.headers, **passing})
    assert sign(changed, KEYS, "us-east-1", NOW_US) == sign(UNSIGNED, KEYS, "us-east-1", NOW_US)


def test_the_time_is_cut_to_the_second_and_the_day_to_utc() -> None:
    proof = sign(UNSIGNED, KEYS, "us-east-1", NOW_US)
    assert proof["x-amz-date"] == "20251231T235959Z"
    assert "Credential=AKIAEXAMPLE/20251231/us-east-1/bedrock/aws4_request," in proof["authorization"]


def test_other_services_and_regions_are_other_signatures() -> None:
    proofs = {
        sign(UNSIGNED, KEYS, region, NOW_US, service)["authorization"][-64:]
        for region in ("us-east-1", "us-east-2")
        for service in ("bedrock", "sts")
    }
    assert len(proofs) == 4


def test_nothing_shows_the_secret() -> None:
    assert "s-1" not in f"{KEYS!r} {sign(UNSIGNED, KEYS, 'us-east-1', NOW_US)}"
