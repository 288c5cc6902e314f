"""Real exchanges of the Responses API (OpenAI, Azure, Bedrock Mantle), and what real agents ask in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sekisho.canonical.events import Failed
from sekisho.canonical.fold import fold
from sekisho.canonical.order import OrderChecker
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Image, Request, Thinking, ToolCall, ToolResult
from sekisho.canonical.target import Profile, Target
from sekisho.canonical.tools import narrowed
from sekisho.core.errors import ErrorClass, UnsupportedFeature
from sekisho.wire.openai_responses import DIALECT
from tests.shared import SHARED, Recording, needs_shared, recordings
from tests.support.responses_kit import check_deltas, check_grammar, check_sdk, cut, events_of, stream_of

ALL = list(recordings(endpoint="responses"))
STREAMS = [recording for recording in ALL if recording.kind == "sse" and recording.status == 200]
BODIES = [recording for recording in ALL if recording.kind != "sse" and recording.status == 200]
ERRORS = [recording for recording in ALL if recording.status != 200]
GPT = Target(model="gpt-5.5", profile=Profile(openai_reasoning=True))
#: What these recorded requests ask of the provider alone, and we refuse by name.
REFUSED = (
    "background",
    "conversation",
    "previous_response_id",
    "tools.file_search",
    "tools.mcp",
    "tools.code_interpreter",
    "file_id",
    "(compaction)",
    "(tool_search_call)",
    "(tool_search_output)",
    "(item_reference)",
)
AGENTS = (
    "codex",
    "codex-builtin",
    "codex-codemode",
    "copilot-responses",
    "cline-openai-native",
    "opencode-openai",
    "qwen-responses",
    "continue-openai",
)

pytestmark = needs_shared


def name(recording: Recording) -> str:
    return recording.file.rsplit("/", 1)[-1]


def asked(recording: Recording) -> bytes:
    body = recording.load()["request"]["body"]
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def streamed(*pieces: bytes) -> list[Any]:
    reader, order = DIALECT.stream_reader(), OrderChecker()
    events = [event for piece in pieces for event in reader.feed(piece)] + reader.close()
    for event in events:
        order.see(event)
    return events


def final_response(body: bytes) -> bytes:
    """The response object of a stream's last event, as the provider sent it."""
    (last,) = [
        event["response"]
        for event in map(msgspec.json.decode, data_lines(body))
        if event["type"] in {"response.completed", "response.incomplete"}
    ]
    return msgspec.json.encode(last)


def bare(request: Request) -> list[Any]:
    """The messages without what the API does not need: ids of calls' items, the default detail of images."""
    return [
        (message.role, [msgspec.structs.replace(part, **_NEEDLESS.get(type(part), {})) for part in message.parts])
        for message in request.messages
    ]


_NEEDLESS: dict[type, dict[str, Any]] = {ToolCall: {"item_id": None}, Image: {"detail": None}}


def data_lines(body: bytes) -> Iterator[bytes]:
    for line in body.splitlines():
        if line.startswith(b"data:") and b"[DONE]" not in line:
            yield line[5:].strip()


def said(reply: Reply) -> list[Any]:
    """What was said; a provider seals the same thought anew for its last event."""
    return [
        msgspec.structs.replace(part, signature="sealed") if isinstance(part, Thinking) and part.signature else part
        for part in reply.parts
    ]


@pytest.mark.parametrize("recording", STREAMS, ids=name)
def test_a_stream_folds_to_the_response_that_it_ends_with(recording: Recording) -> None:
    body = recording.body()
    reply, whole = fold(streamed(body)), DIALECT.decode_reply(final_response(body))
    assert said(reply) == said(whole)
    for field in ("id", "model", "stop", "usage", "created_seconds", "citations"):
        assert getattr(reply, field) == getattr(whole, field)


@pytest.mark.parametrize("recording", STREAMS, ids=name)
def test_a_stream_reads_the_same_wherever_it_is_cut(recording: Recording) -> None:
    body, dice = recording.body(), random.Random(recording.file)
    once = streamed(body)
    for count in (1, 5, 50):
        assert streamed(*cut(body, [dice.randrange(len(body)) for _ in range(count)])) == once


@pytest.mark.parametrize("recording", STREAMS, ids=name)
def test_a_passing_stream_is_unchanged_and_its_usage_read(recording: Recording) -> None:
    body, dice = recording.body(), random.Random(recording.file)
    watch = DIALECT.stream_watch(True)
    pieces = cut(body, [dice.randrange(len(body)) for _ in range(20)])
    assert b"".join([*map(watch.feed, pieces), watch.close()]) == body
    reply = fold(streamed(body))
    assert (watch.usage, watch.served_model, watch.finished) == (reply.usage, reply.model, True)
    assert watch.text_bytes > 0 or not any(isinstance(part, ToolCall) for part in reply.parts)


@pytest.mark.parametrize("recording", STREAMS, ids=name)
def test_a_stream_cut_short_is_a_failure(recording: Recording) -> None:
    body = recording.body()
    events = streamed(body[: body.rindex(b"data: {")])
    assert isinstance(events[-1], Failed)


@pytest.mark.parametrize("recording", [*STREAMS, *BODIES], ids=name)
def test_a_written_answer_says_the_same(recording: Recording) -> None:
    body = recording.body()
    reply = fold(streamed(body)) if recording.kind == "sse" else DIALECT.decode_reply(body)
    events = events_of(stream_of(reply, Request(model="m", messages=())))
    check_grammar(events)
    check_deltas(events)
    check_sdk(events)
    back = fold(streamed(stream_of(reply, Request(model="m", messages=()))))
    assert said(back) == said(reply)
    assert back.usage == (reply.usage and msgspec.structs.replace(reply.usage, service_tier="default"))
    assert back.citations == reply.citations


@pytest.mark.parametrize("recording", BODIES, ids=name)
def test_facts_of_a_passing_answer(recording: Recording) -> None:
    body = recording.body()
    reply, facts = DIALECT.decode_reply(body), DIALECT.read_facts(body)
    assert (facts.usage, facts.served_model) == (reply.usage, reply.model)


@pytest.mark.parametrize("recording", ERRORS, ids=name)
def test_errors_keep_their_meaning(recording: Recording) -> None:
    info = DIALECT.parse_error(recording.status, recording.body(), "")
    assert info.message
    assert (info.error_class is ErrorClass.UPSTREAM_CREDENTIAL) == (recording.status in {401, 403})


@pytest.mark.parametrize("recording", ALL, ids=name)
def test_a_recorded_request_is_read_or_refused_by_name(recording: Recording) -> None:
    try:
        request = DIALECT.decode_request(asked(recording))
    except UnsupportedFeature as error:
        assert (error.info.param or "").endswith(REFUSED)  # noqa: PT017 - one of two right ways
        return
    encoded = DIALECT.encode_request(request, GPT)
    again = DIALECT.decode_request(encoded.body)
    assert bare(again) == bare(request)
    offered = narrowed(request, told=GPT.takes_allowed_tools)
    assert (again.tools, again.tool_choice) == (offered.tools, offered.tool_choice if offered.tools else None)
    assert DIALECT.encode_request(again, GPT).body == encoded.body


@pytest.mark.parametrize("agent", AGENTS)
def test_what_agents_ask_is_read_whole(agent: str) -> None:
    lines = (SHARED / "agents" / "recordings" / f"{agent}.jsonl").read_bytes().splitlines()
    bodies = [body for line in lines if isinstance(body := msgspec.json.decode(line).get("body"), dict)]
    requests = [DIALECT.decode_request(msgspec.json.encode(body)) for body in bodies]
    assert all(request.messages and request.tools for request in requests[-2:])
    parts = [part for message in requests[-1].messages for part in message.parts]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    results = [part for part in parts if isinstance(part, ToolResult)]
    assert [call.id for call in calls] == [result.call_id for result in results] != []
    assert {tool.name for tool in requests[-1].tools} >= {call.name for call in calls}


def test_code_mode_keeps_its_namespaces() -> None:
    line = (SHARED / "agents" / "recordings" / "codex-codemode.jsonl").read_bytes().splitlines()[-1]
    request = DIALECT.decode_request(msgspec.json.encode(msgspec.json.decode(line)["body"]))
    assert ("exec", "functions", True) in {(tool.name, tool.namespace, tool.custom) for tool in request.tools}
    (call,) = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    assert (call.namespace, call.custom) == ("functions", True)
