from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.provider import RunningProvider
from tests.support.sse_client import Cut, call
from tests.support.waiting import eventually

EVENTS = 10  # role, six words, finish, [DONE] … and the answer's end


def asked(directives: str, *, stream: bool = True) -> dict[str, Any]:
    text = f"[fake: chunks=6 input_tokens=20 output_tokens=60 {directives}]"
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}


def url(fake: RunningProvider) -> str:
    return f"{fake.url}/v1/chat/completions"


@pytest.mark.parametrize("ending", ["cut", "reset"])
@pytest.mark.parametrize("after", range(1, EVENTS))
async def test_the_connection_ends_after_so_many_events(fake: RunningProvider, ending: str, after: int) -> None:
    name = f"{ending}{after}"
    async with call("POST", url(fake), asked(f"id={name} {ending}_after={after}")) as answer:
        with pytest.raises(Cut) as caught:
            await answer.body()
    [bill] = fake.bills(name)
    assert (bill.end, bill.pieces_sent) == (ending, after)
    assert bill.output_tokens == 10 * min(max(after - 1, 0), 6)
    assert ending == "reset" or caught.value.got.count(b"\n\n") == after


@pytest.mark.parametrize("ending", ["cut", "reset"])
async def test_the_connection_ends_before_the_answer(fake: RunningProvider, ending: str) -> None:
    with pytest.raises(Cut):
        async with call("POST", url(fake), asked(f"id=early-{ending} {ending}")):
            pass
    [bill] = fake.bills(f"early-{ending}")
    assert (bill.end, bill.input_tokens, bill.output_tokens) == (ending, 0, 0)


async def test_silence_lasts_until_the_caller_goes(fake: RunningProvider) -> None:
    async with call("POST", url(fake), asked("id=silent stall_after=3")) as answer:
        assert len(await answer.events(3)) == 3
        assert fake.bills("silent")[0].end == "stalled"

    async def gone() -> bool:
        return fake.bills("silent")[0].end == "gone"

    await eventually(gone, "the provider notices the hang-up")
    assert fake.bills("silent")[0].output_tokens == 20


async def test_a_caller_that_goes_is_billed_what_it_got(fake: RunningProvider) -> None:
    async with call("POST", url(fake), asked("id=gone delay_ms=20000")) as answer:
        await answer.events(1)

    async def gone() -> bool:
        return fake.bills("gone")[0].end == "gone"

    await eventually(gone, "the provider notices the hang-up")
    assert (fake.bills("gone")[0].input_tokens, fake.bills("gone")[0].output_tokens) == (20, 0)


async def test_a_caller_that_goes_before_the_first_event(fake: RunningProvider) -> None:
    async def waiting() -> bool:
        return bool(fake.bills("hasty"))

    async def gone() -> bool:
        return fake.bills("hasty")[0].end == "gone"

    async def ask() -> None:
        async with call("POST", url(fake), asked("id=hasty first_delay_ms=20000")):
            pass

    task = asyncio.create_task(ask())
    await eventually(waiting, "the call arrives")
    task.cancel()
    await eventually(gone, "the provider notices the hang-up")
    assert fake.bills("hasty")[0].input_tokens == 0


async def test_half_a_reply(fake: RunningProvider) -> None:
    async with call("POST", url(fake), asked("id=half cut_after=1", stream=False)) as answer:
        with pytest.raises(Cut) as caught:
            await answer.body()
    assert 0 < len(caught.value.got) < int(answer.headers["content-length"])
    assert fake.bills("half")[0].output_tokens == 60


async def test_bytes_of_no_protocol(fake: RunningProvider) -> None:
    with pytest.raises(Cut):
        async with call("POST", url(fake), asked("id=ssh not_http")):
            pass
    assert fake.bills("ssh")[0].end == "failed"


async def test_well_played(fake: RunningProvider) -> None:
    async with call("POST", url(fake), asked("id=well delay_ms=1")) as answer:
        assert len(await answer.events()) == EVENTS - 1
    [bill] = fake.bills("well")
    assert (bill.end, bill.input_tokens, bill.output_tokens) == ("done", 20, 60)
