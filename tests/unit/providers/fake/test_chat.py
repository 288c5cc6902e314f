from __future__ import annotations

import base64
import struct

import pytest
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from sekisho.providers.fake import chat
from sekisho.providers.fake.script import Script
from tests.unit.providers.fake.parts import events, made

ASKED = {"stream_options": {"include_usage": True}}


@pytest.mark.parametrize("script", [Script(), Script(tool="Bash"), Script(text="a b", tool="*"), Script(chunks=5)])
def test_stream_and_reply_say_the_same(script: Script) -> None:
    answer, ask = made("chat", script, **ASKED)
    reply = chat.reply(answer, ask)
    ChatCompletion.model_validate(reply)
    seen = events(list(chat.stream(answer, ask, 0)))
    for event in seen:
        ChatCompletionChunk.model_validate(event)
    *body, last = seen
    assert last["choices"] == []
    assert last["usage"] == reply["usage"]
    assert all(event["usage"] is None for event in body)
    assert {event["id"] for event in seen} == {reply["id"]}
    deltas = [event["choices"][0]["delta"] for event in body]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content") or "" for delta in deltas) == (reply["choices"][0]["message"]["content"] or "")
    arguments = "".join(c["function"].get("arguments", "") for d in deltas for c in d.get("tool_calls", ()))
    assert arguments == (answer.tool.arguments if answer.tool else "")
    assert body[-1]["choices"][0]["finish_reason"] == reply["choices"][0]["finish_reason"]


def test_usage_is_told_only_to_who_asks() -> None:
    answer, ask = made("chat", Script())
    assert all("usage" not in event for event in events(list(chat.stream(answer, ask, 0))))


def test_usage_counts_the_cached_part_in() -> None:
    script = Script(input_tokens=10, output_tokens=4, cache_read_tokens=3, reasoning_tokens=2)
    usage = chat.reply(*made("chat", script))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (13, 4, 17)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 3
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 2


def test_completions() -> None:
    answer, ask = made("completions", Script(chunks=3), **ASKED)
    Completion.model_validate(chat.completion(answer, ask))
    *body, last = events(list(chat.completion_stream(answer, ask, 0)))
    assert "".join(event["choices"][0]["text"] for event in body) == answer.text
    assert [event["choices"][0]["finish_reason"] for event in body] == [None, None, "stop"]
    assert last["usage"]["completion_tokens"] == 3


def test_embeddings_depend_on_the_text_only() -> None:
    answer, ask = made("embeddings", Script(), input=["a", "b", "a"])
    reply = chat.embeddings(answer, ask)
    CreateEmbeddingResponse.model_validate(reply)
    first, second, third = (row["embedding"] for row in reply["data"])
    assert first == third != second


def test_embeddings_in_base64_are_the_same_numbers() -> None:
    numbers = chat.embeddings(*made("embeddings", Script()))["data"][0]["embedding"]
    encoded = chat.embeddings(*made("embeddings", Script(), encoding_format="base64"))["data"][0]["embedding"]
    assert list(struct.unpack("<8f", base64.b64decode(encoded))) == numbers


def test_an_error_inside_the_stream_is_an_envelope() -> None:
    data = chat.stream_error(made("chat", Script())[0], "rate_limit")
    assert b'{"error":{"message":"Rate limit reached."' in data
