from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from sekisho.core.clock import FakeClock
from sekisho.exchange.answer import Answer


class Wire:
    """What an ASGI server is told."""

    def __init__(self) -> None:
        self.sent: list[MutableMapping[str, Any]] = []
        self.said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)

    async def receive(self) -> MutableMapping[str, Any]:
        return await self.said.get()


async def test_a_whole_answer_is_a_head_and_a_body() -> None:
    wire, clock = Wire(), FakeClock(7)
    answer = Answer(wire.send, clock, "r1")
    await answer.whole(404, [(b"content-type", b"text/plain")], b"no")
    assert wire.sent == [
        {
            "type": "http.response.start",
            "status": 404,
            "headers": [
                (b"x-sekisho-request-id", b"r1"),
                (b"x-litellm-call-id", b"r1"),
                (b"content-type", b"text/plain"),
                (b"content-length", b"2"),
            ],
        },
        {"type": "http.response.body", "body": b"no", "more_body": False},
    ]
    assert (answer.status, answer.finished, answer.first_write_us) == (404, True, 7)


async def test_the_first_piece_sets_the_time() -> None:
    wire, clock = Wire(), FakeClock(7)
    answer = Answer(wire.send, clock, "r1")
    await answer.begin(200, [])
    await answer.write(b"a")
    clock.advance(1)
    await answer.finish(b"b")
    assert answer.first_write_us == 7
    assert [message.get("body") for message in wire.sent] == [None, b"a", b"b"]


async def test_a_caller_who_hangs_up_is_noticed_at_once() -> None:
    wire, gone = Wire(), []
    answer = Answer(wire.send, FakeClock(), "r1")
    answer.when_gone(lambda: gone.append("gone"))
    listening = asyncio.create_task(answer.listen(wire.receive))
    wire.said.put_nowait({"type": "http.request"})
    wire.said.put_nowait({"type": "http.disconnect"})
    await listening
    assert (answer.gone, gone) == (True, ["gone"])
    answer.when_gone(lambda: gone.append("late"))
    assert gone == ["gone", "late"]


async def test_an_answer_that_was_taken_whole_is_no_hanging_up() -> None:
    wire, gone = Wire(), []
    answer = Answer(wire.send, FakeClock(), "r1")
    answer.when_gone(lambda: gone.append("gone"))
    await answer.whole(200, [], b"")
    wire.said.put_nowait({"type": "http.disconnect"})
    await answer.listen(wire.receive)
    assert (answer.gone, gone) == (False, [])


async def test_work_beside_the_exchange_is_kept_until_done() -> None:
    wire = Wire()
    answer = Answer(wire.send, FakeClock(), "r1")
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    answer.in_background(work())
    await asyncio.wait_for(done.wait(), 5)
    assert done.is_set()
