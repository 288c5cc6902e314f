from __future__ import annotations

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from sekisho.providers.fake import responses
from sekisho.providers.fake.script import Script
from tests.support.sse_client import parse_events
from tests.unit.providers.fake.parts import events, made

SCRIPTS = [
    Script(),
    Script(thinking=True),
    Script(tool="Bash"),
    Script(text="a b", thinking=True, tool="*"),
    Script(stop="max_output_tokens"),
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_stream_is_openais(script: Script) -> None:
    answer, ask = made("responses", script)
    pieces = list(responses.stream(answer, ask, 0))
    seen = events(pieces)
    adapter: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
    for event in seen:
        adapter.validate_python(event)
    names = [name for name, _ in parse_events(b"".join(piece.data for piece in pieces))]
    assert names == [event["type"] for event in seen]
    assert [event["sequence_number"] for event in seen] == list(range(len(seen)))
    assert names[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert seen[-1]["response"] == responses.reply(answer, ask)
    Response.model_validate(seen[-1]["response"])


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_deltas_make_the_items(script: Script) -> None:
    answer, ask = made("responses", script)
    seen = events(list(responses.stream(answer, ask, 0)))
    for index, item in enumerate(responses.reply(answer, ask)["output"]):
        of_item = [event for event in seen if event.get("output_index") == index]
        joined = "".join(event["delta"] for event in of_item if event["type"].endswith(".delta"))
        whole = {"message": answer.text, "reasoning": answer.thought}
        assert joined == whole.get(item["type"], answer.tool.arguments if answer.tool else None)
        assert (of_item[0]["type"], of_item[-1]["item"]) == ("response.output_item.added", item)


def test_a_custom_tool_takes_free_text() -> None:
    tools = [{"type": "custom", "name": "exec"}]
    answer, ask = made("responses", Script(tool="exec", args="ls -l"), tools=tools)
    [item] = responses.reply(answer, ask)["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "ls -l")
    assert "response.custom_tool_call_input.done" in {e["type"] for e in events(list(responses.stream(answer, ask, 0)))}


def test_what_the_caller_set_is_repeated() -> None:
    answer, ask = made("responses", Script(), instructions="be brief", temperature=0.0)
    reply = responses.reply(answer, ask)
    assert (reply["instructions"], reply["temperature"], reply["truncation"]) == ("be brief", 0.0, "disabled")


def test_a_cut_by_length_is_incomplete() -> None:
    reply = responses.reply(*made("responses", Script(stop="max_output_tokens")))
    assert (reply["status"], reply["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


def test_an_error_inside_the_stream_fails_the_response() -> None:
    named = parse_events(responses.stream_error(made("responses", Script())[0], "overloaded"))
    assert [name for name, _ in named] == ["error", "response.failed"]


def test_count_tokens_counts_the_prompt() -> None:
    answer, ask = made("responses", Script(input_tokens=10, cache_read_tokens=5))
    assert responses.count_tokens(answer, ask) == {"object": "response.input_tokens", "input_tokens": 15}
