from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.request import Refusal, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import UpstreamProtocolError
from sekisho.wire.openai_responses.schema import WireResponse, WireUsage, decode, decode_item, parts_of


def parts(item: dict[str, Any]) -> list[Any]:
    read = decode_item(msgspec.json.encode(item))
    return [part for part, _ in parts_of(read)] if read is not None else []


def usage(**fields: Any) -> Usage:
    return decode(msgspec.json.encode(fields), WireUsage).usage()


def test_cached_input_is_taken_out_of_the_input() -> None:
    assert usage(
        input_tokens=100,
        input_tokens_details={"cached_tokens": 60, "cache_write_tokens": 10},
        output_tokens=7,
        output_tokens_details={"reasoning_tokens": 5},
        total_tokens=107,
    ) == Usage(input_tokens=30, cache_read_tokens=60, cache_write_tokens=10, output_tokens=7, reasoning_tokens=5)


def test_thin_usage_is_zero_where_nothing_is_said() -> None:
    assert usage(input_tokens=3, input_tokens_details=None, output_tokens=None) == Usage(input_tokens=3)
    assert usage(input_tokens=3, input_tokens_details={"cached_tokens": 5}).input_tokens == 0


@pytest.mark.parametrize(
    ("fields", "called", "stop"),
    [
        ({"status": "completed"}, False, StopReason.END_TURN),
        ({"status": "completed"}, True, StopReason.TOOL_USE),
        ({"status": None}, False, StopReason.END_TURN),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, True, StopReason.MAX_TOKENS),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, False, StopReason.REFUSAL),
        ({"status": "incomplete", "incomplete_details": None}, False, StopReason.END_TURN),
    ],
)
def test_why_the_model_stopped(fields: dict[str, Any], *, called: bool, stop: StopReason) -> None:
    assert decode(msgspec.json.encode(fields), WireResponse).stop(called=called, refused=False) is stop


def test_a_completed_response_that_declines_is_a_refusal() -> None:
    done = decode(b'{"status":"completed"}', WireResponse)
    assert done.stop(called=False, refused=True) is StopReason.REFUSAL
    assert done.stop(called=True, refused=True) is StopReason.TOOL_USE


def test_items_are_parts() -> None:
    content = [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}, {"type": "made_up"}]
    assert parts({"type": "message", "content": content}) == [Text("a"), Refusal("b")]
    call = {"id": "fc_1", "call_id": "c", "name": "f", "namespace": "n"}
    assert parts({"type": "function_call", **call, "arguments": "{}"}) == [
        ToolCall(id="c", name="f", arguments="{}", namespace="n", item_id="fc_1")
    ]
    assert parts({"type": "custom_tool_call", **call, "input": "x"}) == [
        ToolCall(id="c", name="f", arguments="x", custom=True, namespace="n", item_id="fc_1")
    ]


def test_thoughts_are_their_summary_or_themselves() -> None:
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    content = [{"type": "reasoning_text", "text": "c"}]
    thought = {"type": "reasoning", "id": "rs_1", "content": content}
    assert parts({**thought, "summary": summary, "encrypted_content": "gAAA"}) == [
        Thinking(text="a\n\nb", signature="gAAA", origin="openai", item_id="rs_1")
    ]
    assert parts({**thought, "summary": []}) == [Thinking(text="c", item_id="rs_1")]
    assert parts({"type": "reasoning", "id": "rs_1", "summary": []}) == []


def test_a_hosted_tools_own_call_is_no_part() -> None:
    assert parts({"type": "web_search_call", "id": "ws_1", "action": {}}) == []


def test_sources_keep_what_the_vocabulary_holds() -> None:
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 1, "end_index": 2}
    file = {"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 3}
    read = decode_item(
        msgspec.json.encode({"type": "message", "content": [{"type": "output_text", "annotations": [note, file]}]})
    )
    assert read is not None
    ((_, notes),) = parts_of(read)
    assert [found.citation() for found in notes] == [
        Citation(url="u", title="t", start=1, end=2),
        Citation(title="a.txt"),
    ]


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"status": 1}', b'{"output": {}}', b"\xff", b'{"output":' + b"[" * 9_999]
)
def test_other_shapes_are_no_protocol(data: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        decode(data, WireResponse)
