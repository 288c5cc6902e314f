from __future__ import annotations

from sekisho.api.admin.keyrows import iso, made_key, token_row
from sekisho.store.keys import KeyRow
from tests.support.ledger import NOW_US

ROW = KeyRow(
    token="t", key_name="sk-...abcd", spend_nano_usd=1_500_000_000, created_us=NOW_US, updated_us=NOW_US, models=("m",)
)


def test_times_are_iso_in_utc() -> None:
    assert iso(NOW_US + 1) == "2023-11-14T22:13:20.000001Z"
    assert iso(None) is None


def test_money_is_shown_in_dollars() -> None:
    shown = token_row(ROW)
    assert (shown["spend"], shown["models"], shown["max_budget"]) == (1.5, ("m",), None)


def test_a_made_key_repeats_what_was_asked() -> None:
    made = made_key("sk-new", ROW, {"duration": "30d"})
    assert (made["key"], made["token"], made["token_id"], made["duration"]) == ("sk-new", "t", "t", "30d")
