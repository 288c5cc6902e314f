from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sekisho.core.clock import FakeClock
from sekisho.ledger.rates import STANDARD, Phase, Price, Rates
from sekisho.ledger.rerate import Outcome, Outcomes, rerate
from sekisho.ledger.rows import CallRow, to_columns
from tests.support.ledger import NOW_US, row

DAY_US = 86_400_000_000
PER_TOKEN = 10**6
#: A token of input costs 1 nano-USD, from now on 2; a third of both as flex.
RATES = Rates.of(
    "v2",
    {
        STANDARD: (
            Phase(sheet={"input": Price(PER_TOKEN)}),
            Phase(sheet={"input": Price(2 * PER_TOKEN)}, from_us=NOW_US),
        ),
        "flex": (Phase(sheet={"input": Price(PER_TOKEN // 4)}),),
    },
    FakeClock(),
    {"us": (11, 10)},
)


def rerated(*changes: dict[str, Any], rates: Rates | None = RATES) -> tuple[dict[str, int], Outcomes]:
    """Call -> what it costs now, of those that cost something else."""
    fields: dict[str, Any] = {"provider": "p", "routed_model": "m", "input_tokens": 100, "price_version": "v1"}
    rows = [to_columns(row(**(fields | {"call_id": f"c{at}"} | each))) for at, each in enumerate(changes)]
    outcomes: Outcomes = {}
    found = rerate(rows, lambda _row: rates, outcomes)
    assert {each.price_version for each in found} <= {"v2"}
    return {each.row["call_id"]: each.cost_nano_usd for each in found}, outcomes


def test_calls_cost_what_their_tokens_cost_at_their_time() -> None:
    found, outcomes = rerated(
        {"cost_nano_usd": 50},
        {"cost_nano_usd": 50, "started_us": NOW_US - 1},
        {"cost_nano_usd": 200},
        {"cost_nano_usd": None, "price_version": None},
        {"cost_nano_usd": 0, "input_tokens": 0},
    )
    assert found == {"c0": 200, "c1": 100, "c3": 200}
    assert outcomes == {
        ("p", "m"): Outcome(calls=5, corrected=3, priced=1, unknown=0, before_nano_usd=300, after_nano_usd=700)
    }


def test_what_several_attempts_share_keeps_its_cost() -> None:
    shared = {"attempts": 2, "usage_complete": False}
    found, _ = rerated(
        {"cost_nano_usd": 5, **shared},
        {"cost_nano_usd": None, **shared},
        {"cost_nano_usd": 5, "attempts": 2},
        {"cost_nano_usd": 5, "usage_complete": False},
    )
    assert found == {"c1": 200, "c2": 200, "c3": 200}


def test_how_a_call_was_served_has_its_price() -> None:
    found, _ = rerated(
        {"cost_nano_usd": 1, "service_tier": "flex"},
        {"cost_nano_usd": 1, "service_tier": "default"},
        {"cost_nano_usd": 1, "inference_geo": "us"},
    )
    assert found == {"c0": 25, "c1": 200, "c2": 220}


def test_a_call_priced_by_the_same_prices_is_right_as_it_is() -> None:
    assert rerated({"cost_nano_usd": 77, "price_version": "v2"})[0] == {}
    assert rerated({"cost_nano_usd": None, "price_version": "v2"})[0] == {"c0": 200}


def test_a_price_that_nobody_knows_leaves_the_row_as_it_is() -> None:
    found, outcomes = rerated({"cost_nano_usd": 7}, {"cost_nano_usd": None}, rates=None)
    assert found == {}
    assert outcomes == {("p", "m"): Outcome(calls=2, unknown=1, before_nano_usd=7, after_nano_usd=7)}


def test_models_are_told_apart() -> None:
    _, outcomes = rerated({}, {"routed_model": "other"}, {"provider": "elsewhere"})
    assert {key: outcome.calls for key, outcome in outcomes.items()} == {
        ("p", "m"): 1,
        ("p", "other"): 1,
        ("elsewhere", "m"): 1,
    }


@given(
    costs=st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 10**9)), st.integers(0, 10**6)), max_size=6),
)
def test_done_again_it_changes_nothing(costs: list[tuple[int | None, int]]) -> None:
    rows = [
        row(provider="p", routed_model="m", input_tokens=tokens, cost_nano_usd=cost, price_version="v1")
        for cost, tokens in costs
    ]

    def once(given_rows: list[CallRow]) -> list[CallRow]:
        found = {each.row["call_id"]: each for each in rerate(map(to_columns, given_rows), lambda _row: RATES, {})}
        return [
            row(
                call_id=each.call_id,
                provider="p",
                routed_model="m",
                input_tokens=each.input_tokens,
                cost_nano_usd=found[each.call_id].cost_nano_usd if each.call_id in found else each.cost_nano_usd,
                price_version=found[each.call_id].price_version if each.call_id in found else each.price_version,
            )
            for each in given_rows
        ]

    after = once(rows)
    assert [each.cost_nano_usd for each in after] == [2 * tokens for _, tokens in costs]
    assert once(after) == after
