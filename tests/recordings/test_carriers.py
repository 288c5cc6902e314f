"""Every recorded InvokeModel of Claude and Nova, and what Claude Code sends to the clouds, through the carriers.

In: ../shared/recordings and the agents' recorded requests. Out: nothing lost in any of them, the official SDK and
botocore as the judges; skipped where they are absent.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anthropic
import httpx2
import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer

from sekisho.canonical.events import Event
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import Message, Request, Text
from sekisho.core.errors import CallerError, ErrorClass
from sekisho.wire.carried import carry_request, reframed
from sekisho.wire.carrier import Said
from sekisho.wire.carriers.chunks import METRICS
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.registry import BY_NAME, spoken
from tests.shared import SHARED, Recording, needs_shared, recordings

pytestmark = needs_shared

MESSAGES, GEMINI = BY_NAME["anthropic-messages"], BY_NAME["gemini-generate"]
CLAUDE, NOVA, ARRAY = (
    BY_NAME[name] for name in ("anthropic-messages@bedrock", "bedrock-converse@bedrock", "gemini-generate@array")
)
INVOKED = [
    recording
    for recording in (
        *recordings(provider="bedrock", endpoint="invoke"),
        *recordings(provider="bedrock", endpoint="invoke-with-response-stream"),
    )
    if recording.raw
]
ERRORS = [recording for recording in INVOKED if recording.status >= 400]
GEMINI_STREAMS = [
    recording
    for provider in ("gemini", "vertex")
    for recording in recordings(provider=provider, endpoint="streamGenerateContent", streaming=True)
    if recording.status == 200 and recording.raw
]
CALLER = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True)


def chunks_in(stream: bytes) -> list[dict[str, Any]]:
    buffer: Any = EventStreamBuffer()
    buffer.add_data(stream)
    payloads = [msgspec.json.decode(message.payload) for message in buffer]
    return [msgspec.json.decode(base64.b64decode(payload["bytes"])) for payload in payloads]


def whose(recording: Recording) -> Dialect | None:
    """Claude's or Nova's; None for the bodies of models that speak neither."""
    body = recording.body()
    first = chunks_in(body)[0] if recording.kind == "eventstream" else msgspec.json.decode(body)
    if first.get("type") in ("message", "message_start"):
        return CLAUDE
    return NOVA if "messageStart" in first or "output" in first else None


ANSWERED = [(recording, whose(recording)) for recording in INVOKED if recording.status == 200]
CLAUDES = [(recording, dialect) for recording, dialect in ANSWERED if dialect is CLAUDE]
NOVAS = [(recording, dialect) for recording, dialect in ANSWERED if dialect is NOVA]
STREAMS = [(recording, dialect) for recording, dialect in (*CLAUDES, *NOVAS) if recording.kind == "eventstream"]
REPLIES = [(recording, dialect) for recording, dialect in (*CLAUDES, *NOVAS) if recording.kind == "json"]


def each(found: list[Recording]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize("recording", found, ids=lambda recording: recording.file.rpartition("/")[2])


def each_of(found: list[tuple[Recording, Dialect]]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    names = [recording.file.rpartition("/")[2] for recording, _ in found]
    return pytest.mark.parametrize(("recording", "dialect"), found, ids=names)


def cut(body: bytes, seed: str) -> list[bytes]:
    dice = random.Random(seed)
    places = sorted({0, len(body), *(dice.randrange(len(body)) for _ in range(60))})
    return [body[start:end] for start, end in pairwise(places)]


def events_of(dialect: Dialect, chunks: list[bytes]) -> list[Event]:
    reader = dialect.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def sdk_message(stream: bytes) -> dict[str, Any]:
    """What Anthropic's SDK accumulates of a stream."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=stream, headers=headers))
    with httpx2.Client(transport=transport) as http:
        client = anthropic.Anthropic(api_key="k", max_retries=0, http_client=http)
        with client.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "Hi"}]) as answer:
            return answer.get_final_message().model_dump(warnings=False)


@each_of(STREAMS)
def test_a_stream_cut_anywhere_gives_the_same_legal_events(recording: Recording, dialect: Dialect) -> None:
    body = recording.body()
    events = events_of(dialect, [body])
    assert events_of(dialect, cut(body, recording.file)) == events
    checker = OrderChecker()
    for event in events:
        checker.see(event)
    assert checker.state == "ended"


@each_of(STREAMS)
def test_a_passing_stream_is_watched_and_not_changed(recording: Recording, dialect: Dialect) -> None:
    body = recording.body()
    watch = dialect.stream_watch(False)
    assert b"".join(watch.feed(chunk) for chunk in cut(body, recording.file)) + watch.close() == body
    reply = fold(events_of(dialect, [body]))
    assert (watch.ended, watch.usage) == (True, reply.usage)
    counted = chunks_in(body)[-1][METRICS]
    assert reply.usage is not None
    assert reply.usage.input_tokens == counted["inputTokenCount"]


@each([recording for recording, dialect in STREAMS if dialect is CLAUDE])
def test_claudes_stream_becomes_anthropics_and_goes_back(recording: Recording) -> None:
    body = recording.body()
    there, back = reframed(CLAUDE, MESSAGES), reframed(MESSAGES, CLAUDE)
    stream = b"".join(there.feed(chunk) for chunk in cut(body, recording.file)) + there.close()
    assert METRICS.encode() not in stream
    message = sdk_message(stream)
    reply = fold(events_of(CLAUDE, [body]))
    assert (message["id"], message["stop_reason"] is not None) == (reply.id, True)
    again = chunks_in(back.feed(stream) + back.close())
    counted = again[-1].pop(METRICS)
    original = chunks_in(body)
    del original[-1][METRICS]
    assert again == original
    assert counted["inputTokenCount"] == message["usage"]["input_tokens"]


@each([recording for recording, dialect in STREAMS if dialect is NOVA])
def test_novas_stream_is_written_as_it_was_read(recording: Recording) -> None:
    events, writer = events_of(NOVA, [recording.body()]), NOVA.stream_writer(CALLER)
    written = b"".join(writer.write(event) for event in events)
    assert fold(events_of(NOVA, [written])).parts == fold(events).parts
    assert fold(events_of(NOVA, [written])).usage == fold(events).usage
    said = [next(iter(event)) for event in chunks_in(written)]
    assert (said[0], said[-2:]) == ("messageStart", ["messageStop", "metadata"])


@each_of(REPLIES)
def test_a_reply_is_read(recording: Recording, dialect: Dialect) -> None:
    body = recording.body()
    reply = dialect.decode_reply(body)
    facts = dialect.read_facts(body)
    assert facts.usage == reply.usage
    assert reply.parts
    assert dialect.decode_reply(dialect.encode_reply(reply, CALLER)).parts == reply.parts


@each_of(REPLIES + STREAMS)
def test_the_request_that_was_sent_is_understood(recording: Recording, dialect: Dialect) -> None:
    body = msgspec.json.encode(recording.load()["request"]["body"])
    assert spoken(CLAUDE, JsonObject(body)) is dialect
    asked = dialect.decode_request(body)
    assert (asked.model, asked.stream) == ("", False)
    assert asked.messages


@each([recording for recording, dialect in ANSWERED if dialect is None])
def test_what_no_codec_speaks_is_refused_by_its_family(recording: Recording) -> None:
    loaded = recording.load()
    body, model = msgspec.json.encode(loaded["request"]["body"]), loaded["url"].split("/model/")[1]
    with pytest.raises(CallerError, match=r"^InvokeModel is not served with the body of [A-Z]") as refused:
        spoken(CLAUDE, JsonObject(body), model)
    assert refused.value.info.error_class is ErrorClass.UNSUPPORTED_FEATURE


@each(ERRORS)
def test_an_error_is_understood(recording: Recording) -> None:
    headers = {name.lower(): value for name, value in recording.load()["response"]["headers"].items()}
    info = CLAUDE.parse_error(recording.status, recording.body(), headers[CLAUDE.error_header or ""])
    assert (info.error_class, info.code) == (ErrorClass.NOT_FOUND, "ValidationException")
    assert info.message == msgspec.json.decode(recording.body())["message"]


@each(GEMINI_STREAMS)
def test_googles_stream_becomes_an_array_and_goes_back(recording: Recording) -> None:
    body = recording.body()
    there = reframed(GEMINI, ARRAY)
    array = b"".join(there.feed(chunk) for chunk in cut(body, recording.file)) + there.close()
    events = [part.removeprefix(b"data: ") for part in body.replace(b"\r\n", b"\n").split(b"\n\n") if part.strip()]
    assert msgspec.json.decode(array) == [msgspec.json.decode(event) for event in events]
    assert events_of(ARRAY, cut(array, recording.file)) == events_of(GEMINI, [body])


@pytest.mark.parametrize("name", ["claude-bedrock", "claude-bedrock-skipauth", "claude-vertex"])
def test_what_claude_code_sends_to_a_cloud_goes_to_anthropic_and_back(name: str) -> None:
    rows = [
        msgspec.json.decode(line)
        for line in (SHARED / "agents" / "recordings" / f"{name}.jsonl").read_bytes().splitlines()
    ]
    bodies = [row["body"] for row in rows if isinstance(row.get("body"), dict)]
    cloud = BY_NAME["anthropic-messages@vertex"] if name == "claude-vertex" else CLAUDE
    for body in bodies:
        raw, said = JsonObject(msgspec.json.encode(body)), Said(model="m", stream="stream" in body)
        there = carry_request(raw, cloud, MESSAGES, said)
        assert MESSAGES.decode_request(there.body).messages
        betas = tuple(there.headers.get("anthropic-beta", "").split(",")) if there.headers else ()
        back = carry_request(
            JsonObject(there.body), MESSAGES, cloud, Said(model="m", stream="stream" in body, betas=betas)
        )
        assert msgspec.json.decode(back.body) == body
        assert back.dropped == ()
    assert bodies
