"""The scripts of Valkey and the pages of PostgreSQL give the same answers, whatever they are asked in what order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.limits.sender import Answer, Command, CommandFailed
from sekisho.limits.valkey import Valkey
from tests.support.limiter_contract import name
from tests.support.limiter_tables import Tables
from tests.support.valkey_server import ValkeyServer

COUNTS = (
    "m:key:money:1:a:0",
    "m:team:money:1:b:0",
    "c:key:tokens:1:a:0",
    "c:key:requests:1:a:0",
    "t:key:parallel:1:a:0",
)
MEASURES = ("money", "tokens", "requests")
KEPT_MS = "600000"

count = st.sampled_from(COUNTS)
amount = st.integers(min_value=0, max_value=60)
reservation = st.sampled_from(("r0", "r1", "r2"))


def command(kind: str, *arguments: Sequence[str] | str) -> Command:
    flat = [text for each in arguments for text in ([each] if isinstance(each, str) else each)]
    return Command(kind, flat)


reserves = st.builds(
    lambda who, lines: command("reserve", "0", who, "600000000", "0", *((c, str(a), "100", KEPT_MS) for c, a in lines)),
    reservation,
    st.lists(st.tuples(count, amount), min_size=1, max_size=4),
)
named = st.builds(
    lambda who, pairs: command("settle", who, "named", *((c, str(a)) for c, a in pairs)),
    reservation,
    st.lists(st.tuples(count, amount), max_size=3, unique_by=lambda pair: pair[0]),
)
measured = st.builds(
    lambda who, pairs: command("settle", who, "measured", *((m, str(a)) for m, a in pairs)),
    reservation,
    st.lists(st.tuples(st.sampled_from(MEASURES), amount), max_size=3, unique_by=lambda pair: pair[0]),
)
seeds = st.builds(lambda c, a: command("seed", c, str(a), KEPT_MS), st.sampled_from(COUNTS[:2]), amount)
reseeds = st.builds(lambda c, a: command("reseed", c, str(a)), st.sampled_from(COUNTS[:2]), amount)
uses = st.just(command("used", *COUNTS))
schedules = st.lists(st.one_of(reserves, reserves, named, measured, seeds, seeds, reseeds, uses), max_size=25)


async def nothing() -> list[Command]:
    return []


async def of_valkey(url: str, schedule: Sequence[Command]) -> list[Answer | CommandFailed]:
    valkey = Valkey(url, namespace=name(), timeout_seconds=10.0)
    valkey.holdings, valkey.pause_seconds = nothing, 0.0
    try:
        return [*await valkey._carry_out(schedule)]
    finally:
        await valkey._hang_up()


def of_postgres(schedule: Sequence[Command], together: int) -> list[Answer]:
    """So many commands a batch; a count begins before the commands of its batch, so that its seed stands alone."""
    tables, answers, batch = Tables(), list[Answer](), list[Command]()
    for each in schedule:
        if len(batch) == together or each.name == "seed" or (batch and batch[-1].name == "seed"):
            answers += tables.carry_out(*batch)
            batch = []
        batch.append(each)
    return [*answers, *tables.carry_out(*batch)]


def shown(answers: Sequence[Answer | CommandFailed]) -> list[list[str] | CommandFailed]:
    return [answer if isinstance(answer, CommandFailed) else list(answer) for answer in answers]


@settings(max_examples=400)
@given(schedules, st.integers(min_value=1, max_value=5))
def test_both_give_the_same_answers(valkey: ValkeyServer, schedule: list[Command], together: int) -> None:
    schedule = [*schedule, command("used", *COUNTS)]
    expected = shown(of_postgres(schedule, together))
    assert shown(asyncio.run(of_valkey(valkey.url, schedule))) == expected
