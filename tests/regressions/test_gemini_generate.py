"""Translation bugs of other gateways, where what goes out, or what comes in, is Gemini's.

One test a case; the number in the name is the case's id.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.fold import fold
from sekisho.canonical.request import Message, Request, Text, Thinking
from sekisho.canonical.target import Target
from sekisho.core.errors import UnsupportedFeature
from sekisho.providers.profiles import profile_of
from sekisho.wire.gemini_generate.signatures import SENTINEL
from sekisho.wire.registry import BY_NAME
from sekisho.wire.sse import SseReader

GEMINI, CHAT, MESSAGES, RESPONSES = (
    BY_NAME[name] for name in ("gemini-generate", "openai-chat", "anthropic-messages", "openai-responses")
)
CALLER = Request(model="m", messages=(Message("user", (Text("Hi"),)),), stream=True, include_usage=True)
HI = {"role": "user", "content": "Hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def chunk(*parts: dict[str, Any], finish: str | None = None, **counts: int) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, **counts}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "g", "responseId": "r"}


def call(name: str, signature: str | None = None) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, "args": {}}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + msgspec.json.encode(one) + b"\r\n\r\n" for one in chunks)


def read(body: bytes) -> list[Any]:
    reader = GEMINI.stream_reader()
    return [*reader.feed(body), *reader.close()]


def as_chat(body: bytes) -> list[dict[str, Any]]:
    """A Gemini stream as a caller of chat completions gets it."""
    writer = CHAT.stream_writer(CALLER)
    out = b"".join(writer.write(event) for event in read(body))
    return [msgspec.json.decode(data) for _, data in SseReader().feed(out) if data != b"[DONE]"]


def from_chat(model: str = "gemini-3.8-flash", **keys: Any) -> dict[str, Any]:
    """A chat request as Gemini gets it."""
    request = CHAT.decode_request(msgspec.json.encode({"model": "m", "messages": [HI], **keys}))
    body: dict[str, Any] = msgspec.json.decode(
        GEMINI.encode_request(request, Target(model=model, profile=profile_of(model))).body
    )
    return body


def declared(function: dict[str, Any]) -> dict[str, Any]:
    body = from_chat(tools=[{"type": "function", "function": function}])
    [made] = body["tools"][0]["functionDeclarations"]
    return dict(made)


def test_rc011_parallel_calls_in_several_chunks_count_up() -> None:
    chunks = as_chat(stream(chunk(call("f")), chunk(call("g")), chunk({"text": ""}, finish="STOP")))
    calls = [made for one in chunks for choice in one["choices"] for made in choice["delta"].get("tool_calls", ())]
    named = [(made["index"], made["function"]["name"]) for made in calls if made["function"].get("name")]
    assert named == [(0, "f"), (1, "g")]
    assert len({made["id"] for made in calls if "id" in made}) == 2


def test_rc013_several_candidates_are_refused_by_name() -> None:
    body = msgspec.json.encode({"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"candidateCount": 2}})
    with pytest.raises(UnsupportedFeature, match="candidateCount"):
        GEMINI.decode_request(body)


def test_rc018_rc020_events_and_letters_cut_anywhere_are_whole() -> None:
    body = stream(chunk({"text": "日本語 é"}), chunk(call("f", "c2ln"), finish="STOP"))
    reader = GEMINI.stream_reader()
    events = [event for at in range(len(body)) for event in reader.feed(body[at : at + 1])]
    assert fold([*events, *reader.close()]) == fold(read(body))
    assert fold(events).parts[0] == Text("日本語 é")


def test_rc035_a_call_without_its_signature_gets_googles_word_for_none() -> None:
    answered = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
    body = from_chat(messages=[HI, {"role": "assistant", "content": None, "tool_calls": [CALL, CALL]}, answered])
    parts = body["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [SENTINEL, None]


@pytest.mark.parametrize("caller", [CHAT, MESSAGES, RESPONSES], ids=lambda caller: caller.name)
def test_rc035_a_signature_comes_back_through_every_caller(caller: Any) -> None:
    reply = fold(read(stream(chunk({"text": "Hm"}), chunk(call("f", "c2ln"), finish="STOP"))))
    asked = msgspec.structs.replace(CALLER, include_encrypted_reasoning=True)
    answer = msgspec.json.decode(caller.encode_reply(reply, asked))
    if caller is CHAT:
        said: dict[str, Any] = {"messages": [HI, answer["choices"][0]["message"]]}
        said["messages"][1].pop("annotations")
    elif caller is MESSAGES:
        said = {"max_tokens": 9, "messages": [HI, {"role": "assistant", "content": answer["content"]}]}
    else:
        said = {"input": [HI, *answer["output"]]}
    history = caller.decode_request(msgspec.json.encode({"model": "m", **said}))
    made = msgspec.json.decode(
        GEMINI.encode_request(history, Target(model="g", profile=profile_of("gemini-3-pro"))).body
    )
    [signed] = [part for part in made["contents"][1]["parts"] if "functionCall" in part]
    assert signed["thoughtSignature"] == "c2ln"


def test_rc036_one_id_in_start_and_history() -> None:
    body = stream(chunk(call("f", "c2ln"), finish="STOP"))
    writer = MESSAGES.stream_writer(CALLER)
    out = b"".join(writer.write(event) for event in read(body))
    started = [msgspec.json.decode(data) for name, data in SseReader().feed(out) if name == b"content_block_start"]
    whole = msgspec.json.decode(MESSAGES.encode_reply(GEMINI.decode_reply(body.split(b"data: ")[1]), CALLER))
    assert started[-1]["content_block"]["id"] == whole["content"][-1]["id"]
    assert "c2ln" not in whole["content"][-1]["id"]


def test_rc038_one_signature_a_part() -> None:
    parts = fold(read(stream(chunk(call("f", "c2ln")), chunk(call("g", "b3Ro"), finish="STOP")))).parts
    assert [part.signature for part in parts if isinstance(part, Thinking)] == ["c2ln", "b3Ro"]


def test_rc051_a_tool_without_arguments() -> None:
    assert declared({"name": "f"}) == {"name": "f"}
    assert declared({"name": "f", "parameters": {}}) == {"name": "f"}
    empty = {"type": "object", "properties": {}}
    assert declared({"name": "f", "parameters": empty})["parametersJsonSchema"] == empty


def test_rc052_a_schema_under_anthropics_name_is_used() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert declared({"name": "f", "input_schema": schema})["parametersJsonSchema"] == schema


def test_rc053_rc054_references_and_numbers_stay_in_the_schema() -> None:
    inner = {"type": "string", "minLength": 1}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": inner}}
    assert declared({"name": "f", "parameters": schema})["parametersJsonSchema"] == schema
    google = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "minLength": 1, "maxLength": "9"}}}
    body = {
        "contents": [{"parts": [{"text": "x"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": google}]}],
    }
    [tool] = GEMINI.decode_request(msgspec.json.encode(body)).tools
    assert tool.parameters == {
        "type": "object",
        "properties": {"a": {"type": "string", "minLength": 1, "maxLength": 9}},
    }


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "gemini-2.5-pro"])
def test_rc060_a_tool_result_with_an_image_is_the_users_turn(model: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    answered = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "seen"}, image]}
    body = from_chat(model, messages=[HI, {"role": "assistant", "tool_calls": [CALL]}, answered])
    assert [content["role"] for content in body["contents"]][:3] == ["user", "model", "user"]
    assert body["contents"][-1]["role"] == "user"
    assert b"inlineData" in msgspec.json.encode(body["contents"][2:])


def test_rc066_calls_that_end_with_stop_ask_for_results() -> None:
    body = stream(chunk(call("f")), chunk({"text": ""}, finish="STOP"))
    reasons = [choice["finish_reason"] for one in as_chat(body) for choice in one["choices"]]
    assert [reason for reason in reasons if reason] == ["tool_calls"]
    whole = GEMINI.decode_reply(msgspec.json.encode(chunk(call("f"), finish="STOP")))
    assert msgspec.json.decode(MESSAGES.encode_reply(whole, CALLER))["stop_reason"] == "tool_use"


def test_rc086_thoughts_are_completion_tokens() -> None:
    body = stream(chunk({"text": "x"}, finish="STOP", thoughtsTokenCount=7, cachedContentTokenCount=4))
    usage = as_chat(body)[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (10, 12)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 7
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4


def test_rc101_zero_is_something() -> None:
    config = from_chat(temperature=0, max_tokens=0, top_p=0, seed=0)["generationConfig"]
    assert config == {"temperature": 0.0, "topP": 0.0, "seed": 0, "maxOutputTokens": 0}


def test_rc104_an_image_in_googles_storage_is_a_file() -> None:
    image = {"type": "image_url", "image_url": {"url": "gs://bucket/cat.png"}}
    body = from_chat(messages=[{"role": "user", "content": [image]}])
    assert body["contents"][0]["parts"] == [{"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/cat.png"}}]


def test_rc107_fields_in_snake_case_are_read_and_written_in_camel_case() -> None:
    snake = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}]}],
        "generation_config": {"max_output_tokens": 5, "stop_sequences": ["a"]},
    }
    request = GEMINI.decode_request(msgspec.json.encode(snake))
    made = msgspec.json.decode(GEMINI.encode_request(request, Target(model="g")).body)
    assert made["contents"][0]["parts"][0] == {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    assert made["generationConfig"] == {"maxOutputTokens": 5, "stopSequences": ["a"]}
