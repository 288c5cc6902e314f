from __future__ import annotations

from typing import Any

import pytest

from sekisho.api.admin.fields import (
    Body,
    Described,
    NotEnforced,
    answer,
    described,
    is_empty,
    refuse_unenforced,
    storable,
    unknown_fields,
)
from sekisho.api.admin.refused import REFUSED_FIELDS, REFUSED_METADATA
from sekisho.core.errors import MalformedRequest
from sekisho.store.limits import NO_LIMITS, Limits


@pytest.mark.parametrize("name", sorted(REFUSED_FIELDS))
def test_each_field_that_has_no_effect_is_refused(name: str) -> None:
    with pytest.raises(NotEnforced) as caught:
        refuse_unenforced(Body.model_validate({name: 1}))
    assert (caught.value.info.param, caught.value.info.status) == (name, 400)
    refuse_unenforced(Body.model_validate({name: None}))


@pytest.mark.parametrize("name", sorted(REFUSED_METADATA))
def test_each_setting_in_the_metadata_that_has_no_effect_is_refused(name: str) -> None:
    with pytest.raises(NotEnforced):
        refuse_unenforced(Described.model_validate({"metadata": {name: [1]}}))


def test_known_fields_are_not_called_unknown() -> None:
    body: dict[str, Any] = {"metadata": {}, "tpm_limit": None, "guardrails": None, "misspelt": 1, "with space": 2}
    assert unknown_fields(Described.model_validate(body)) == "misspelt"
    assert answer({}, Described.model_validate(body)).headers["x-sekisho-unknown-fields"] == "misspelt"
    assert "x-sekisho-unknown-fields" not in answer({}).headers


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, {}),
        ({"metadata": {"b": 2}}, {"metadata": {"b": 2}}),
        ({"metadata": None}, {"metadata": {}}),
        ({"tags": ["x"]}, {"metadata": {"a": 1, "tags": ["x"]}}),
        ({"rpm_limit": None}, {}),
        ({"rpm_limit": 5}, {"limits": Limits(rpm_limit=5)}),
        ({"metadata": {"model_rpm_limit": {"m": 1}}}, {"metadata": {}, "limits": Limits(model_rpm_limit={"m": 1})}),
        (
            {"metadata": {"model_rpm_limit": {"m": 1}}, "model_rpm_limit": {"m": 2}},
            {"metadata": {}, "limits": Limits(model_rpm_limit={"m": 2})},
        ),
    ],
)
def test_metadata_and_limits_are_told_apart(sent: dict[str, Any], fields: dict[str, Any]) -> None:
    assert described(Described.model_validate(sent), {"a": 1, "tags": ["old"]}, NO_LIMITS) == fields


def test_a_limit_inside_the_metadata_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(MalformedRequest) as caught:
        described(Described.model_validate({"metadata": {"model_rpm_limit": {"m": "x"}}}), {}, NO_LIMITS)
    assert caught.value.info.param == "metadata.model_rpm_limit"


@pytest.mark.parametrize("metadata", [{"x": "\ud800"}, {"x": "\x00"}])
def test_metadata_that_no_database_holds_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest, match="'metadata'"):
        storable(metadata)


def test_zero_is_not_empty() -> None:
    values: list[Any] = [None, "", [], {}, False, 0, 0.0, "a"]
    assert [is_empty(value) for value in values] == [True] * 5 + [False] * 3
