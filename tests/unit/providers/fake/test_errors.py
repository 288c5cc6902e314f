from __future__ import annotations

import pytest

from sekisho.providers.fake.errors import KINDS, error_object, kind_of


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
    assert error_object("messages", KINDS["overloaded"], "") == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
        "request_id": "req_fake",
    }


def test_openais_envelope() -> None:
    assert error_object("responses", KINDS["quota"], "No money.", "model") == {
        "error": {
            "message": "No money.",
            "type": "insufficient_quota",
            "param": "model",
            "code": "insufficient_quota",
        }
    }
