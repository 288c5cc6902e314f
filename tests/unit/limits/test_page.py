from __future__ import annotations

from sekisho.limits.sender import Command
from tests.support.limiter_tables import Tables

MONEY, TOKENS, SLOTS = "m:key:money:a", "c:key:tokens:b", "t:key:parallel:c"
LEASE, KEPT_MS = "60000000", "1000"


def reserve(name: str, *lines: tuple[str, int], limit: int = 100) -> Command:
    each = [text for count, amount in lines for text in (count, str(amount), str(limit), KEPT_MS)]
    return Command("reserve", ["0", name, LEASE, "0", *each])


def settle(name: str, *pairs: str) -> Command:
    return Command("settle", [name, "named", *pairs])


BEAT = Command("beat", ["900", "me", "15000"])


def test_commands_see_what_those_before_them_did() -> None:
    tables = Tables()
    answers = tables.carry_out(
        reserve("one", (TOKENS, 60), (SLOTS, 1)),
        reserve("two", (TOKENS, 60)),
        settle("one", TOKENS, "10", SLOTS, "0"),
        reserve("two", (TOKENS, 60)),
        reserve("one", (TOKENS, 30)),
        Command("used", [TOKENS, SLOTS]),
    )
    assert answers == [("taken",), ("no", "0", "60"), ("settled",), ("taken",), ("taken",), ("used", "100", "0")]
    assert tables.counts == {TOKENS: [10, 90], SLOTS: [0, 0]}
    assert sorted(tables.reservations) == ["one", "two"]


def test_money_begins_with_the_ledger() -> None:
    tables = Tables()
    assert tables.carry_out(reserve("one", (TOKENS, 1), (MONEY, 5)), Command("used", [MONEY])) == [
        ("seed", "1"),
        ("seed", "0"),
    ]
    seed = Command("seed", [MONEY, "95", KEPT_MS])
    assert tables.carry_out(seed, seed, reserve("one", (MONEY, 5))) == [("seeded",), ("seeded",), ("taken",)]
    assert tables.carry_out(Command("seed", [MONEY, "1", KEPT_MS])) == [("seeded",)]
    assert tables.counts == {TOKENS: [0, 0], MONEY: [95, 5]}


def test_what_is_refused_leaves_everything_as_it_was() -> None:
    tables = Tables()
    tables.carry_out(reserve("one", (TOKENS, 60), (SLOTS, 1)))
    before = dict(tables.counts), dict(tables.reservations)
    assert tables.carry_out(reserve("one", (SLOTS, 1), (TOKENS, 101))) == [("no", "1", "0")]
    assert (tables.counts, tables.reservations) == before


def test_a_lease_ends_in_steps() -> None:
    tables = Tables()
    tables.carry_out(reserve("lost", (TOKENS, 60), (SLOTS, 1)))
    assert tables.carry_out(BEAT, expired=("lost",)) == [("beat", "7", "me", "you")]
    assert tables.counts == {TOKENS: [0, 60], SLOTS: [0, 0]}
    tables.carry_out(BEAT, expired=("lost",))
    assert tables.counts == {TOKENS: [0, 0], SLOTS: [0, 0]}
    tables.carry_out(settle("lost", TOKENS, "25"))
    assert tables.counts == {TOKENS: [25, 0], SLOTS: [0, 0]}
    assert tables.reservations == {}


def test_what_nobody_booked_is_forgotten_at_last() -> None:
    tables = Tables()
    tables.carry_out(reserve("lost", (TOKENS, 60)))
    for _ in range(3):
        tables.carry_out(BEAT, expired=("lost",))
    assert tables.reservations == {}
    assert tables.counts == {TOKENS: [0, 0]}


def test_a_call_of_another_process_is_booked_by_measure() -> None:
    tables, requests = Tables(), "c:key:requests:d"
    tables.carry_out(reserve("cut", (TOKENS, 60), (requests, 5), (SLOTS, 1)))
    booked = Command("settle", ["cut", "measured", "tokens", "7", "money", "9"])
    tables.carry_out(booked, booked)
    assert tables.counts == {TOKENS: [7, 0], requests: [5, 0], SLOTS: [0, 0]}


def test_what_is_settled_in_the_moment_its_lease_ends_is_settled_once() -> None:
    tables = Tables()
    tables.carry_out(reserve("late", (TOKENS, 60)))
    tables.carry_out(settle("late", TOKENS, "9"), BEAT, expired=("late",))
    assert tables.counts == {TOKENS: [9, 0]}
    assert tables.reservations == {}
