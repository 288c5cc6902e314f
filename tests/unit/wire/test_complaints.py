"""What is wrong with a body, in our words."""

from __future__ import annotations

from typing import NoReturn

import msgspec
import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.wire.complaints import Complaint, complaint_of, decode_body, malformed


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    n: int
    kind: str = ""


class Outer(msgspec.Struct):
    items: list[Inner]


decode = msgspec.json.Decoder(Outer).decode


def told(body: bytes) -> tuple[str, str | None]:
    """Message and field."""

    def explain(complaint: Complaint) -> NoReturn:
        raise malformed(complaint)

    with pytest.raises(MalformedRequest) as refused:
        decode_body(decode, body, explain)
    return refused.value.info.message, refused.value.info.param


def test_a_good_body_is_read() -> None:
    def never(complaint: Complaint) -> NoReturn:
        raise AssertionError(complaint)

    assert decode_body(decode, b'{"items": [{"n": 1}]}', never).items == [Inner(1)]


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (b'{"items": [{"n": "x"}]}', "items.0.n: Expected `int`, got `str`.", "items.0.n"),
        (b'{"items": [{}]}', "items.0.n: Field required.", "items.0.n"),
        (b"{}", "items: Field required.", "items"),
        (b"[]", "Expected `object`, got `array`.", None),
        (b'{"items": [{"n": 1, "own": "secret words"}]}', "items.0: Unknown field.", "items.0"),
        (b'{"items"', "The request body is not valid JSON in UTF-8.", None),
        (b'{"items": [{"n": 1, "kind": "\xff"}]}', "The request body is not valid JSON in UTF-8.", None),
        (b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "The request body is nested too deeply.", None),
    ],
)
def test_what_is_wrong_is_named(body: bytes, message: str, param: str | None) -> None:
    assert told(body) == (message, param)


def test_the_parts_of_a_complaint() -> None:
    unknown = complaint_of("Object contains unknown field `own` - at `$.items[0]`", "body")
    assert (unknown.unknown, unknown.path, unknown.missing) == ("own", "body.items.0", None)
    missing = complaint_of("Object missing required field `n` - at `$.items[0]`")
    assert (missing.missing, missing.unknown) == ("items.0.n", None)
    value = complaint_of("Invalid enum value 'loud' - at `$.kind`")
    assert (value.quoted, malformed(value).info.message) == ("loud", "kind: Invalid value 'loud'.")


def test_a_value_that_is_no_plain_word_is_not_repeated() -> None:
    value = complaint_of("Invalid value 'my secret: 1' - at `$.kind`")
    assert malformed(value).info.message == "kind: Invalid value."
