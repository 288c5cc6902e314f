"""Routing under fire, over sockets and with real signatures; tests/real has the same with 10,000 calls."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sekisho.providers.fake.script import Script
from tests.faults.dialects import Dialect, Way
from tests.faults.fire import BROKEN, Fire, all_are_down, fire
from tests.support.sse_client import call

AT_ONCE = 24
COOLDOWN_SECONDS = 0.3


@pytest.fixture(scope="module")
def burning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fire]:
    with fire(tmp_path_factory.mktemp("fire"), patience_seconds=2.0, cooldown_seconds=COOLDOWN_SECONDS) as running:
        yield running


async def test_nobody_sees_a_failure_while_a_deployment_is_well(burning: Fire) -> None:
    began = time.monotonic()
    await burning.calls(500, at_once=AT_ONCE)
    probes = 1 + (time.monotonic() - began) / COOLDOWN_SECONDS
    seen = burning.seen
    assert seen.visible == []
    assert (seen.well, seen.late) == (480, 20)
    # In vain went at most what was under way when each of the broken ones was found out, and a probe a cooldown.
    assert burning.upstream <= 500 + len(BROKEN) * (AT_ONCE + probes)
    for name in BROKEN:
        assert any("cools down" in line for line in burning.told_of(name)), name


async def test_what_was_broken_is_tried_again_and_takes_its_share(burning: Fire) -> None:
    while not all(sum("cools down" in line for line in burning.told_of(name)) > 1 for name in BROKEN):
        await burning.calls(10, at_once=2)  # until each was probed while it was broken
    burning.heal()
    await burning.until_back(within_calls=400)
    before = burning.seen.served_by.copy()
    await burning.calls(240, at_once=8)
    assert burning.seen.visible == []
    for name in BROKEN:
        lines = burning.told_of(name)
        assert "deployment is back" in lines[-1]
        assert burning.seen.served_by[name] - before[name] > 240 / 20, "it has its share again"


@pytest.mark.parametrize("asker", ["messages", "chat", "responses"])
async def test_when_all_are_down_callers_hear_when_to_come_again(burning: Fire, asker: Dialect) -> None:
    burning.break_all(Script(status=429, error="rate_limit"))
    way = Way(asker, "claude")
    for _ in range(10):
        before = burning.upstream
        async with call("POST", burning.gate.url + way.path, way.body(""), burning.headers) as answer:
            if burning.upstream == before:
                all_are_down(asker, answer.status, answer.headers, await answer.body())
                return
    raise AssertionError("the providers were asked in vain, again and again")
