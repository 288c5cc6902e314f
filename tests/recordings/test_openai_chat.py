"""Recorded exchanges of chat completions: OpenAI, Azure and those who imitate them."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat import completion_create_params as params
from pydantic import ConfigDict, TypeAdapter

from sekisho.canonical import events as e
from sekisho.canonical.fold import Fold, fold, unfold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import Request, Text, Thinking, ToolCall
from sekisho.canonical.target import Profile, Target
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_chat import DIALECT
from sekisho.wire.openai_chat.completions import CompletionWatch, read_completion_facts, read_embedding_facts
from sekisho.wire.sse import SseReader
from tests.shared import Recording, needs_shared, recordings

pytestmark = needs_shared

EVERY = list(recordings(endpoint="chat.completions"))
WHOLE = [recording for recording in EVERY if recording.status == 200 and recording.kind == "json"]
STREAMS = [recording for recording in EVERY if recording.status == 200 and recording.kind == "sse"]
ERRORS = [recording for recording in EVERY if recording.status >= 400]
CALLER = Request(model="m", messages=(), stream=True, include_usage=True)


def by_file(recording: Recording) -> str:
    return recording.file.rsplit("/", 1)[-1]


def datas(stream: bytes) -> list[dict[str, Any]]:
    reader = SseReader()
    read = [data for _, data in (*reader.feed(stream), *reader.close())]
    return [json.loads(data) for data in read if data != b"[DONE]"]


def one_choice(recording: Recording) -> bool:
    return not any(choice["index"] for body in datas(recording.body()) for choice in body["choices"])


ONE_CHOICE = [recording for recording in STREAMS if one_choice(recording)]


def events_of(stream: bytes, cuts: list[int]) -> list[e.Event]:
    reader = DIALECT.stream_reader()
    edges = [0, *sorted(cuts), len(stream)]
    events = [event for at, end in pairwise(edges) for event in reader.feed(stream[at:end])]
    return events + reader.close()


@pytest.mark.parametrize("recording", STREAMS, ids=by_file)
def test_a_stream_cut_anywhere_gives_the_same_legal_events(recording: Recording) -> None:
    stream = recording.body()
    events = events_of(stream, [])
    checker = OrderChecker()
    for event in events:
        checker.see(event)
    assert isinstance(events[-1], e.Finished)
    chance = random.Random(recording.file)
    for count in (1, 7, 40):
        cuts = [chance.randrange(len(stream)) for _ in range(count)]
        assert events_of(stream, cuts) == events


@pytest.mark.parametrize("recording", ONE_CHOICE, ids=by_file)
def test_a_stream_says_what_its_chunks_say(recording: Recording) -> None:
    stream = recording.body()
    reply = fold(events_of(stream, []))
    deltas = [choice.get("delta") or {} for body in datas(stream) for choice in body["choices"]]
    said = "".join(part.text for part in reply.parts if isinstance(part, Text))
    assert said == "".join(delta.get("content") or "" for delta in deltas)
    pieces = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    arguments = "".join(part.arguments for part in reply.parts if isinstance(part, ToolCall))
    assert sorted(arguments) == sorted("".join(piece["function"].get("arguments") or "" for piece in pieces))
    assert [part.id for part in reply.parts if isinstance(part, ToolCall)] == list(
        dict.fromkeys(piece["id"] for piece in pieces if piece.get("id"))
    )


@pytest.mark.parametrize("recording", ONE_CHOICE, ids=by_file)
def test_what_is_written_the_official_sdk_joins_to_the_same_answer(recording: Recording) -> None:
    events = events_of(recording.body(), [])
    reply = fold(events)
    writer = DIALECT.stream_writer(CALLER)
    written = b"".join(writer.write(event) for event in events)
    state = ChatCompletionStreamState(input_tools=omit, response_format=omit)
    for body in datas(written):
        state.handle_chunk(TypeAdapter(ChatCompletionChunk).validate_python(body))
    message = state.current_completion_snapshot.choices[0].message
    assert (message.content or "") == "".join(part.text for part in reply.parts if isinstance(part, Text))
    called = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    assert called == [
        (part.id, part.name, part.arguments or "{}") for part in reply.parts if isinstance(part, ToolCall)
    ]
    usage = state.current_completion_snapshot.usage
    assert (usage.total_tokens if usage else None) == (reply.usage.total_tokens if reply.usage else None)


@pytest.mark.parametrize("recording", STREAMS, ids=by_file)
def test_the_watch_counts_what_the_reader_reads_and_changes_nothing(recording: Recording) -> None:
    stream = recording.body()
    folded = Fold()
    for event in events_of(stream, []):
        folded.see(event)
    watch = DIALECT.stream_watch(False)
    chance = random.Random(recording.file)
    cuts = sorted(chance.randrange(len(stream)) for _ in range(20))
    out = b"".join(watch.feed(stream[at:end]) for at, end in zip([0, *cuts], [*cuts, len(stream)], strict=True))
    assert out + watch.close() == stream
    assert watch.usage == folded.usage
    assert (watch.finished, watch.failed) == (True, None)
    assert watch.events == len(datas(stream))


def is_usage_only(event: bytes) -> bool:
    bodies = datas(event)
    return bool(bodies) and bodies[0]["choices"] == [] and bool(bodies[0].get("usage"))


@pytest.mark.parametrize("recording", [recording for recording in STREAMS if recording.raw], ids=by_file)
def test_stripping_removes_exactly_the_usage_event(recording: Recording) -> None:
    stream = recording.body()
    watch = DIALECT.stream_watch(True)
    out = watch.feed(stream) + watch.close()
    events = [event + b"\n\n" for event in stream.split(b"\n\n") if event]
    kept = [event for event in events if not is_usage_only(event)]
    assert out == b"".join(kept)
    assert len(events) - len(kept) <= 1


@pytest.mark.parametrize("recording", WHOLE, ids=by_file)
def test_a_whole_reply_survives(recording: Recording) -> None:
    body = recording.body()
    reply = DIALECT.decode_reply(body)
    encoded = DIALECT.encode_reply(reply, CALLER)
    TypeAdapter(ChatCompletion).validate_json(encoded)
    again = DIALECT.decode_reply(encoded)
    assert again == msgspec.structs.replace(reply, id=again.id)
    assert fold(unfold(reply)) == reply
    facts = DIALECT.read_facts(body)
    assert (facts.usage, facts.served_model) == (reply.usage, reply.model)
    message = json.loads(body)["choices"][0].get("message") or {}
    assert (message.get("content") or "") == "".join(part.text for part in reply.parts if isinstance(part, Text))
    assert len(message.get("tool_calls") or ()) == sum(isinstance(part, ToolCall) for part in reply.parts)


@pytest.mark.parametrize("recording", ERRORS, ids=by_file)
def test_a_recorded_error_keeps_its_status_and_words(recording: Recording) -> None:
    body = recording.body()
    info = DIALECT.parse_error(recording.status, body, "")
    error = json.loads(body)["error"]
    assert (info.status, info.code, info.message) == (recording.status, error.get("code"), error["message"])


def adapter(kind: Any) -> TypeAdapter[Any]:
    """OpenAI takes fields that its types do not list; a wrong one counts."""
    kind.__pydantic_config__ = ConfigDict(extra="ignore", arbitrary_types_allowed=True)
    return TypeAdapter(kind)


# Lists are checked lazily, so the adapters must outlive the check.
STREAMED = adapter(params.CompletionCreateParamsStreaming)
UNSTREAMED = adapter(params.CompletionCreateParamsNonStreaming)


def drain(value: object) -> None:
    """Walk lazily checked lists, so that they are checked."""
    if isinstance(value, dict):
        for inner in value.values():
            drain(inner)
    elif hasattr(value, "__iter__") and not isinstance(value, str | bytes):
        for inner in value:
            drain(inner)


TARGETS = {
    "openai": Target(model="m"),
    "compatible": Target(model="m", compatible=True),
    "reasoning": Target(model="m", profile=Profile(openai_reasoning=True)),
}


def requests() -> list[Any]:
    loaded = [(recording, recording.load()["request"].get("body")) for recording in EVERY]
    return [
        pytest.param(body, id=by_file(recording))
        for recording, body in loaded
        if isinstance(body, dict) and body.get("messages")
    ]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("body", requests())
def test_a_recorded_request_arrives_whole_and_valid(body: dict[str, Any], target: Target) -> None:
    try:
        request = DIALECT.decode_request(json.dumps(body).encode())
    except UnsupportedFeature as refused:
        named = (refused.info.param or "").split(".")[-1]
        assert named in {"n", "functions", "file_id", "input_audio"}
        return
    encoded = DIALECT.encode_request(request, target)
    written = json.loads(encoded.body)
    drain((STREAMED if written.get("stream") else UNSTREAMED).validate_python(written))
    assert DIALECT.encode_request(request, target) == encoded
    asked = [message.get("tool_calls") or [] for message in body["messages"]]
    told = [message.get("tool_calls") or [] for message in written["messages"]]
    assert [call["id"] for calls in told for call in calls] == [call["id"] for calls in asked for call in calls]
    assert len(written.get("tools", ())) == len(body.get("tools") or ())
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                assert json.dumps(part.text)[1:-1] in json.dumps(written["messages"])
            assert not isinstance(part, Thinking)


def test_legacy_completions_and_embeddings_give_their_facts() -> None:
    counted = 0
    for recording in recordings(provider="openai", endpoint="completions"):
        if recording.status != 200:
            continue
        stream = recording.body()
        if recording.kind == "sse":
            watch = CompletionWatch(False)
            assert watch.feed(stream) + watch.close() == stream
            assert watch.text_bytes > 0
            assert watch.finished
        else:
            facts = read_completion_facts(stream)
            assert facts.usage is not None
            assert facts.served_model
        counted += 1
    for recording in recordings(provider="openai", endpoint="embeddings"):
        if recording.status == 200:
            facts = read_embedding_facts(recording.body())
            assert facts.usage is not None
            assert facts.usage.input_tokens > 0
            counted += 1
    assert counted > 20
