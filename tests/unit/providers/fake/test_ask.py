from __future__ import annotations

import json

import pytest

from sekisho.providers.fake.ask import Api, Ask, AskError, Tool, read_ask


def asked(api: Api, **body: object) -> Ask:
    return read_ask(api, json.dumps({"model": "m"} | body).encode())


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


def test_completions_and_embeddings_have_plain_text() -> None:
    assert asked("completions", prompt="once").user_text == "once"
    assert asked("embeddings", input=["a", "b"]).user_text == "a\nb"


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
    ],
)
def test_what_a_provider_refuses_is_refused_by_field(api: Api, raw: bytes, field: str) -> None:
    with pytest.raises(AskError) as caught:
        read_ask(api, raw)
    assert caught.value.field == field
