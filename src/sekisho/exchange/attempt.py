"""One try at one deployment: prepare, send, and wait until it is clear whether the provider takes the call.

Flows in: a call and a deployment. Flows out: an open Attempt whose first words are in `held`, or an UpstreamError
before anything was shown to the caller, so that another deployment may be tried with a real status at hand. Must stay
true: the intent is in the spool before the first byte goes out; whatever happens, the connection is given back.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AbstractAsyncContextManager
from email.utils import parsedate_to_datetime

import msgspec

from sekisho.canonical.reply import Reply
from sekisho.core import bounds
from sekisho.core.errors import (
    ErrorClass,
    SekishoError,
    StreamBroken,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRefused,
    UpstreamTimeout,
)
from sekisho.exchange.call import GENERATES, Call
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.meter import intent_of, set_aside
from sekisho.exchange.passage import Passage, Reframed, SameDialect, Translated, Unsaid, WholeReply
from sekisho.exchange.prepare import adds_usage, marks_of, prepare, words_for
from sekisho.exchange.reserve import reserve
from sekisho.exchange.watchdog import Watchdog
from sekisho.exchange.wish import timeouts_of
from sekisho.providers.deployment import Deployment
from sekisho.routing.board import Flight
from sekisho.upstream.http import NO_CONNECTION, HttpReply, HttpRequest, read_all
from sekisho.upstream.unpack import Unpacked
from sekisho.wire.dialect import Dialect
from sekisho.wire.registry import BY_NAME

#: A provider that starts up at such length is shown as it is.
_HELD_BYTES_MAX = 256 * 1024
_HELD_PIECES_MAX = 64
_LENGTH = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?")
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Attempt:
    """An exchange that the provider has accepted."""

    __slots__ = ("_context", "body", "deployment", "dropped", "flight", "held", "reply", "said", "upstream")

    def __init__(
        self,
        deployment: Deployment,
        upstream: Dialect,
        dropped: tuple[str, ...],
        context: AbstractAsyncContextManager[HttpReply],
    ) -> None:
        self.deployment = deployment
        self.upstream = upstream
        self.dropped = dropped
        self._context = context
        self.reply: HttpReply
        #: What routing knows this attempt by.
        self.flight: Flight
        #: The caller's bytes that came before it was clear that the stream is good.
        self.held: list[bytes] = []
        #: The whole answer, where it is no stream; and in canonical words, where it is to be translated.
        self.body = b""
        self.said: Reply | None = None

    async def open(self) -> None:
        """Send; the head of the reply is there when this returns."""
        reply = self.reply = await self._context.__aenter__()
        if (encoding := reply.header("content-encoding")) is not None:
            self.reply = Unpacked(reply, encoding)

    async def close(self) -> None:
        """Give the connection back, or close it when the answer was not read to its end."""
        await self._context.__aexit__(None, None, None)


async def open_attempt(call: Call, deployment: Deployment, gateway: Gateway, dog: Watchdog) -> Attempt:
    """Send the call to `deployment`; once more with fresh credentials when those that were shown have run out.

    Raises UpstreamError, UnsupportedFeature or MalformedRequest.
    """
    try:
        return await _open(call, deployment, gateway, dog)
    except UpstreamRefused as error:
        if not deployment.authority.refused(error.info):
            raise
    return await _open(call, deployment, gateway, dog)


async def _open(call: Call, deployment: Deployment, gateway: Gateway, dog: Watchdog) -> Attempt:
    if call.attempts:
        set_aside(call, gateway)
        call.passage, call.facts, call.reached_provider = None, None, False
        dog.enter("total", dog.left_seconds)  # what is left of the last attempt's time is not this one's
    marks, now_us = marks_of(call, deployment, gateway.cache_marks), gateway.clock.now_us()
    await reserve(call, deployment, gateway.limiting, gateway.rates(deployment), now_us, marks=marks)
    unserved = gateway.router.unserved(deployment)
    upstream = gateway.dialects[deployment.dialect_for(call.dialect.name, unserved, call.operation)]
    words = await words_for(call, upstream, gateway.fetch, gateway.turns)
    if words is not None:
        await gateway.turns.take(len(call.body))
    encoded, headers = prepare(call, deployment, upstream, words, gateway.cache_marks)
    await deployment.authority.prepare()  # also where they are ready: that is how they are renewed before their end
    call.deployment, call.upstream_dialect = deployment, upstream.name
    call.attempts += 1
    gateway.journal.intent(intent_of(call, gateway))
    url = deployment.url(upstream.name, call.operation, streamed=call.streams)
    proof = deployment.authority.headers("POST", url, encoded.body, headers)
    request = HttpRequest("POST", url, {**proof, **headers}, encoded.body, streamed=call.streams)
    attempt = Attempt(deployment, upstream, encoded.dropped, gateway.transport(deployment).open_stream(request))
    call.reached_provider = True
    timeouts = timeouts_of(call, deployment, gateway)
    dog.enter("first_byte", timeouts.first_event_seconds if call.streams else timeouts.first_byte_seconds)
    try:
        await attempt.open()
        try:
            await _accepted(call, attempt, timeouts.between_chunks_seconds, dog, now_us)
        except BaseException:
            call.passage = None  # nothing of it was shown
            await attempt.close()
            raise
    except asyncio.CancelledError:
        raise timeout_or_cancelled(dog) from None
    except UpstreamError as error:
        if error.info.code == NO_CONNECTION:
            call.reached_provider = False
        raise
    return attempt


def timeout_or_cancelled(dog: Watchdog) -> BaseException:
    """What a cancellation means: a phase over its time, or the caller or the operator ending the call."""
    if dog.expired is None:
        return asyncio.CancelledError()
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    (phase, seconds), dog.expired = dog.expired, None
    if phase == "caller_stalled":
        return SekishoError(f"The caller took nothing for {seconds:g} s.", error_class=ErrorClass.CLIENT_CLOSED)
    return UpstreamTimeout(phase, seconds)


async def _accepted(call: Call, attempt: Attempt, between_chunks_seconds: float, dog: Watchdog, now_us: int) -> None:
    status = attempt.reply.status
    if 400 <= status < 600:
        raise await _refusal(call, attempt, now_us)
    if status >= 300:
        call.reached_provider = False  # sent elsewhere, or somewhere else altogether: nothing was made that is billed
        raise UpstreamProtocolError(f"The provider answered with status {status}; redirects are not followed.")
    if not call.streams:
        # Read to its end before anything is shown: an answer that is cut can then be asked for elsewhere. The provider
        # bills the whole of it all the same.
        call.facts = announced(attempt.reply)
        attempt.body = await read_all(attempt.reply, bounds.REPLY_BYTES)
        _read(call, attempt)
        return
    kind = (attempt.reply.header("content-type") or "").lower()
    if kind and not kind.startswith(attempt.upstream.stream_type):
        raise UpstreamProtocolError(f"The provider answered a streamed request with '{kind.partition(';')[0][:60]}'.")
    passage = call.passage = call.facts = passage_of(call, attempt.upstream)
    await _first_content(attempt, passage, between_chunks_seconds, dog)
    if passage.failed is not None:
        # What it has counted, or begun to say, it may bill.
        call.reached_provider = passage.usage is not None or passage.text_bytes > 0
        raise UpstreamRefused(passage.failed)


def _read(call: Call, attempt: Attempt) -> None:
    """What an answer in one piece says. Raises UpstreamError for what is none, and for an error with status 200."""
    body, upstream = attempt.body, attempt.upstream
    if len(body) > bounds.REPLY_BYTES:
        raise UpstreamProtocolError(f"The provider's answer is larger than {bounds.REPLY_BYTES} bytes.")
    if upstream.shares_body_with(call.dialect):
        facts = upstream.read_facts(body)
        text_bytes = facts.text_bytes
        if facts.usage is None:
            _check_is_json(body)
            # What was not understood passes all the same: it is an answer, and was billed as one.
            text_bytes = text_bytes or (len(body) if call.operation in GENERATES else 0)
        call.facts = WholeReply(facts.usage, facts.served_model, text_bytes)
        return
    said = attempt.said = upstream.decode_reply(body)
    text_bytes = upstream.read_facts(body).text_bytes if said.usage is None else 0
    call.facts = WholeReply(said.usage, said.model or None, text_bytes)


def _check_is_json(body: bytes) -> None:
    """An answer in which nothing was found may be no answer at all: a proxy's page, or half of one."""
    try:
        _object_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("The provider's answer is not a JSON object.") from None


def announced(reply: HttpReply) -> WholeReply:
    """What is known of an answer in one piece of which only the head is there: how long it says that it is."""
    length = reply.header("content-length") or ""
    return WholeReply(None, None, int(length) if _LENGTH.fullmatch(length) else 0, finished=False)


async def _first_content(attempt: Attempt, passage: Passage, between_chunks_seconds: float, dog: Watchdog) -> None:
    """Hold what a stream starts up with until it says something: till then another deployment can be asked instead."""
    begun, held_bytes = False, 0
    while not passage.spoken and passage.failed is None:
        chunk = await attempt.reply.read_chunk()
        if chunk is None:
            raise StreamBroken("The provider ended its stream before it said anything.")
        if out := passage.feed(chunk):
            attempt.held.append(out)
            held_bytes += len(out)
        if passage.begun and not begun:
            begun = True
            dog.enter("between_chunks", between_chunks_seconds)
        dog.touch()
        if held_bytes > _HELD_BYTES_MAX or len(attempt.held) > _HELD_PIECES_MAX:
            return


def unsaid_of(call: Call) -> Unsaid:
    """What is told of an answer where its provider is silent."""
    return Unsaid(call.request_id.replace("-", ""), call.sent_to.model, call.started_us // 1_000_000)


def passage_of(call: Call, upstream: Dialect) -> Passage:
    """How a stream of `upstream` reaches the caller."""
    if not upstream.shares_body_with(call.dialect):
        return Translated(upstream, call.dialect, call.request(), unsaid_of(call))
    same_framing = upstream.name == call.dialect.name
    watched = call.dialect if same_framing else BY_NAME[upstream.shape or upstream.name]
    inner = SameDialect(watched, watched.stream_watch(adds_usage(call, upstream)), call.request_id)
    return inner if same_framing else Reframed(upstream, call.dialect, inner, call.request_id)


async def _refusal(call: Call, attempt: Attempt, now_us: int) -> UpstreamRefused:
    """The provider's error answer as an exception; it bills nothing."""
    call.reached_provider = False
    try:
        body = await read_all(attempt.reply, bounds.REPLY_BYTES)
    except StreamBroken:
        body = b""  # its status says enough
    named_in = attempt.upstream.error_header
    name = (attempt.reply.header(named_in) or "") if named_in else ""
    info = attempt.upstream.parse_error(attempt.reply.status, body, name)
    wait_seconds = asked_wait_seconds(attempt.reply, now_us)
    if wait_seconds is not None:  # Google says it in the body
        info = msgspec.structs.replace(info, retry_after_seconds=wait_seconds)
    kind = (attempt.reply.header("content-type") or "").lower()
    own = attempt.upstream.render_error is call.dialect.render_error and kind.startswith("application/json")
    hidden = info.error_class is ErrorClass.UPSTREAM_CREDENTIAL
    shown = body if own and body and not hidden else None
    return UpstreamRefused(info, tuple(attempt.reply.headers()), shown, attempt.reply.status)


def asked_wait_seconds(reply: HttpReply, now_us: int) -> float | None:
    """How long the provider asks to wait; None where it does not say, or not in a way that HTTP knows."""
    for name, units_in_second in (("retry-after-ms", 1_000), ("retry-after", 1)):
        text = reply.header(name) or ""
        if _NUMBER.fullmatch(text):
            return float(text) / units_in_second
    until_us = _moment_us(reply.header("retry-after"))
    if until_us is None:
        return None
    its_now_us = _moment_us(reply.header("date"))  # the provider's clock and ours need not agree
    seconds = (until_us - (now_us if its_now_us is None else its_now_us)) / 1e6
    return seconds if seconds > 0 else None


def _moment_us(text: str | None) -> int | None:
    """An HTTP date in epoch µs; None for anything else."""
    try:
        return round(parsedate_to_datetime(text or "").timestamp() * 1e6)
    except (ValueError, OverflowError):
        return None
