from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sekisho.providers.fake.ask import Ask, AskError, Tool, embedded_texts, read_ask
from sekisho.providers.fake.paths import Api, Route


def asked(api: Api, **body: object) -> Ask:
    return read_ask(Route(api=api, vendor="openai"), json.dumps({"model": "m"} | body).encode())


def test_messages_of_anthropic() -> None:
    ask = asked(
        "messages",
        max_tokens=5,
        stream=True,
        tools=[{"name": "Bash", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "web"}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "first"}]},
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ],
    )
    assert (ask.user_text, ask.stream, ask.has_tool_result) == ("a\nb", True, False)
    assert ask.tools == (Tool("Bash", {"type": "object"}),)


def test_a_turn_of_tool_results_leaves_the_last_text_in_force() -> None:
    results = [{"type": "tool_result", "tool_use_id": "t", "content": "out"}]
    turns = [{"role": "user", "content": "run"}, {"role": "assistant", "content": []}]
    ask = asked("messages", max_tokens=5, messages=[*turns, {"role": "user", "content": results}])
    assert (ask.user_text, ask.has_tool_result) == ("run", True)


def test_chat() -> None:
    function = {"name": "f", "parameters": {"type": "object"}}
    ask = asked(
        "chat",
        messages=[{"role": "user", "content": "hi"}, {"role": "tool", "tool_call_id": "c", "content": "out"}],
        tools=[{"type": "function", "function": function}],
    )
    assert (ask.user_text, ask.has_tool_result) == ("hi", True)
    assert ask.tools == (Tool("f", {"type": "object"}),)


@pytest.mark.parametrize("given", ["hi", [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]])
def test_responses(given: object) -> None:
    ask = asked("responses", input=given, tools=[{"type": "custom", "name": "exec"}, {"type": "web_search"}])
    assert (ask.user_text, ask.has_tool_result) == ("hi", False)
    assert ask.tools == (Tool("exec", {}, custom=True),)


def test_responses_with_a_tool_result() -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    assert asked("responses", input=[{"role": "user", "content": "hi"}, output]).has_tool_result


def test_the_path_may_name_model_and_stream() -> None:
    route = Route(api="converse", vendor="aws", model="m:0", stream=True)
    ask = read_ask(route, b'{"messages":[]}')
    assert (ask.model, ask.stream) == ("m:0", True)


def test_converse() -> None:
    spec = {"name": "f", "inputSchema": {"json": {"type": "object"}}}
    turns = [
        {"role": "user", "content": [{"text": "hi"}]},
        {"role": "assistant", "content": [{"toolUse": {"name": "f"}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t"}}]},
    ]
    tools = {"tools": [{"toolSpec": spec}, {"cachePoint": {"type": "default"}}]}
    ask = asked("converse", messages=turns, toolConfig=tools)
    assert (ask.user_text, ask.has_tool_result) == ("hi", True)
    assert ask.tools == (Tool("f", {"type": "object"}),)


@pytest.mark.parametrize(
    "tools",
    [
        {"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "required": ["a"]}}]},
        {"function_declarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "required": ["a"]}}]},
    ],
)
def test_generate(tools: dict[str, Any]) -> None:
    contents = [
        {"parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f"}}]},
    ]
    ask = asked("generate", contents=contents, tools=[tools, {"googleSearch": {}}])
    assert (ask.user_text, ask.has_tool_result) == ("hi", True)
    assert ask.tools == (Tool("f", {"type": "object", "required": ["a"]}),)
    assert asked("generate", contents={"parts": [{"text": "one"}]}).user_text == "one"


@pytest.mark.parametrize(
    ("body", "api"),
    [
        ({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1, "messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}, "nova"),
        ({"schemaVersion": "messages-v1", "messages": []}, "nova"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, "chat"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "chat"),
    ],
)
def test_the_body_tells_whose_it_is(body: dict[str, Any], api: Api) -> None:
    assert asked("invoke", **body).api == api
    counted = {"invokeModel": {"body": base64.b64encode(json.dumps(body).encode()).decode()}}
    assert asked("count_invoke", input=counted).api == "count_invoke"


def test_what_is_counted_is_the_request_inside() -> None:
    converse = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    assert asked("count_invoke", input={"converse": converse}).user_text == "hi"
    generate = {"contents": [{"parts": [{"text": "hi"}]}]}
    assert asked("count_generate", generateContentRequest=generate).user_text == "hi"
    assert asked("count_generate", **generate).user_text == "hi"
    assert asked("count_responses", input=[{"role": "user", "content": "hi"}]).user_text == "hi"
    assert asked("count_tokens", messages=[{"role": "user", "content": "hi"}]).user_text == "hi"


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("embed", {"content": {"parts": [{"text": "a"}, {"text": "b"}]}}),
        (
            "embed_batch",
            {"requests": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}}]},
        ),
        ("predict", {"instances": [{"content": "a"}, {"content": "b"}]}),
    ],
)
def test_google_embeds(api: Api, body: dict[str, Any]) -> None:
    ask = asked(api, **body)
    assert ask.user_text == "a\nb"
    assert "\n".join(embedded_texts(api, ask.body)) == "a\nb"


def test_completions_and_embeddings_have_plain_text() -> None:
    assert asked("completions", prompt="once").user_text == "once"
    assert asked("embeddings", input=["a", "b"]).user_text == "a\nb"


def test_a_body_that_does_not_tell_is_the_models_own() -> None:
    raw = b'{"messages":[]}'
    read = {
        model: read_ask(Route(api="invoke", vendor="aws", model=model), raw).api for model in ("nova-pro", "gpt-oss")
    }
    assert read == {"nova-pro": "nova", "gpt-oss": "chat"}


@pytest.mark.parametrize(
    ("api", "raw", "field"),
    [
        ("messages", b"{", "body"),
        ("messages", b"[]", "body"),
        ("messages", b'{"messages":[]}', "model"),
        ("messages", b'{"model":"m","messages":[]}', "max_tokens"),
        ("messages", b'{"model":"m","messages":"x","max_tokens":1}', "messages"),
        ("chat", b'{"model":"m"}', "messages"),
        ("responses", b'{"model":"m"}', "input"),
        ("embeddings", b'{"model":"m"}', "input"),
        ("converse", b'{"model":"m"}', "messages"),
        ("generate", b'{"model":"m","contents":1}', "contents"),
        ("count_invoke", b'{"model":"m","input":{}}', "input"),
        ("count_invoke", b'{"model":"m","input":{"invokeModel":{"body":"e"}}}', "input"),
        ("chat", b'{"model":"m","messages":[],"tools":[1]}', "body"),
        ("messages", b'{"model":"m","messages":[],"max_tokens":1,"tools":"x"}', "body"),
        ("converse", b'{"model":"m","messages":[],"toolConfig":{"tools":[{"toolSpec":{"name":"x"}}]}}', "body"),
        ("count_generate", b'{"model":"m","contents":[],"generateContentRequest":1}', "body"),
    ],
)
def test_what_a_provider_refuses_is_refused_by_field(api: Api, raw: bytes, field: str) -> None:
    with pytest.raises(AskError) as caught:
        read_ask(Route(api=api, vendor="openai"), raw)
    assert caught.value.field == field
