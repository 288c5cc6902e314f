from __future__ import annotations

import pytest

from sekisho.providers.fake.errors import KINDS, asking_to_wait, error_headers, error_object, kind_of


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("context_too_long", 400, "context_too_long"),
        ("", 429, "rate_limit"),
        ("", 529, "overloaded"),
        ("", 400, "invalid_request"),
        ("", 502, "api_error"),
        ("", 418, "invalid_request"),
    ],
)
def test_kind_by_name_else_by_status(name: str, status: int, expected: str) -> None:
    assert kind_of(name, status) == KINDS[expected]


def test_anthropics_envelope() -> None:
    assert error_object("anthropic", KINDS["overloaded"], "") == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_fake",
    }


def test_openais_envelope() -> None:
    assert error_object("openai", KINDS["quota"], "No money.", "model") == {
        "error": {
            "message": "No money.",
            "type": "insufficient_quota",
            "param": "model",
            "code": "insufficient_quota",
        }
    }


def test_the_envelope_of_aws_is_in_its_header() -> None:
    assert error_object("aws", KINDS["quota"], "") == {"message": KINDS["quota"].message}
    header = error_headers("aws", KINDS["quota"])["x-amzn-errortype"]
    assert header.partition(":")[0] == "ServiceQuotaExceededException"


def test_googles_envelope_says_how_long_to_wait() -> None:
    error = error_object("google", KINDS["rate_limit"], "Slow.")
    assert error == {"error": {"code": 429, "message": "Slow.", "status": "RESOURCE_EXHAUSTED"}}
    waiting, headers = asking_to_wait("google", error, 2.5)
    assert waiting["error"]["details"][0]["retryDelay"] == "2.5s"
    assert (headers, error_headers("google", KINDS["rate_limit"])) == ({}, {})


def test_other_vendors_say_it_in_a_header_or_not_at_all() -> None:
    assert asking_to_wait("azure", {"error": {}}, 3)[1] == {"retry-after": "3"}
    assert asking_to_wait("aws", {"message": "m"}, 3) == ({"message": "m"}, {})
    assert "apim-request-id" in error_headers("azure", KINDS["quota"])
    assert "x-request-id" in error_headers("openai", KINDS["quota"])
