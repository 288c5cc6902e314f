"""Every recorded exchange with Bedrock's Converse, through its dialect; and what of other APIs would be sent there.

In: ../shared/recordings. Out: nothing lost in any of them, botocore as the judge; skipped where they are absent.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.validate import ParamValidator

from sekisho.canonical.events import Event
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import Document, Image, Message, Request, Text, ToolResult
from sekisho.canonical.target import Encoded, Target
from sekisho.core.errors import CallerError, ErrorClass, UnsupportedFeature
from sekisho.providers.profiles import profile_of
from sekisho.wire.bedrock_converse import DIALECT
from sekisho.wire.dialect import Dialect
from sekisho.wire.registry import BY_NAME
from tests.shared import Recording, needs_shared, recordings

pytestmark = needs_shared

RECORDINGS = [
    *recordings(provider="bedrock", endpoint="converse"),
    *recordings(provider="bedrock", endpoint="converse-stream"),
]
STREAMS = [recording for recording in RECORDINGS if recording.status == 200 and recording.kind == "eventstream"]
REPLIES = [recording for recording in RECORDINGS if recording.status == 200 and recording.kind == "json"]
ERRORS = [recording for recording in RECORDINGS if recording.status >= 400]
CALLER = Request(model="m", messages=(Message("user", (Text("Hi"),)),))
#: (provider, endpoint) of recordings in other dialects -> the dialect.
OTHERS = {
    ("anthropic", "messages"): "anthropic-messages",
    ("openai", "chat.completions"): "openai-chat",
    ("azure", "chat.completions"): "openai-chat",
    ("openai", "responses"): "openai-responses",
}
FOREIGN = [recording for recording in recordings() if (recording.provider, recording.endpoint) in OTHERS]
TARGETS = ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-5", "us.amazon.nova-2-lite-v1:0")

MODEL = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
CONVERSE, CONVERSE_STREAM = MODEL.operation_model("Converse"), MODEL.operation_model("ConverseStream")


def each(found: list[Recording]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize("recording", found, ids=lambda recording: recording.file.rpartition("/")[2])


def cut(body: bytes, seed: str) -> list[bytes]:
    dice = random.Random(seed)
    places = sorted({0, len(body), *(dice.randrange(len(body)) for _ in range(60))})
    return [body[start:end] for start, end in pairwise(places)]


def events_of(chunks: list[bytes]) -> list[Event]:
    reader = DIALECT.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def parsed_reply(body: bytes) -> dict[str, Any]:
    """What botocore makes of a whole answer."""
    shape: Any = CONVERSE.output_shape
    response = {"body": body, "headers": {}, "status_code": 200, "context": {}}
    parsed: dict[str, Any] = create_parser("rest-json").parse(response, shape)
    return parsed


def parsed_stream(body: bytes) -> list[dict[str, Any]]:
    """The events that boto3's users see, as botocore parses each message."""
    output: Any = CONVERSE_STREAM.output_shape
    parser, buffer = create_parser("rest-json")._event_stream_parser, EventStreamBuffer()  # type: ignore[attr-defined]
    buffer.add_data(body)
    shape = output.members["stream"]
    events = [parser.parse(message.to_response_dict(), shape) for message in buffer]
    return [event for event in events if event]


def answered(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The reply that the events of a stream add up to."""
    content: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for event in events:
        ((kind, payload),) = event.items()
        at = payload.get("contentBlockIndex")
        if kind == "contentBlockStart":
            content[at] = {"toolUse": {**payload["start"]["toolUse"], "input": ""}}
        elif kind == "contentBlockDelta":
            add(content.setdefault(at, {}), payload["delta"])
        elif kind in ("messageStop", "metadata"):
            whole.update(payload)
    return {**whole, "output": {"message": {"content": [content[at] for at in sorted(content)]}}}


def add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "citation" in delta:
        block.setdefault("citations", []).append(delta["citation"])
    else:
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
        for key, piece in delta["reasoningContent"].items():
            thought[key] = thought.get(key, "") + piece


def essence(reply: dict[str, Any]) -> dict[str, Any]:
    """What must not change: contents, why it stopped, counts."""
    usage = reply["usage"]
    kept = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    stop = {"guardrail_intervened": "content_filtered"}.get(reply["stopReason"], reply["stopReason"])
    blocks = [plain(block) for block in reply["output"]["message"]["content"]]
    return {
        "content": [block for block in blocks if block != ("", 0)],
        "stop": stop,
        "usage": [usage.get(k) or 0 for k in kept],
    }


def plain(block: dict[str, Any]) -> Any:
    """A block without what has no meaning elsewhere; of citations only how many there are."""
    if "toolUse" in block:
        return {key: block["toolUse"][key] for key in ("toolUseId", "name", "input")}
    if "reasoningContent" in block:
        return block["reasoningContent"]
    cited = block.get("citationsContent") or {"content": [block], "citations": block.get("citations", [])}
    return "".join(piece.get("text", "") for piece in cited["content"]), len(cited["citations"])


@each(STREAMS)
def test_a_stream_cut_anywhere_gives_the_same_legal_events(recording: Recording) -> None:
    body = recording.body()
    events = events_of([body])
    assert events_of(cut(body, recording.file)) == events
    checker = OrderChecker()
    for event in events:
        checker.see(event)
    assert checker.state == "ended"


@each(STREAMS)
def test_a_passing_stream_is_watched_and_not_changed(recording: Recording) -> None:
    body, watch = recording.body(), DIALECT.stream_watch(False)
    assert b"".join(watch.feed(chunk) for chunk in cut(body, recording.file)) + watch.close() == body
    reply = fold(events_of([body]))
    assert (watch.finished, watch.ended, watch.failed, watch.usage) == (True, True, None, reply.usage)
    assert DIALECT.split(body) == len(body)
    assert DIALECT.split(body[:-1]) < len(body)


@each(STREAMS)
def test_botocore_reads_a_written_stream_as_the_original(recording: Recording) -> None:
    body, writer = recording.body(), DIALECT.stream_writer(CALLER)
    events = events_of([body])
    original = answered(parsed_stream(body))
    written = parsed_stream(b"".join(writer.write(event) for event in events))
    assert essence(answered(written)) == essence(original)
    kinds = [next(iter(event)) for event in written]
    assert (kinds[0], kinds[-2:]) == ("messageStart", ["messageStop", "metadata"])
    starts = [event["contentBlockStart"]["start"] for event in written if "contentBlockStart" in event]
    assert all("toolUse" in start for start in starts)
    whole = parsed_reply(DIALECT.encode_reply(fold(events), CALLER))
    for block in original["output"]["message"]["content"]:
        if "toolUse" in block:
            block["toolUse"]["input"] = msgspec.json.decode(block["toolUse"]["input"] or "{}")
    assert essence(whole) == essence(original)


@each(REPLIES)
def test_botocore_reads_a_written_reply_as_the_original(recording: Recording) -> None:
    body = recording.body()
    reply = DIALECT.decode_reply(body)
    assert essence(parsed_reply(DIALECT.encode_reply(reply, CALLER))) == essence(parsed_reply(body))
    facts = DIALECT.read_facts(body)
    assert (facts.usage, facts.text_bytes > 0) == (reply.usage, True)


@each(ERRORS)
def test_an_error_is_understood(recording: Recording) -> None:
    headers = recording.load()["response"]["headers"]
    info = DIALECT.parse_error(recording.status, recording.body(), headers.get("x-amzn-errortype", ""))
    unknown = b"model identifier is invalid" in recording.body()
    expected = {403: ErrorClass.UPSTREAM_CREDENTIAL, 400: ErrorClass.INVALID_REQUEST}[recording.status]
    assert info.error_class is (ErrorClass.NOT_FOUND if unknown else expected)
    assert (info.code or "").endswith("Exception") is ("x-amzn-errortype" in headers)


def encoded(request: Request, model: str) -> Encoded:
    return DIALECT.encode_request(request, Target(model=model, profile=profile_of(model)))


def complaints(body: dict[str, Any]) -> str:
    """What botocore says against a request."""
    shape: Any = CONVERSE.input_shape
    report: str = ParamValidator().validate({**body, "modelId": "m"}, shape).generate_report()
    return report


def told(body: dict[str, Any]) -> Any:
    """A request without what means the same when it is left out."""
    messages = msgspec.json.decode(msgspec.json.encode(body["messages"]))
    for message in messages:
        for block in message["content"]:
            result = block.get("toolResult", {})
            if result.get("status") == "success":
                del result["status"]
            for piece in result.get("content", ()):
                if "json" in piece:
                    piece["text"] = msgspec.json.encode(piece.pop("json")).decode()
    return messages, body.get("system") or None, body.get("toolConfig")


def has_files(body: dict[str, Any]) -> bool:
    return b'"document"' in msgspec.json.encode(body) or b'"searchResult"' in msgspec.json.encode(body)


@each(RECORDINGS)
def test_a_request_loses_nothing_but_what_is_named(recording: Recording) -> None:
    loaded = recording.load()
    body = loaded["request"]["body"]
    try:
        request = DIALECT.decode_request(msgspec.json.encode(body))
    except UnsupportedFeature as refused:
        named = refused.info.param or ""
        assert any(word in named for word in ("guardrailConfig", "s3Location", "video")), named
        return
    model = unquote(loaded["url"].partition("/model/")[2].partition("/")[0])
    sent = msgspec.json.decode(encoded(request, model).body)
    assert complaints(sent) == ""
    assert has_files(body) or told(sent) == told(body)
    assert set(encoded(request, model).dropped) <= {"top_p"}
    thinks = "thinking" in body.get("additionalModelRequestFields", {})
    for key in ("maxTokens", "temperature"):
        assert thinks or sent.get("inferenceConfig", {}).get(key) == body.get("inferenceConfig", {}).get(key)
    own = body.get("additionalModelRequestFields")
    assert sent.get("additionalModelRequestFields") == own


def with_files_at_hand(request: Request) -> Request:
    """As if what a URL names had been fetched."""

    def fetched(part: Any) -> Any:
        if isinstance(part, ToolResult):
            return msgspec.structs.replace(part, parts=tuple(map(fetched, part.parts)))
        if isinstance(part, Image) and part.data is None:
            return Image(media_type="image/png", data="aGk=", cache=part.cache)
        if isinstance(part, Document) and part.data is None and part.text is None:
            return msgspec.structs.replace(part, data="aGk=", media_type="application/pdf")
        return part

    messages = tuple(Message(each.role, tuple(map(fetched, each.parts))) for each in request.messages)
    return msgspec.structs.replace(request, messages=messages)


@pytest.mark.parametrize("model", TARGETS)
def test_botocore_accepts_every_request_of_other_dialects(model: str) -> None:
    accepted = 0
    refused: list[str] = []
    for recording in FOREIGN:
        dialect: Dialect = BY_NAME[OTHERS[recording.provider, recording.endpoint]]
        body = msgspec.json.encode(recording.load()["request"]["body"])
        try:
            request = with_files_at_hand(dialect.decode_request(body))
            sent = encoded(request, model)
        except CallerError as error:
            refused.append(error.info.param or error.info.message)
            continue
        assert complaints(msgspec.json.decode(sent.body)) == "", recording.file
        assert encoded(request, model).body == sent.body
        accepted += 1
    assert accepted > 0.7 * len(FOREIGN), sorted(set(refused))
