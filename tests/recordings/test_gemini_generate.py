"""Every recorded exchange with the Gemini API and with Vertex AI's own models, through Gemini's dialect.

In: ../shared/recordings and the agents' recorded requests. Out: nothing lost in any of them; skipped where absent.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from google.genai import types

from sekisho.canonical.events import Event
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.request import Message, Request, Text
from sekisho.canonical.target import Target
from sekisho.core.errors import ErrorClass, UnsupportedFeature
from sekisho.providers.profiles import profile_of
from sekisho.wire.gemini_generate import DIALECT
from sekisho.wire.gemini_generate.operations import decode_count_request, read_count, read_embedding_facts
from sekisho.wire.gemini_generate.signatures import SENTINEL
from tests.shared import SHARED, Recording, needs_shared, recordings
from tests.support.genai import sdk_parts, sdk_replies

pytestmark = needs_shared

FOUND = [recording for provider in ("gemini", "vertex") for recording in recordings(provider=provider)]
GENERATED = [recording for recording in FOUND if recording.endpoint in ("generateContent", "streamGenerateContent")]
STREAMS = [recording for recording in GENERATED if recording.status == 200 and recording.kind == "sse"]
#: One stream came as a JSON array, with its enumerations as numbers.
REPLIES = [recording for recording in GENERATED if recording.status == 200 and recording.kind == "json"]
ERRORS = [recording for recording in FOUND if recording.status >= 400]
COUNTS = [recording for recording in FOUND if recording.endpoint == "countTokens" and recording.status == 200]
EMBEDDINGS = [r for r in FOUND if r.endpoint == "batchEmbedContents" and r.status == 200]
AGENTS = sorted((SHARED / "agents" / "recordings").glob("*.jsonl"))
CALLER = Request(model="m", messages=(Message("user", (Text("Hi"),)),))
#: Parts of Google's own tools: they have no canonical word.
GOOGLES = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")


def each(found: list[Recording]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize("recording", found, ids=lambda recording: recording.file.rpartition("/")[2])


def events_of(chunks: list[bytes]) -> list[Event]:
    reader = DIALECT.stream_reader()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.close()


def cut(body: bytes, seed: str) -> list[bytes]:
    dice = random.Random(seed)
    places = sorted({0, len(body), *(dice.randrange(len(body)) for _ in range(60))})
    return [body[start:end] for start, end in pairwise(places)]


def essence(replies: list[types.GenerateContentResponse]) -> dict[str, Any]:
    """What must not change of an answer, as Google's SDK reads it."""
    parts: list[dict[str, Any]] = []
    for part in sdk_parts(replies):
        kept = {key: value for key, value in part.items() if key in ("text", "thought", "thoughtSignature")}
        if "functionCall" in part:
            kept["call"] = (part["functionCall"]["name"], part["functionCall"].get("args", {}))
        if part.keys() & set(GOOGLES):
            continue
        if parts and parts[-1].keys() == kept.keys() == {"text"}:
            parts[-1]["text"] += kept["text"]
        else:
            parts.append(kept)
    usage = replies[-1].usage_metadata
    assert usage is not None
    prompt = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    candidate = (replies[-1].candidates or [types.Candidate()])[0]
    cached, thoughts = usage.cached_content_token_count or 0, usage.thoughts_token_count or 0
    return {
        "parts": parts,
        "finish": candidate.finish_reason,
        "id": replies[-1].response_id,
        "model": replies[-1].model_version,
        "usage": (prompt, cached, thoughts, usage.candidates_token_count or 0),
    }


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
    assert (watch.finished, watch.usage, watch.served_model) == (True, reply.usage, reply.model)


@each(STREAMS)
def test_googles_sdk_reads_a_written_stream_as_the_original(recording: Recording) -> None:
    body, writer = recording.body(), DIALECT.stream_writer(CALLER)
    events = events_of([body])
    written = b"".join(writer.write(event) for event in events)
    original = essence(sdk_replies(body, stream=True))
    assert essence(sdk_replies(written, stream=True)) == original
    assert essence(sdk_replies(DIALECT.encode_reply(fold(events), CALLER), stream=False)) == original


@each(REPLIES)
def test_googles_sdk_reads_a_written_reply_as_the_original(recording: Recording) -> None:
    body = recording.body()
    if body.startswith(b"["):
        numbered = msgspec.json.decode(body)[0]
        body = msgspec.json.encode(numbered)
        assert numbered["candidates"][0].pop("finishReason") == 1
        reply = DIALECT.decode_reply(body)
        assert [part.text for part in reply.parts if isinstance(part, Text)] == [
            numbered["candidates"][0]["content"]["parts"][0]["text"]
        ]
        return
    reply = DIALECT.decode_reply(body)
    written = DIALECT.encode_reply(reply, CALLER)
    assert essence(sdk_replies(written, stream=False)) == essence(sdk_replies(body, stream=False))
    facts = DIALECT.read_facts(body)
    assert (facts.usage, facts.served_model) == (reply.usage, reply.model)


@each(ERRORS)
def test_an_error_is_understood(recording: Recording) -> None:
    info = DIALECT.parse_error(recording.status, recording.body(), "")
    expected = {400: ErrorClass.INVALID_REQUEST, 404: ErrorClass.NOT_FOUND, 429: ErrorClass.RATE_LIMITED}
    too_long = b"exceeds the maximum number of tokens" in recording.body()
    assert info.error_class is (ErrorClass.CONTEXT_TOO_LONG if too_long else expected[recording.status])
    assert info.retry_after_seconds == (48 if recording.status == 429 else None)


@each(COUNTS)
def test_a_count_is_asked_and_read(recording: Recording) -> None:
    assert read_count(recording.body()) > 0
    assert decode_count_request(msgspec.json.encode(recording.load()["request"]["body"])).messages


@each(EMBEDDINGS)
def test_embeddings_are_counted_where_google_counts_them(recording: Recording) -> None:
    usage = read_embedding_facts(recording.body()).usage
    assert (usage is not None and usage.input_tokens > 0) == (b"promptTokenCount" in recording.body())


def plain(part: dict[str, Any]) -> list[Any]:
    """The contents of a part; a result's text without Google's or the client's wrapping."""
    signature = part.get("thoughtSignature")
    said: list[Any] = (
        [] if signature in (None, SENTINEL) else [("signature", signature.replace("-", "+").replace("_", "/"))]
    )
    if "functionCall" in part:
        return [*said, ("call", part["functionCall"]["name"], part["functionCall"].get("args", {}))]
    if "functionResponse" in part:
        answer = part["functionResponse"]
        response = answer.get("response", {})
        wrapped = len(response) == 1 and response.keys() <= {"output", "result", "error"}
        inner = next(iter(response.values())) if wrapped else response
        text = inner if isinstance(inner, str) else msgspec.json.encode(inner).decode()
        files = [piece for one in answer.get("parts", ()) for piece in plain(one)]
        return [("result", answer["name"], text if response else ""), *files]
    if part.get("text", "").strip():
        return [*said, ("thought" if part.get("thought") else "text", part["text"])]
    file = part.get("inlineData") or part.get("fileData")
    return said if file is None else [("file", file["mimeType"], str(file.get("data", file.get("fileUri")))[:40])]


def conversation(body: dict[str, Any]) -> Any:
    """What is said, as Google's own types read it, whatever the spelling of the keys."""
    contents = body["contents"] if isinstance(body["contents"], list) else [body["contents"]]
    turns: list[list[Any]] = []
    for content in contents:
        read = types.Content.model_validate(content).model_dump(mode="json", by_alias=True, exclude_none=True)
        parts = [piece for part in read["parts"] for piece in plain(part)]
        if turns and turns[-1][0] == read.get("role", "user"):
            turns[-1][1] += parts
        else:
            turns.append([read.get("role", "user"), parts])
    instruction = body.get("systemInstruction") or {}
    declared = [function for tool in body.get("tools") or [] for function in types_of(tool)]
    return [part["text"] for part in instruction.get("parts", ())], turns, declared


def types_of(tool: dict[str, Any]) -> list[Any]:
    """Name, description and names of the arguments of each function."""
    found = []
    for function in types.Tool.model_validate(tool).function_declarations or ():
        value = function.model_dump(mode="json", by_alias=True, exclude_none=True)
        schema = value.get("parametersJsonSchema") or value.get("parameters") or {}
        found.append((value["name"], value.get("description") or None, list(schema.get("properties", ()))))
    return found


def round_trip(body: dict[str, Any], model: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = DIALECT.decode_request(msgspec.json.encode(body))
    encoded = DIALECT.encode_request(request, Target(model=model, profile=profile_of(model)))
    return msgspec.json.decode(encoded.body), encoded.dropped


@each([recording for recording in GENERATED if recording.status == 200])
def test_a_request_loses_nothing_but_what_is_named(recording: Recording) -> None:
    loaded = recording.load()
    body, model = loaded["request"]["body"], loaded["url"].rpartition("/models/")[2].partition(":")[0]
    try:
        sent, dropped = round_trip(body, model)
    except UnsupportedFeature as refused:
        named = str(refused.info.param)
        assert any(word in named for word in ("fileData", "inlineData", "tools.", "executableCode", "toolCall")), named
        return
    assert conversation(sent) == conversation(body)
    hosted = [f"tools.{key}" for tool in body.get("tools") or [] for key in tool if key != "functionDeclarations"]
    assert set(dropped) <= {*hosted, "contents.videoMetadata", "toolConfig.includeServerSideToolInvocations"}
    asked, said = body.get("generationConfig") or {}, sent.get("generationConfig", {})
    for key in ("temperature", "responseJsonSchema", "responseMimeType", "maxOutputTokens"):
        assert said.get(key) == asked.get(key)


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: path.stem)
def test_what_agents_send_loses_nothing(path: Any) -> None:
    asked = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    rows = [row for row in asked if "enerateContent" in row["path"] and isinstance(row.get("body"), dict)]
    for row in rows:
        model = row["path"].rpartition("/models/")[2].partition(":")[0]
        sent, dropped = round_trip(row["body"], model)
        assert conversation(sent) == conversation(row["body"])
        assert set(dropped) <= {"tools.googleSearch", "toolConfig.includeServerSideToolInvocations"}
    assert asked
