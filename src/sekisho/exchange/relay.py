"""The accepted answer, carried to the caller.

Flows in: an open Attempt. Flows out: bytes to the caller, as they come; facts for the ledger in `call.passage`. Must
stay true: a chunk leaves before the next is awaited; reading stops while the caller takes nothing; a stream that
breaks ends with an error event in the caller's dialect, never silently; a caller who is gone is not written to.
"""

from __future__ import annotations

import asyncio

from sekisho.core.errors import StreamBroken, UpstreamError
from sekisho.core.money import usd_text
from sekisho.exchange.answer import Headers
from sekisho.exchange.attempt import Attempt, timeout_or_cancelled, unsaid_of
from sekisho.exchange.call import Call, StationSkipped
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.meter import cost_of
from sekisho.exchange.passage import Passage, completed
from sekisho.exchange.watchdog import Watchdog
from sekisho.wire.dialect import Dialect
from sekisho.wire.sse import SSE_TYPE

#: Headers of a provider that its callers act on; everything else of its transport is not theirs.
PASSED_HEADERS = (
    "retry-after",
    "retry-after-ms",
    "request-id",
    "x-request-id",
    "openai-processing-ms",
    "x-should-retry",
    "x-amzn-requestid",
)
_PASSED_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "x-amzn-bedrock-")
#: Of a framing, and so said by whoever frames the stream.
_NOT_PASSED = "x-amzn-bedrock-content-type"
#: Neither kept nor, by nginx, held back until there is a page of it.
_NOT_HELD: Headers = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
_STREAM_HEADERS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), *_NOT_HELD]


def passed_headers(headers: list[tuple[str, str]]) -> Headers:
    """Which of a provider's headers its caller gets."""
    return [
        (name.encode(), value.encode("latin-1", "replace"))
        for name, value in headers
        if name in PASSED_HEADERS or (name.startswith(_PASSED_PREFIXES) and name != _NOT_PASSED)
    ]


def stream_headers(dialect: Dialect) -> Headers:
    """What a stream of `dialect` is announced as."""
    if dialect.stream_type == SSE_TYPE:
        return _STREAM_HEADERS
    kind = (b"content-type", dialect.stream_type.encode())
    return [kind, *_NOT_HELD, *dialect.stream_headers]


async def relay(call: Call, attempt: Attempt, gateway: Gateway, dog: Watchdog) -> None:
    """Carry the answer. Raises UpstreamError for a failure that the caller has not been told of yet."""
    try:
        if call.streams:
            await _stream(call, attempt, dog)
        else:
            await _whole(call, attempt, gateway, dog)
    except asyncio.CancelledError:
        raise timeout_or_cancelled(dog) from None


async def _stream(call: Call, attempt: Attempt, dog: Watchdog) -> None:
    passage, answer = call.passage, call.answer
    if passage is None:
        raise StationSkipped("passage")
    heard_and_left = False
    try:
        await _pieces(call, attempt, passage, dog)
    except (UpstreamError, asyncio.CancelledError) as error:
        # After the provider's last word neither its connection nor a caller who has heard it can spoil the answer.
        if not (passage.ended or passage.failed) or dog.writing:
            raise
        if isinstance(error, asyncio.CancelledError):
            heard_and_left = answer.gone
            if not heard_and_left and not isinstance(timeout_or_cancelled(dog), UpstreamError):
                raise
    out = passage.close()
    if passage.failed is not None:
        call.error = passage.failed
    elif not passage.finished:
        raise StreamBroken("The provider ended its stream in the middle of the answer.")
    if not heard_and_left:
        dog.writing = True
        dog.enter("total", dog.left_seconds)  # anew: its timer may have gone off over a provider who did not hang up
        await answer.finish(out)


async def _pieces(call: Call, attempt: Attempt, passage: Passage, dog: Watchdog) -> None:
    """The stream up to its end, piece by piece. While the caller is written to, its time counts."""
    answer = call.answer
    dog.writing = True
    if not answer.started:
        await answer.begin(200, stream_headers(call.dialect) + _reply_headers(call, attempt))
    for out in attempt.held:
        dog.touch()
        await answer.write(out)
    dog.writing = False
    dog.touch()
    read_chunk, feed, write, now = attempt.reply.read_chunk, passage.feed, answer.write, dog.now
    while (chunk := await read_chunk()) is not None:
        dog.touched = now()  # or the caller's time would begin before there was anything to take
        out = feed(chunk)
        if out and not answer.gone:
            dog.writing = True
            await write(out)
            dog.writing = False
            dog.touched = now()


async def _whole(call: Call, attempt: Attempt, gateway: Gateway, dog: Watchdog) -> None:
    body, facts = attempt.body, call.facts
    if facts is None:
        raise StationSkipped("facts")
    if attempt.said is not None:
        body = call.dialect.encode_reply(completed(attempt.said, unsaid_of(call)), call.request())
    cost = cost_of(call, gateway)
    headers = [(b"content-type", b"application/json"), *_reply_headers(call, attempt)]
    if facts.usage is not None:
        said = {name for name, _ in headers}
        headers += [one for one in call.dialect.usage_headers(facts.usage) if one[0] not in said]
    if cost is not None:
        text = usd_text(cost).encode()
        headers += [(b"x-sekisho-cost-usd", text), (b"x-litellm-response-cost", text)]
    dog.touch()
    dog.writing = True
    await call.answer.whole(attempt.reply.status, headers, body)


def _reply_headers(call: Call, attempt: Attempt) -> Headers:
    """The provider's headers that its caller acts on, and what the gateway has to say of the call."""
    model = (call.facts.served_model if call.facts else None) or attempt.deployment.model
    headers = passed_headers(attempt.reply.headers())
    headers.append((b"x-sekisho-model", header_text(model)))
    headers.append((b"x-litellm-model-id", header_text(attempt.deployment.id)))
    if call.output_limit is not None:
        headers.append((b"x-sekisho-max-tokens", b"%d" % call.output_limit))
    if attempt.dropped:
        headers.append((b"x-sekisho-dropped", header_text(", ".join(attempt.dropped))))
    return headers


def header_text(text: str) -> bytes:
    """`text` as a header value: what no header may hold becomes '?'."""
    if text.isascii() and text.isprintable():
        return text.encode()
    return bytes(byte if 32 <= byte < 127 else 63 for byte in text.encode())
