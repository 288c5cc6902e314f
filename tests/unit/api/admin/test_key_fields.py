from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.api.admin.fields import NotEnforced
from sekisho.api.admin.key_fields import (
    KeyFields,
    KeyListQuery,
    RegenerateFields,
    check_key_fields,
    checked_aliases,
    expiry_us,
    key_columns,
)
from sekisho.core.errors import MalformedRequest
from sekisho.store.keys import KeyRow
from sekisho.store.limits import Limits
from tests.support.ledger import NOW_US

ROW = KeyRow(token="t", key_name="n", created_us=0, updated_us=0, metadata={"a": 1, "tags": ["old"]})


def moment(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("duration", "end"),
    [
        ("30s", "2024-01-31 12:00:30"),
        ("30m", "2024-01-31 12:30:00"),
        ("30h", "2024-02-01 18:00:00"),
        ("1d", "2024-02-01 12:00:00"),
        ("2w", "2024-02-14 12:00:00"),
        ("1mo", "2024-02-29 12:00:00"),
        ("12mo", "2025-01-31 12:00:00"),
    ],
)
def test_a_life_is_counted_from_now(duration: str, end: str) -> None:
    assert expiry_us(duration, moment("2024-01-31 12:00:00")) == moment(end)


@pytest.mark.parametrize("duration", [None, "", "-1"])
def test_no_life_is_never(duration: str | None) -> None:
    assert expiry_us(duration, NOW_US) is None


@pytest.mark.parametrize("duration", ["1", "d", "1y", "-1d", "1.5h", "1d ", "９d"])
def test_a_life_that_cannot_be_read_is_refused(duration: str) -> None:
    with pytest.raises(MalformedRequest, match="'duration'"):
        expiry_us(duration, NOW_US)


@given(count=st.integers(0, 10**9 - 1), unit=st.sampled_from(["s", "m", "h", "d", "w", "mo"]))
def test_every_life_ends_within_the_calendar(count: int, unit: str) -> None:
    end = expiry_us(f"{count}{unit}", NOW_US)
    assert end is not None
    assert NOW_US <= end <= moment("2200-01-01")


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"allowed_routes": ["/key/info"]}, "allowed_routes"),
        ({"key_type": "other"}, "key_type"),
        ({"guardrails": ["g"]}, "guardrails"),
        ({"new_master_key": "sk-x"}, "new_master_key"),
    ],
)
def test_what_has_no_effect_is_refused(sent: dict[str, Any], param: str) -> None:
    with pytest.raises(NotEnforced) as caught:
        check_key_fields(RegenerateFields.model_validate(sent))
    assert caught.value.info.param == param


def test_names_may_stand_for_names_but_not_in_a_circle() -> None:
    for aliases in ({}, {"a": "b", "b": "c"}, {"a": "a"}):
        assert checked_aliases(aliases) == aliases
    for circle in ({"a": "b", "b": "a"}, {"x": "a", "a": "b", "b": "c", "c": "a"}):
        with pytest.raises(MalformedRequest, match="leads back"):
            checked_aliases(circle)


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, {}),
        ({"models": ["a"]}, {"models": ("a",)}),
        ({"models": None, "aliases": None, "blocked": None}, {"models": (), "aliases": {}, "blocked": False}),
        ({"key_alias": "", "user_id": None}, {"key_alias": None, "user_id": None}),
        ({"spend": 0.1}, {"spend_nano_usd": 100_000_000}),
        ({"spend": None}, {}),
        ({"key_type": "llm_api"}, {"key_type": "llm_api", "allowed_routes": ("llm_api_routes",)}),
        ({"budget_id": "b", "project_id": ""}, {"budget_id": "b", "project_id": None}),
        ({"rpm_limit": 5}, {"limits": Limits(rpm_limit=5)}),
        ({"tags": ["new"]}, {"metadata": {"a": 1, "tags": ["new"]}}),
        ({"tags": None}, {"metadata": {"a": 1}}),
        ({"metadata": {"b": 2}}, {"metadata": {"b": 2}}),
        ({"metadata": {"b": 2}, "tags": ["new"]}, {"metadata": {"b": 2, "tags": ["new"]}}),
        ({"metadata": None}, {"metadata": {}}),
    ],
)
def test_only_what_was_sent_is_set(sent: dict[str, Any], fields: dict[str, Any]) -> None:
    assert key_columns(KeyFields.model_validate(sent), ROW, NOW_US) == fields


def test_metadata_that_cannot_be_stored_is_refused() -> None:
    sent = KeyFields.model_construct(metadata={"x": "\ud800"}, _fields_set={"metadata"})
    with pytest.raises(MalformedRequest, match="'metadata'"):
        key_columns(sent, None, NOW_US)


def test_a_list_by_what_is_not_there_is_refused() -> None:
    KeyListQuery(user_id="u").refuse_unsupported()
    with pytest.raises(NotEnforced, match="status"):
        KeyListQuery(status="deleted").refuse_unsupported()
