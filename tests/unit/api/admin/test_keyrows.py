from __future__ import annotations

import msgspec

from sekisho.api.admin.keyrows import made_key, token_row
from sekisho.store.directory import BudgetRow
from sekisho.store.keys import KeyRow
from sekisho.store.limits import Limits
from tests.support.ledger import NOW_US

ROW = KeyRow(
    token="t", key_name="sk-...abcd", spend_nano_usd=1_500_000_000, created_us=NOW_US, updated_us=NOW_US, models=("m",)
)


def test_money_is_shown_in_dollars() -> None:
    shown = token_row(ROW, NOW_US)
    assert (shown["spend"], shown["models"], shown["max_budget"]) == (1.5, ("m",), None)


def test_a_made_key_repeats_what_was_asked() -> None:
    made = made_key("sk-new", ROW, {"duration": "30d"}, NOW_US, None)
    assert (made["key"], made["token"], made["token_id"], made["duration"]) == ("sk-new", "t", "t", "30d")


def test_a_shared_budget_is_shown_beside_the_key() -> None:
    budget = BudgetRow(budget_id="b", limits=Limits(rpm_limit=5), created_us=NOW_US, updated_us=NOW_US)
    shown = token_row(ROW, NOW_US, budget)
    assert (shown["rpm_limit"], shown["litellm_budget_table"]["rpm_limit"]) == (None, 5)


def test_a_rotated_key_shows_the_hash_of_what_its_holder_has() -> None:
    made = made_key("sk-new", msgspec.structs.replace(ROW, current_token="u", rotation_count=1), {}, NOW_US, None)
    assert (made["token"], made["token_id"], made["rotation_count"]) == ("u", "t", 1)
