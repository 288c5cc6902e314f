"""Failures that pass: the gateway tries again before anything was shown, and says how the caller should behave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from tests.faults.dialects import WAYS, Way, ends_well
from tests.support.gateway import Gateway, config_for, gateway
from tests.support.provider import RunningProvider
from tests.support.sse_client import call

_names = count()


@pytest.fixture(scope="module")
def patient(fake: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    config = config_for(fake.url, litellm_settings={"num_retries": 2})
    with gateway(tmp_path_factory.mktemp("patient"), config) as gate:
        yield gate, asyncio.run(gate.make_key())


@pytest.mark.parametrize(
    "fault", ["status=500", "status=529", "cut", "reset", "error_in_stream=overloaded error_after=0"]
)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_what_passes_is_tried_again(
    patient: tuple[Gateway, str], fake: RunningProvider, way: Way, fault: str
) -> None:
    gate, key = patient
    name = f"again-{next(_names)}"
    headers = {"authorization": f"Bearer {key}"}
    async with call("POST", gate.url + way.path, way.body(f"id={name} {fault} fail_times=1"), headers) as answer:
        assert answer.status == 200
        assert ends_well(way.caller, await answer.events())
    assert len(fake.bills(name)) == 2
    row = await gate.row(answer.headers["x-sekisho-request-id"])
    bill = fake.bills(name)[-1]
    assert row.status == "success"
    if row.usage_complete:
        assert row.prompt_tokens == bill.input_tokens
    else:  # the provider had the first attempt, and may bill it
        assert fault in ("cut", "reset")
        assert row.prompt_tokens > bill.input_tokens


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_the_caller_is_told_not_to_try_yet_again(
    patient: tuple[Gateway, str], fake: RunningProvider, way: Way
) -> None:
    gate, key = patient
    name = f"never-{next(_names)}"
    headers = {"authorization": f"Bearer {key}"}
    async with call("POST", gate.url + way.path, way.body(f"id={name} status=500"), headers) as answer:
        assert answer.status >= 500
        assert answer.headers["x-should-retry"] == "false"
    assert len(fake.bills(name)) == 3


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_the_callers_mistake_is_not_tried_again(
    patient: tuple[Gateway, str], fake: RunningProvider, way: Way
) -> None:
    gate, key = patient
    name = f"mistake-{next(_names)}"
    headers = {"authorization": f"Bearer {key}"}
    async with call("POST", gate.url + way.path, way.body(f"id={name} status=400"), headers) as answer:
        assert answer.status == 400
    assert len(fake.bills(name)) == 1
