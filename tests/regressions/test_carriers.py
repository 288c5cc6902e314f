"""What other gateways got wrong when they brought one vendor's body to a cloud. One test a case, named by its id."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.fold import fold
from sekisho.canonical.request import Message, Request, Text, Thinking
from sekisho.core.errors import ErrorClass
from sekisho.wire.carried import Carried, carry_request, reframed
from sekisho.wire.carrier import Said
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.registry import BY_NAME
from tests.regressions.messages_wires import json_bytes
from tests.support.wires import cut_at, error_event, stream_body

MESSAGES, CHAT = BY_NAME["anthropic-messages"], BY_NAME["openai-chat"]
BEDROCK, VERTEX = BY_NAME["anthropic-messages@bedrock"], BY_NAME["anthropic-messages@vertex"]
EACH = pytest.mark.parametrize("cloud", [BEDROCK, VERTEX], ids=["bedrock", "vertex"])
ASKED = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True, include_usage=True)
TOOL = {"name": "look", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"b": 1, "a": 2}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "seen"}]}
THOUGHT = {"type": "thinking", "thinking": " Hm. \n", "signature": "sig+/="}
TURNS: list[dict[str, Any]] = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": [THOUGHT, CALL]},
    {"role": "user", "content": [RESULT]},
]


def carried(body: dict[str, Any], to: Dialect, *betas: str, source: Dialect = MESSAGES) -> Carried:
    asked = {"model": "claude-x", "max_tokens": 9, "messages": TURNS, **body}
    return carry_request(JsonObject(json_bytes(asked)), source, to, Said(model="m", stream=True, betas=betas))


def sent(body: dict[str, Any], to: Dialect) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(carried(body, to).body)
    return decoded


def wrapped(dialect: Dialect, stream: bytes) -> bytes:
    wrap = dialect.carrier.wrap()
    return wrap.feed(stream) + wrap.close()


@pytest.mark.parametrize("provider", [BEDROCK, VERTEX], ids=["bedrock", "vertex"])
def test_rc018_rc020_a_stream_cut_inside_a_character_is_whole(provider: Dialect) -> None:
    stream = wrapped(provider, stream_body(MESSAGES.name, ("añb", "日本", "語")))
    for at in range(len(stream)):
        there = reframed(provider, MESSAGES)
        out = b"".join(map(there.feed, cut_at(stream, [at]))) + there.close()
        assert out == stream_body(MESSAGES.name, ("añb", "日本", "語"))


def test_rc025_an_overload_in_a_bedrock_stream_keeps_its_class() -> None:
    stream = wrapped(BEDROCK, error_event(MESSAGES.name))
    watch = BEDROCK.stream_watch(False)
    watch.feed(stream)
    assert watch.failed is not None
    assert (watch.failed.error_class, watch.failed.status) == (ErrorClass.OVERLOADED, 529)
    there = reframed(BEDROCK, MESSAGES)
    assert b'"type":"overloaded_error"' in there.feed(stream)


@EACH
def test_rc031_rc040_a_signed_thought_passes_between_the_clouds(cloud: Dialect) -> None:
    assert sent({}, cloud)["messages"] == TURNS
    other = VERTEX if cloud is BEDROCK else BEDROCK
    assert json_bytes(THOUGHT) in carried({}, other, source=cloud).body


def test_rc039_claudes_signature_on_vertex_comes_before_the_text() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}, {"type": "text", "text": "Yes."}]
    message = {"id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "claude-x", "content": blocks}
    reply = VERTEX.decode_reply(json_bytes(message | {"stop_reason": "end_turn", "usage": {"output_tokens": 1}}))
    assert [type(part) for part in reply.parts] == [Thinking, Text]
    written = msgspec.json.decode(CHAT.encode_reply(reply, ASKED))["choices"][0]["message"]
    assert written["thinking_blocks"][0]["signature"] == "sig"


@EACH
def test_rc050_calls_and_results_are_forwarded(cloud: Dialect) -> None:
    body = sent({"tools": [TOOL], "tool_choice": {"type": "auto"}}, cloud)
    assert body["messages"][1]["content"][1] == CALL
    assert body["messages"][2]["content"] == [RESULT]
    assert (body["tools"], body["tool_choice"]) == ([TOOL], {"type": "auto"})


MARKED = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}


@EACH
def test_rc076_cache_marks_are_kept(cloud: Dialect) -> None:
    body = sent({"system": [MARKED], "messages": [{"role": "user", "content": [MARKED]}]}, cloud)
    assert (body["system"], body["messages"][0]["content"]) == ([MARKED], [MARKED])


@EACH
def test_rc077_the_scope_of_a_cache_mark_is_stripped_and_the_rest_kept(cloud: Dialect) -> None:
    scoped = MARKED | {"cache_control": {"type": "ephemeral", "scope": "global", "ttl": "1h"}}
    tool = TOOL | {"cache_control": scoped["cache_control"]}
    body = sent({"system": [scoped], "tools": [tool], "messages": [{"role": "user", "content": [scoped]}]}, cloud)
    assert (body["system"], body["messages"][0]["content"]) == ([MARKED], [MARKED])
    assert body["tools"][0]["cache_control"] == MARKED["cache_control"]


@EACH
def test_rc078_a_system_message_in_the_conversation_stays_where_it_is(cloud: Dialect) -> None:
    turns = [*TURNS, {"role": "system", "content": "Mind the time."}, {"role": "user", "content": "b"}]
    body = sent({"system": "s", "messages": turns}, cloud)
    assert (body["system"], body["messages"]) == ("s", turns)


@EACH
def test_rc079_the_same_bytes_give_the_same_bytes(cloud: Dialect) -> None:
    body = {"tools": [TOOL | {"name": name} for name in ("zeta", "alpha", "mid")], "metadata": {"b": 1, "a": 2}}
    first = carried(body, cloud, "context-1m-2025-08-07", "computer-use-1")
    assert carried(body, cloud, "context-1m-2025-08-07", "computer-use-1") == first
    assert json_bytes(body["tools"]) in first.body
    longer = carried(body | {"messages": [*TURNS, {"role": "user", "content": "more"}]}, cloud)
    prefix = first.body.partition(json_bytes(RESULT))[0]
    assert longer.body.startswith(prefix)


@EACH
def test_rc101_zero_and_empty_survive(cloud: Dialect) -> None:
    knobs = {"temperature": 0, "top_p": 0.0, "max_tokens": 0, "stop_sequences": [], "system": "", "top_k": 0}
    body = sent(knobs, cloud)
    assert {key: body[key] for key in knobs} == knobs


def test_rc108_only_betas_that_bedrock_knows_go_there_in_the_body() -> None:
    betas = ("claude-code-20250219", "interleaved-thinking-2025-05-14", "thinking-display-updates-2026-08-18")
    made = carried({}, BEDROCK, *betas)
    assert msgspec.json.decode(made.body)["anthropic_beta"] == ["interleaved-thinking-2025-05-14"]
    assert made.headers == {}
    assert made.dropped == (
        "anthropic-beta.claude-code-20250219",
        "anthropic-beta.thinking-display-updates-2026-08-18",
    )


def test_rc109_a_beta_with_a_new_date_is_known_by_its_beginning() -> None:
    made = carried({}, VERTEX, "interleaved-thinking-2031-12-31")
    assert made.headers == {"anthropic-beta": "interleaved-thinking-2031-12-31"}
    assert made.dropped == ()


def test_rc110_betas_go_to_anthropic_as_they_are() -> None:
    body = {"anthropic_beta": ["unheard-of-2031"], "anthropic_version": "bedrock-2023-05-31"}
    made = carried(body, MESSAGES, "claude-code-20250219", source=BEDROCK)
    assert made.headers == {"anthropic-beta": "claude-code-20250219,unheard-of-2031"}
    assert made.dropped == ()
    assert b"anthropic_" not in made.body


def test_rc116_the_name_of_an_error_ends_at_its_colon() -> None:
    name = "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"
    error = BEDROCK.parse_error(400, b'{"message":"Too many requests"}', name)
    assert (error.error_class, error.code) == (ErrorClass.RATE_LIMITED, "ThrottlingException")


def test_rc125_claude_on_vertex_speaks_anthropics_words() -> None:
    reader = VERTEX.stream_reader()
    reply = fold([*reader.feed(stream_body(MESSAGES.name)), *reader.close()])
    assert reply.model == "served-model"
    asked = VERTEX.decode_request(json_bytes({"anthropic_version": "v", "max_tokens": 9, "messages": TURNS}))
    assert [message.role for message in asked.messages] == ["user", "assistant", "user"]
