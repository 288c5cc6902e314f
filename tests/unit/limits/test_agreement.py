from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from sekisho.limits.agreement import Agreement, Ledger, Look, ScopeName, agreement, money_counts
from sekisho.limits.stock import Count, Reservation, Stock

TEAM = "m:team:money:1mo@UTC:3:web::1793491200000000"
KEY = "m:key:money::1:k::0"
MODEL = "m:key:money::1:k:gpt-5:0"
SLOTS = "t:key:parallel::1:k::0"
USD = 10**9


def look(counts: Mapping[str, Count], held: Mapping[str, Reservation] = {}, **open_calls: set[ScopeName]) -> Look:
    return Look(Stock(dict(counts), dict(held)), {name: frozenset(scopes) for name, scopes in open_calls.items()})


def compared(first: Look, second: Look, before: Mapping[str, int], after: Mapping[str, int], *booked: str) -> Agreement:
    return agreement(first, second, Ledger(before, after, booked))


def test_nothing_differs() -> None:
    found = compared(look({}), look({}), {}, {})
    assert found == Agreement(0, (), {}, 0, 0, 0, 0)


@pytest.mark.parametrize(("settled", "amount"), [(4, 1), (5, 0), (6, 0), (8, 0), (9, -1), (20, -12)])
def test_what_is_settled_lies_between_the_ledger_before_and_after(settled: int, amount: int) -> None:
    seen = look({TEAM: Count(settled * USD, 0)})
    found = compared(seen, seen, {TEAM: 5 * USD}, {TEAM: 8 * USD})
    assert found.amounts == ({TEAM: amount * USD} if amount else {})
    right = settled + amount
    told = f"budget of team web, 1mo from 2026-11-01 00:00 UTC: {settled} USD settled, the ledger has {right} USD"
    assert found.differences == ((told,) if amount else ())


def test_a_scope_that_is_gone_and_a_count_that_nobody_began_are_not_compared() -> None:
    seen = look({KEY: Count(5, 0), MODEL: Count(None, 0), SLOTS: Count(0, 0)})
    assert money_counts(seen.stock) == [KEY]
    assert compared(seen, seen, {}, {}).differences == ()


def test_a_call_that_runs_is_no_difference() -> None:
    held = {"c1": Reservation(((TEAM, 3 * USD), (KEY, 3 * USD), (SLOTS, 1)))}
    counts = {TEAM: Count(0, 3 * USD), KEY: Count(0, 3 * USD), SLOTS: Count(None, 1)}
    gone = {"c0": Reservation(((KEY, 2 * USD),), lost=True)}
    first, second = look(counts, held), look(counts | {KEY: Count(0, 5 * USD)}, held | gone)
    found = compared(first, second, {}, {})
    assert found.differences == ()
    assert (found.running, found.running_nano_usd, found.lost, found.lost_nano_usd) == (1, 3 * USD, 1, 2 * USD)


def test_a_call_that_is_over_holds_nothing() -> None:
    held = {"c1": Reservation(((KEY, 3 * USD), (SLOTS, 1)))}
    seen = look({KEY: Count(0, 3 * USD), SLOTS: Count(None, 1)}, held)
    found = compared(seen, seen, {}, {}, "c1")
    assert found.differences == (
        "call c1 is in the ledger and still holds 3 USD of budget of key k; 1 of limit of parallel of key k",
    )
    assert found.running == 0
    settled_meanwhile = look({KEY: Count(3 * USD, 0), SLOTS: Count(None, 0)})
    assert compared(seen, settled_meanwhile, {}, {}, "c1").differences == ()


def test_what_is_held_without_a_reservation_is_told_once_it_stays() -> None:
    first = look({KEY: Count(0, 5 * USD), SLOTS: Count(None, 2)})
    assert compared(first, first, {}, {}).differences == (
        "budget of key k: 5 USD reserved, its reservations are 0 USD",
        "limit of parallel of key k: 2 reserved, its reservations are 0",
    )
    moved = look({KEY: Count(0, 4 * USD), SLOTS: Count(None, 0)})
    assert compared(first, moved, {}, {}).differences == ()


def test_an_open_call_holds_something_of_every_budget_that_binds_it() -> None:
    counts = {KEY: Count(0, 0), TEAM: Count(0, 0), MODEL: Count(0, 0)}
    first = look(counts, c1={("key", "k"), ("team", "web")}, c2={("key", "k")}, c3={("key", "other")})
    told = (
        "call c1 is open and holds nothing of budget of key k",
        "call c1 is open and holds nothing of budget of team web, 1mo from 2026-11-01 00:00 UTC",
    )
    second = look(counts, c1={("key", "k"), ("team", "web")}, c3={("key", "other")})
    assert compared(first, second, {}, {}).differences == told
    reserved = msgspec.structs.replace(second.stock, reservations={"c1": Reservation(((KEY, 0), (TEAM, 0)))})
    assert compared(first, Look(reserved, second.open_calls), {}, {}).differences == ()
    assert compared(look({MODEL: Count(0, 0)}, c1={("key", "k")}), look({MODEL: Count(0, 0)}), {}, {}).differences == ()


def test_names_that_people_chose_cannot_move_the_terminal() -> None:
    name = "m:key:money::4:a\x1b[m::0"
    seen = look({name: Count(1, 0)})
    (told,) = compared(seen, seen, {name: 0}, {name: 0}).differences
    assert told.isprintable()
