"""Whom a call names beside its key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.core.errors import MalformedRequest
from sekisho.identity.named import end_user_named, tags_named
from sekisho.wire.json_edit import JsonObject


def values(**body: Any) -> dict[str, msgspec.Raw]:
    """A body's top."""
    return JsonObject(msgspec.json.encode(body)).values


@pytest.mark.parametrize(
    ("headers", "body", "tags"),
    [
        ({}, {}, []),
        ({"x-litellm-tags": " a, b,,"}, {}, ["a", "b"]),
        (
            {"x-litellm-tags": "a"},
            {"metadata": {"tags": ["b", 7]}, "litellm_metadata": {"tags": ["c"]}},
            ["a", "b", "c"],
        ),
        ({}, {"metadata": {"tags": "b"}}, []),
        ({}, {"metadata": "b"}, []),
        ({}, {"metadata": None}, []),
        ({"x-litellm-tags": "x" * 257}, {}, []),
        ({}, {"metadata": {"tags": ["a\0b", "c"]}}, ["c"]),
    ],
)
def test_tags(headers: dict[str, str], body: dict[str, Any], tags: list[str]) -> None:
    assert list(tags_named(headers, values(**body))) == tags


def test_more_tags_than_a_row_holds_are_refused_and_none_is_left_out() -> None:
    """Each may have a budget: whoever writes fifty others before it is not let off."""
    header = ",".join(map(str, range(50)))
    assert len(list(tags_named({"x-litellm-tags": header}, values(metadata={"tags": ["0", "49"]})))) == 50
    with pytest.raises(MalformedRequest, match="50 tags") as refused:
        tags_named({"x-litellm-tags": header}, values(metadata={"tags": ["one-more"]}))
    assert refused.value.info.param == "tags"


def test_metadata_too_large_to_be_a_callers() -> None:
    body = values(metadata={"tags": ["a"], "rest": "x" * 70_000})
    assert list(tags_named({}, body)) == []


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    [
        ({}, {}, None),
        ({"x-litellm-customer-id": "c"}, {"user": "u"}, "c"),
        ({"x-litellm-end-user-id": "e"}, {}, "e"),
        ({}, {"user": "u", "metadata": {"user_id": "m"}}, "u"),
        ({}, {"metadata": {"user_id": "m"}}, "m"),
        ({}, {"metadata": {"user_id": '{"device_id":"d","session_id":"s"}'}}, None),
        ({}, {"metadata": {"user_id": "user_1_account__session_2"}}, None),
        ({}, {"user": 7}, None),
        ({}, {"user": ""}, None),
        ({}, {"user": "x" * 257}, None),
        ({}, {"user": "a\0b"}, None),
        ({}, {"user": None, "metadata": {"user_id": "m"}}, "m"),
    ],
)
def test_end_user(headers: dict[str, str], body: dict[str, Any], name: str | None) -> None:
    assert end_user_named(headers, values(**body)) == name


@pytest.mark.parametrize("raw", [b'"\xff"', b"[" * 5_000 + b"]" * 5_000])
def test_what_cannot_be_read_names_nobody(raw: bytes) -> None:
    assert end_user_named({}, {"user": raw}) is None
    assert list(tags_named({}, {"metadata": raw})) == []
