from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    OutputSchema,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sekisho.canonical.seal import Sealed, seal
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.anthropic_messages.request import decode_request
from tests.unit.wire.anthropic_messages.samples import status_of, user_blocks, wire_body

MARK = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
TOOL = {"name": "look", "input_schema": {"type": "object"}}


def decoded(**keys: Any) -> Request:
    return decode_request(wire_body(**keys))


def only_part(block: dict[str, Any]) -> Any:
    (message,) = decode_request(user_blocks(block)).messages
    (part,) = message.parts
    return part


def test_system_as_text_or_blocks_comes_first() -> None:
    assert decoded(system="Be brief.").messages[0] == Message("system", (Text("Be brief."),))
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]
    assert decoded(system=blocks).messages[0].parts == (Text("a"), Text("b", CacheMark()))
    assert decoded(system="").messages == decoded().messages


def test_a_system_message_keeps_its_place() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "system", "content": "from now on"},
        {"role": "user", "content": "b"},
    ]
    assert [message.role for message in decoded(messages=messages).messages] == ["user", "system", "user"]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "Hi", "cache_control": MARK}, Text("Hi", CacheMark("1h"))),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            Image(media_type="image/png", data="aGk="),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x/i.png"}, "cache_control": MARK},
            Image(url="https://x/i.png", cache=CacheMark("1h")),
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "Paper",
                "context": "draft",
                "citations": {"enabled": True},
            },
            Document(media_type="application/pdf", data="JVBE", name="Paper", context="draft", citations=True),
        ),
        ({"type": "document", "source": {"type": "url", "url": "https://x/d"}}, Document(url="https://x/d")),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            Document(media_type="text/plain", text="words"),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "words"}]}},
            Document(media_type="text/plain", text="words"),
        ),
        ({"type": "thinking", "thinking": "Hm.", "signature": ""}, Thinking(text="Hm.")),
        (
            {"type": "thinking", "thinking": "", "signature": seal(Sealed(origin="openai", signature="gAAA"))},
            Thinking(text="", signature="gAAA", origin="openai"),
        ),
        (
            {"type": "tool_result", "tool_use_id": "t1", "content": "done", "cache_control": MARK},
            ToolResult(call_id="t1", parts=(Text("done"),), cache=CacheMark("1h")),
        ),
        ({"type": "tool_result", "tool_use_id": "t1"}, ToolResult(call_id="t1", parts=())),
        (
            {
                "type": "tool_result",
                "tool_use_id": "t1",
                "is_error": True,
                "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image", "source": {"type": "url", "url": "https://x/i"}},
                ],
            },
            ToolResult(call_id="t1", parts=(Text("see"), Image(url="https://x/i")), is_error=True),
        ),
    ],
)
def test_each_block_has_its_part(block: dict[str, Any], part: object) -> None:
    assert only_part(block) == part


def test_arguments_are_the_callers_own_text() -> None:
    content = '[{"type":"tool_use","id":"t1","name":"look","input":{"b": 1.0,\n "a":"\\u00e9"}}]'
    body = f'{{"model":"m","max_tokens":1,"messages":[{{"role":"assistant","content":{content}}}]}}'
    (message,) = decode_request(body.encode()).messages
    assert message.parts == (ToolCall(id="t1", name="look", arguments='{"b": 1.0,\n "a":"\\u00e9"}'),)


def test_input_must_be_an_object() -> None:
    with pytest.raises(MalformedRequest, match=r"messages\.0\.content\.0\.input"):
        decode_request(user_blocks({"type": "tool_use", "id": "t", "name": "n", "input": "text"}))


def test_a_tool_reference_becomes_words() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "look"}]}
    request = decode_request(user_blocks(result))
    assert request.messages[0].parts == (ToolResult(call_id="t", parts=(Text("The tool 'look' is available."),)),)
    assert request.untranslated == ("messages.content.tool_reference",)


def test_tools() -> None:
    offered = {**TOOL, "description": "Looks.", "strict": True, "cache_control": MARK, "defer_loading": True}
    request = decoded(tools=[offered, {**TOOL, "name": "b", "type": "custom"}])
    assert request.tools == (
        Tool(name="look", description="Looks.", parameters={"type": "object"}, strict=True, cache=CacheMark("1h")),
        Tool(name="b", parameters={"type": "object"}),
    )
    assert request.untranslated == ("tools.defer_loading",)


@pytest.mark.parametrize("kind", ["web_search_20250305", "web_fetch_20250910", "tool_search_tool_bm25_20251119"])
def test_a_hosted_tool_that_is_merely_offered_is_noted(kind: str) -> None:
    request = decoded(tools=[{"type": kind, "name": "hosted"}, TOOL], tool_choice={"type": "any"})
    assert [tool.name for tool in request.tools] == ["look"]
    assert request.untranslated == (f"tools.{kind}",)
    alone = decoded(tools=[{"type": kind, "name": "hosted"}], tool_choice={"type": "auto"})
    assert (alone.tools, alone.tool_choice) == ((), None)


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ([{"type": "web_search_20250305", "name": "hosted"}, TOOL], {"type": "tool", "name": "hosted"}),
        ([{"type": "web_search_20250305", "name": "hosted"}], {"type": "any"}),
        ([{"type": "code_execution_20260120", "name": "code"}], None),
        ([{"type": "bash_20250124", "name": "bash"}], None),
    ],
)
def test_a_tool_that_the_answer_needs_is_refused(tools: list[Any], choice: Any) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decoded(tools=tools, tool_choice=choice)
    assert caught.value.info.param == f"tools.{tools[0]['type']}"


@pytest.mark.parametrize("key", ["mcp_servers", "container", "thread", "inference_geo"])
def test_what_changes_the_answer_is_refused(key: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decoded(**{key: ["x"]})
    assert caught.value.info.param == key
    assert decoded(mcp_servers=[], container=None).untranslated == ()


def test_what_only_tunes_is_noted() -> None:
    edits = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    request = decoded(context_management=edits, cache_control=MARK, betas=["x"])
    assert request.untranslated == ("cache_control", "context_management")


@pytest.mark.parametrize(
    ("choice", "expected", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("any"), False),
        ({"type": "tool", "name": "look", "disable_parallel_tool_use": False}, ToolChoice("tool", "look"), True),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_tool_choice(choice: dict[str, Any], expected: ToolChoice, parallel: object) -> None:
    request = decoded(tools=[TOOL], tool_choice=choice)
    assert (request.tool_choice, request.parallel_tool_calls) == (expected, parallel)


def test_a_choice_of_one_tool_names_it() -> None:
    with pytest.raises(MalformedRequest, match=r"tool_choice\.name"):
        decoded(tools=[TOOL], tool_choice={"type": "tool"})
    with pytest.raises(MalformedRequest, match=r"tools\.0\.name"):
        decoded(tools=[{"input_schema": {}}])
    with pytest.raises(MalformedRequest, match=r"tools\.0\.input_schema"):
        decoded(tools=[{"name": "x"}])


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning(budget_tokens=2048, summary="auto")),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            Reasoning(adaptive=True, effort="max"),
        ),
        ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
        ({"output_config": {"effort": "low"}}, Reasoning(effort="low")),
        ({}, None),
    ],
)
def test_thinking(keys: dict[str, Any], expected: Reasoning | None) -> None:
    request = decoded(**keys)
    assert request.reasoning == expected
    assert request.include_encrypted_reasoning == (expected is not None and expected.enabled)


def test_output_format_under_both_names() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    expected = OutputSchema(schema={"type": "object"}, strict=True)
    assert decoded(output_config={"format": form}).output_schema == expected
    assert decoded(output_format=form).output_schema == expected


def test_zero_is_something_said() -> None:
    request = decoded(temperature=0, top_p=0, top_k=0, max_tokens=0, stop_sequences=[""])
    assert (request.temperature, request.top_p, request.top_k, request.max_tokens) == (0, 0, 0, 0)
    assert request.stop == ("",)
    assert decoded().temperature is None


@pytest.mark.parametrize(
    ("user_id", "session"),
    [
        ('{"device_id":"d","account_uuid":"","session_id":"e1ab5dc8-55b3"}', "e1ab5dc8-55b3"),
        ("user_ab_account_cd_session_e1ab5dc8-55b3-427f", "e1ab5dc8-55b3-427f"),
        ("somebody", None),
        ("{broken", None),
        ('{"session_id":5}', None),
    ],
)
def test_the_session_of_claude_code(user_id: str, session: str | None) -> None:
    request = decoded(metadata={"user_id": user_id})
    assert (request.user, request.session) == (user_id, session)


def test_the_rest() -> None:
    request = decoded(stream=True, service_tier="standard_only")
    assert (request.stream, request.include_usage, request.service_tier) == (True, True, "default")
    assert decoded(metadata=None, stop_sequences=None, tools=None).user is None


@given(st.binary())
def test_never_anything_but_a_request_or_a_refusal(body: bytes) -> None:
    assert status_of(lambda: decode_request(body)) in {200, 400}


BLOCKS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "image", "document", "tool_use", "tool_result", "thinking", "other"])},
        optional={
            key: st.none() | st.text(max_size=5) | st.integers() | st.just({}) | st.just({"type": "url", "url": "u"})
            for key in ("text", "source", "id", "name", "input", "tool_use_id", "content", "thinking", "signature")
        },
    ),
    max_size=4,
)


@given(BLOCKS)
def test_odd_blocks_are_read_or_refused(blocks: list[dict[str, Any]]) -> None:
    assert status_of(lambda: decode_request(user_blocks(*blocks))) in {200, 400}


def test_a_beta_in_the_body_asks_to_think_between_calls() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2048}
    given = (["interleaved-thinking-2027"], ["x"], 1)
    asked = [decoded(thinking=thinking, anthropic_beta=betas).reasoning for betas in given]
    assert [reasoning is not None and reasoning.interleaved for reasoning in asked] == [True, False, False]
