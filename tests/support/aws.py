"""Requests to Bedrock as people make them, signed by botocore.

In: Hypothesis. Out: requests with ids, ARNs, queries and bodies of every kind, and what botocore adds to them.
"""

from __future__ import annotations

import time
from calendar import timegm
from urllib.parse import quote

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import strategies as st

MODEL_IDS = (
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
    "arn:aws:bedrock:ap-northeast-1:123456789012:provisioned-model/x y+z",
    "amazon.nova-pro-v1:0",
    "名前/é~",
)
OPERATIONS = ("converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens")
WORDS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


class Sample(msgspec.Struct, frozen=True):
    """One request and the identity that signs it."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]
    access_key_id: str
    secret: str
    token: str | None
    region: str


@st.composite
def samples(draw: st.DrawFn, *, tokens: bool = True) -> Sample:
    """Requests whose path holds the model id as a client encodes it."""
    host = draw(
        st.sampled_from(
            [
                "https://bedrock-runtime.us-east-1.amazonaws.com",
                "https://Bedrock-Runtime.eu-west-1.amazonaws.com:443",
                "http://127.0.0.1:4000",
                "https://vpce-0a.bedrock-runtime.us-west-2.vpce.amazonaws.com:8443",
            ]
        )
    )
    safe = draw(st.sampled_from(["", ":", "/:", "~"]))
    model = quote(draw(st.sampled_from(MODEL_IDS) | WORDS), safe=safe)
    path = draw(st.sampled_from(["", "/bedrock"])) + f"/model/{model}/{draw(st.sampled_from(OPERATIONS))}"
    names = st.sampled_from(["maxResults", "nextToken", "type", "Type"])
    pairs = draw(st.lists(st.tuples(names, WORDS | st.just("")), max_size=3))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    headers = draw(
        st.fixed_dictionaries(
            {"content-type": st.sampled_from(["application/json", " application/json;  charset=utf-8 "])},
            optional={
                "x-amzn-bedrock-accept": st.just("*/*"),
                "x-amzn-bedrock-trace": st.sampled_from(["ENABLED", "DISABLED"]),
                "x-amz-bedrock-note": WORDS,
            },
        )
    )
    return Sample(
        method=draw(st.sampled_from(["POST", "GET"])),
        url=f"{host}{path}" + (f"?{query}" if query else ""),
        body=draw(st.binary(max_size=200)),
        headers=headers,
        access_key_id="AKIA" + draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=16)),
        secret=draw(WORDS).ljust(40, "s"),
        token=draw(st.none() | WORDS) if tokens else None,
        region=draw(st.sampled_from(["us-east-1", "ap-northeast-1", "us-gov-west-1"])),
    )


def signed_by_botocore(sample: Sample) -> dict[str, str]:
    """All headers of the request as botocore sends it; names in lower case."""
    request = AWSRequest(sample.method, sample.url, headers=sample.headers, data=sample.body)
    SigV4Auth(Credentials(sample.access_key_id, sample.secret, sample.token), "bedrock", sample.region).add_auth(
        request
    )
    return {name.lower(): value for name, value in request.headers.items()}


def us_of(stamp: str) -> int:
    """The time in x-amz-date, in epoch µs."""
    return timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) * 1_000_000
