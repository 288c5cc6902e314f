from __future__ import annotations

import re

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from sekisho.providers.fake import messages
from sekisho.providers.fake.script import Script
from tests.support.sse_client import parse_events
from tests.unit.providers.fake.parts import events, made

GRAMMAR = re.compile(
    r"message_start (ping )*(content_block_start (ping )?(content_block_delta )*content_block_stop )+"
    r"message_delta message_stop "
)
SCRIPTS = [Script(), Script(thinking=True), Script(tool="Bash"), Script(text="a b", thinking=True, tool="*", pings=2)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_stream_is_anthropics(script: Script) -> None:
    answer, ask = made("messages", script)
    pieces = list(messages.stream(answer, ask, script.pings))
    named = parse_events(b"".join(piece.data for piece in pieces))
    seen = events(pieces)
    assert GRAMMAR.fullmatch("".join(f"{event['type']} " for event in seen))
    assert [name for name, _ in named] == [event["type"] for event in seen]
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    for event in seen:
        if event["type"] != "ping":
            adapter.validate_python(event)


@pytest.mark.parametrize("script", SCRIPTS)
def test_stream_and_reply_say_the_same(script: Script) -> None:
    answer, ask = made("messages", script)
    reply = messages.reply(answer, ask)
    Message.model_validate(reply)
    seen = events(list(messages.stream(answer, ask, 0)))
    for index, block in enumerate(reply["content"]):
        deltas = [e["delta"] for e in seen if e["type"] == "content_block_delta" and e["index"] == index]
        joined = "".join(d.get("text") or d.get("thinking") or d.get("partial_json") or "" for d in deltas)
        whole = {"text": answer.text, "thinking": answer.thought, "tool_use": answer.tool and answer.tool.arguments}
        assert joined == whole[block["type"]]
    final = next(event for event in seen if event["type"] == "message_delta")
    assert final["delta"]["stop_reason"] == reply["stop_reason"]
    assert final["usage"] == reply["usage"]


def test_usage_by_kind() -> None:
    script = Script(
        input_tokens=10, output_tokens=4, cache_read_tokens=3, cache_write_tokens=5, cache_write_1h_tokens=2
    )
    usage = messages.reply(*made("messages", script))["usage"]
    assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2}
    assert (usage["input_tokens"], usage["output_tokens"]) == (10, 4)
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (3, 5)


def test_silence_about_usage() -> None:
    answer, ask = made("messages", Script(no_usage=True))
    start, *_, final, _ = events(list(messages.stream(answer, ask, 0)))
    assert "usage" not in start["message"]
    assert "usage" not in final
    assert "usage" not in messages.reply(answer, ask)


def test_an_error_inside_the_stream() -> None:
    [(name, data)] = parse_events(messages.stream_error(made("messages", Script())[0], "overloaded"))
    assert name == "error"
    assert b'"overloaded_error"' in data


def test_count_tokens_counts_the_prompt() -> None:
    answer, ask = made("messages", Script(input_tokens=10, cache_read_tokens=5))
    assert messages.count_tokens(answer, ask) == {"input_tokens": 15}
