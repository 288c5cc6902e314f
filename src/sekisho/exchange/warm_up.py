"""A turn that its caller wants made ready, and no answer to it (`generate: false` on a WebSocket).

Flows in: a call that has passed admission and routing, so that a wrong key or model is told now. Flows out: the stream
of an answer without content, which says the id to go on from. Must stay true: no provider is asked, nothing is billed.
"""

from __future__ import annotations

from sekisho.canonical.events import Finished, Started, StopReason
from sekisho.canonical.request import Request
from sekisho.canonical.usage import Usage
from sekisho.exchange.call import Call
from sekisho.exchange.relay import stream_headers

OPERATION = "warm_up"


async def answer_warm_up(call: Call) -> None:
    """Answer without a provider."""
    model = call.asked.model
    started = Started(
        id=f"resp_{call.request_id.replace('-', '')}",
        model=model,
        usage=Usage(),
        created_seconds=call.started_us // 1_000_000,
    )
    writer = call.dialect.stream_writer(Request(model=model, messages=(), stream=True))
    await call.answer.begin(200, stream_headers(call.dialect))
    await call.answer.finish(writer.write(started) + writer.write(Finished(stop=StopReason.END_TURN)))
