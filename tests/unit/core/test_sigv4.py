from __future__ import annotations

from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.secret import Secret
from sekisho.core.sigv4 import (
    Scope,
    Signable,
    canonical_path,
    canonical_query,
    hash_of_body,
    normal_path,
    signature,
    trimmed,
)

BOTOCORE: Any = SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "bedrock", "us-east-1")
SECRET = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SEGMENTS = st.sampled_from(["", ".", "..", "a", "model", "%2F", "%3A", "arn%3Aaws%3A", "~", "é", "a b", "+", "@:,"])
QUERY = st.lists(st.sampled_from(["", "a", "a=", "a=1", "a=1=2", "B=%2F", "a=0", "=", "z=+", "~"]), max_size=5)


def test_the_request_without_anything_has_the_published_signature() -> None:
    """`get-vanilla` of the test suite that AWS publishes for the signing process."""
    headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
    request = Signable("GET", "/", "", headers, hash_of_body(b""))
    scope = Scope("20150830", "us-east-1", "service")
    assert signature(request, SECRET, "20150830T123600Z", scope) == (
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_the_canonical_request_lists_headers_in_order() -> None:
    request = Signable("POST", "/a", "b=", {"x-amz-date": "1", "host": "h"}, "00")
    assert request.signed_headers == "host;x-amz-date"
    assert request.text() == "POST\n/a\nb=\nhost:h\nx-amz-date:1\n\nhost;x-amz-date\n00"


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", "/"),
        ("/model/us.anthropic.claude-v2:0/converse", "/model/us.anthropic.claude-v2%3A0/converse"),
        ("/model/arn%3Aaws%3Abedrock%2Fx/invoke", "/model/arn%253Aaws%253Abedrock%252Fx/invoke"),
        ("/a//b/./c/../d/", "/a/b/d/"),
        ("/..", "/"),
    ],
)
def test_a_path_is_encoded_once_more(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


@given(st.lists(SEGMENTS, max_size=6))
def test_paths_are_canonical_as_in_botocore(segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    assert canonical_path(path) == BOTOCORE._normalize_url_path(path)
    assert normal_path(normal_path(path)) == normal_path(path)


@given(QUERY)
def test_queries_are_canonical_as_in_botocore(parts: list[str]) -> None:
    query = "&".join(parts)
    request = AWSRequest("GET", f"https://h/?{query}")
    assert canonical_query(query) == BOTOCORE.canonical_query_string(request)


@given(st.text())
def test_header_values_are_trimmed_as_in_botocore(value: str) -> None:
    assert trimmed(value) == BOTOCORE._header_value(value)


def test_a_scope_is_written_with_its_end() -> None:
    assert str(Scope("20260131", "ap-northeast-1", "bedrock")) == "20260131/ap-northeast-1/bedrock/aws4_request"
