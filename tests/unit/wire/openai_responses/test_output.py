from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.events import BlockStarted, Citation, StopReason
from sekisho.canonical.request import Request, Tool
from sekisho.canonical.seal import Sealed, unseal
from sekisho.canonical.usage import Usage
from sekisho.wire.openai_responses.output import Face, annotation, free_text, sealed_content, status_of


def face(*tools: Tool, answer_id: str = "msg_01Ab-c", **echo: Any) -> Face:
    made = Face(Request(model="m", messages=(), tools=tools, echo=echo))
    made.begin(answer_id, "served", 5)
    return made


def call(name: str, *tools: Tool, namespace: str | None = None, custom: bool = False) -> dict[str, Any]:
    start = BlockStarted(index=0, kind="tool_call", call_id="c", name=name, namespace=namespace, custom=custom)
    return face(*tools).call(start, 3)


def response(made: Face, status: str = "completed", usage: Usage | None = None) -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(made.response(status, [], usage))
    return read


@pytest.mark.parametrize(
    ("answer_id", "shown"),
    [
        ("resp_ab_c", "resp_ab_c"),
        ("msg_01Ab-c", "resp_01Abc"),
        ("chatcmpl-9x", "resp_9x"),
        ("gen 7", "resp_gen7"),
        ("", "resp_0"),
    ],
)
def test_ids_come_from_the_providers_own(answer_id: str, shown: str) -> None:
    assert response(face(answer_id=answer_id))["id"] == shown


def test_items_ids_stay_within_the_apis_limit() -> None:
    assert face().item_id("message", 2) == "msg_01Abc_2"
    assert len(face(answer_id="x" * 200).item_id("custom_tool_call", 99)) <= 64


def test_what_the_caller_said_is_repeated_and_the_rest_is_there() -> None:
    tool = {"type": "function", "name": "f"}
    shown = response(
        face(tools=[tool, {"type": "web_search"}], metadata={"a": "b"}, temperature=0, reasoning={"effort": "low"})
    )
    assert shown["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
        {"type": "web_search"},
    ]
    assert (shown["metadata"], shown["temperature"]) == ({"a": "b"}, 0)
    assert shown["reasoning"] == {"effort": "low", "summary": None}
    assert shown["parallel_tool_calls"] is True
    for key in ("error", "incomplete_details", "instructions", "previous_response_id", "max_output_tokens", "usage"):
        assert shown[key] is None


def test_a_response_is_completed_when_it_is() -> None:
    assert response(face())["completed_at"] == 5
    assert response(face(), "incomplete")["completed_at"] is None


def test_usage_has_every_detail() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=2, cache_write_tokens=4, output_tokens=8, reasoning_tokens=3)
    assert response(face(), usage=usage)["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 4},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 15,
    }


def test_calls_come_back_under_the_callers_own_names() -> None:
    exec_tool = Tool(name="exec", custom=True, namespace="functions")
    dotted = Tool(name="a.b")
    twins = (Tool(name="go", namespace="one"), Tool(name="go", namespace="two"))
    assert call("exec", exec_tool) == {
        "type": "custom_tool_call",
        "id": "ctc_01Abc_3",
        "status": "in_progress",
        "call_id": "c",
        "name": "exec",
        "namespace": "functions",
        "input": "",
    }
    assert call("two__go", *twins)["namespace"] == "two"
    assert call(next(iter(face(dotted)._names)), dotted)["name"] == "a.b"
    assert call("made_up", dotted)["name"] == "made_up"
    assert call("go", *twins, namespace="one")["namespace"] == "one"


@pytest.mark.parametrize(
    ("custom", "text", "shown"),
    [
        (True, '{"input":"x"}', '{"input":"x"}'),
        (False, '{"input":"x"}', "x"),
        (False, '{"patch":"x"}', '{"patch":"x"}'),
        (False, "not json", "not json"),
        (False, "", ""),
    ],
)
def test_free_text_is_taken_out_of_the_function_that_stood_for_it(*, custom: bool, text: str, shown: str) -> None:
    assert free_text(BlockStarted(index=0, kind="tool_call", custom=custom), text) == shown


def test_openais_thoughts_stay_and_others_are_sealed() -> None:
    assert sealed_content("gAAA", "openai") == "gAAA"
    assert unseal(sealed_content("sig", "anthropic")) == Sealed(origin="anthropic", signature="sig")
    redacted = unseal(sealed_content("data", "anthropic", redacted=True))
    assert redacted == Sealed(origin="anthropic", signature="data", redacted=True)


def test_sources_without_a_range_stand_for_the_whole_text() -> None:
    assert annotation(Citation(url="u"), 9) == {
        "type": "url_citation",
        "url": "u",
        "title": "",
        "start_index": 0,
        "end_index": 9,
    }
    assert annotation(Citation(url="u", start=0, end=0), 9)["end_index"] == 0
    assert annotation(Citation(title="a.txt"), 9) == {
        "type": "file_citation",
        "file_id": "",
        "filename": "a.txt",
        "index": 9,
    }


@pytest.mark.parametrize("stop", list(StopReason))
def test_every_stop_has_a_status(stop: StopReason) -> None:
    status, reason = status_of(stop, refused=False)
    assert (status == "incomplete") == (reason is not None)


def test_a_refusal_in_words_is_a_completed_answer() -> None:
    assert status_of(StopReason.REFUSAL, refused=True) == ("completed", None)
    assert status_of(StopReason.REFUSAL, refused=False) == ("incomplete", "content_filter")
