from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config.values import Count, CredentialFile, Duration, Name, Seconds, convert, duration_seconds, price
from sekisho.core.secret import Secret


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("3", Count, 3),
        ("2.5", Seconds, 2.5),
        (5, Seconds, 5.0),
        ("true", bool, True),
        ("False", bool, False),
        ("sk-1", Secret | None, Secret("sk-1")),
        (12345, Secret | None, Secret("12345")),
        ({"a": "b"}, Mapping[Name, Secret], {"a": Secret("b")}),
        (["a"], tuple[Name, ...], ("a",)),
        ("30d", Duration, "30d"),
    ],
)
def test_what_is_accepted(value: Any, kind: Any, expected: Any) -> None:
    assert convert(value, kind) == expected


@pytest.mark.parametrize(
    ("value", "kind", "sentence"),
    [
        ("soon", Seconds, "Expected a number, got text."),
        (0, Seconds, "Expected a number > 0.0."),
        (float("inf"), Seconds, "Expected a number <= 1000000.0."),
        (-1, Count, "Expected a number >= 0."),
        ("0d", Duration, "Expected a span of time, like 12h, 30d, 4w or 3mo."),
        ("a year", Duration, "Expected a span of time, like 12h, 30d, 4w or 3mo."),
        (True, Count, "Expected a whole number, got true or false."),
        ([1], tuple[Name, ...], "Expected text, got a whole number."),
        (["x"], Secret | None, "Expected text."),
        (True, Secret | None, "Expected text."),
        ("neither", Literal["cancel", "drain"] | None, "Expected one of cancel, drain."),
    ],
)
def test_what_is_refused_is_said_in_words(value: Any, kind: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match="Expected") as refusal:
        convert(value, kind)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("text", ["3e-06", "0.000003", "0.0000030", "3E-6"])
def test_a_price_is_exact_however_it_is_written(text: str) -> None:
    assert price(text) == Decimal("0.000003")


@pytest.mark.parametrize("text", ["", "cheap", "-1", "NaN", "Infinity", "1e99", "1e-99999"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Expected a price in USD"):
        price(text)


@given(st.text(max_size=40))
def test_any_text_is_a_price_or_refused(text: str) -> None:
    try:
        value = price(text)
    except ValueError as refusal:
        value = None
        reason = str(refusal)
    assert reason.startswith("Expected a price") if value is None else 0 <= value <= 10**6


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("credentials.json", "credentials.json"),
        ('{"type": "service_account"}', '{"type": "service_account"}'),
        ({"type": "service_account", "a": {"b": 1}}, '{"type":"service_account","a":{"b":1}}'),
    ],
)
def test_a_credential_file_may_be_written_in_three_ways(written: object, held: str) -> None:
    file = convert(written, CredentialFile | None)
    assert isinstance(file, CredentialFile)
    assert (file.reveal(), repr(file)) == (held, "Secret(***)")


@pytest.mark.parametrize("written", [{"canary": 1}, ["canary"], 7, True])
def test_what_is_no_credential_file_is_told_without_it(written: object) -> None:
    with pytest.raises(ValueError, match="Expected") as caught:
        convert(written, CredentialFile | None)
    assert "canary" not in str(caught.value)


def test_a_span_of_time_in_seconds() -> None:
    assert [duration_seconds(span) for span in ("5s", "2m", "12h", "30d", "2w", "1mo")] == [
        5,
        120,
        43_200,
        2_592_000,
        1_209_600,
        2_678_400,
    ]
