from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.request import CacheMark, Message, OutputSchema, Reasoning, Request, Text, Tool, ToolChoice
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.bedrock_converse.request import decode_request
from tests.unit.wire.bedrock_converse.samples import wire_body

SPEC = {"toolSpec": {"name": "look", "description": "Looks.", "inputSchema": {"json": {"type": "object"}}}}
LOOK = Tool(name="look", description="Looks.", parameters={"type": "object"})
POINT = {"cachePoint": {"type": "default"}}


def decoded(**keys: Any) -> Request:
    return decode_request(wire_body(**keys))


def test_model_and_streaming_are_in_the_path() -> None:
    request = decoded()
    assert (request.model, request.stream, request.include_usage) == ("", False, True)


def test_system_first_and_in_its_place() -> None:
    messages = [{"role": role, "content": [{"text": role}]} for role in ("user", "system", "assistant")]
    request = decoded(system=[{"text": "Be brief."}, POINT], messages=messages)
    assert request.messages[0] == Message("system", (Text("Be brief.", CacheMark()),))
    assert [message.role for message in request.messages] == ["system", "user", "system", "assistant"]
    assert decoded(system=[]).messages == decoded().messages


def test_inference_also_as_zero() -> None:
    request = decoded(inferenceConfig={"maxTokens": 0, "temperature": 0, "topP": 0.0, "stopSequences": ["a"]})
    assert (request.max_tokens, request.temperature, request.top_p, request.stop) == (0, 0, 0, ("a",))


def test_tools_and_the_point_behind_them() -> None:
    assert decoded(toolConfig={"tools": [SPEC, POINT]}).tools == (msgspec.structs.replace(LOOK, cache=CacheMark()),)
    strict = {"toolSpec": {**SPEC["toolSpec"], "strict": True}}
    assert decoded(toolConfig={"tools": [strict]}).tools[0].strict is True
    with pytest.raises(UnsupportedFeature, match=r"toolConfig\.tools\.0\.systemTool"):
        decoded(toolConfig={"tools": [{"systemTool": {"name": "nova_grounding"}}]})


@pytest.mark.parametrize(
    ("choice", "own", "expected", "parallel"),
    [
        (None, {}, None, None),
        ({"auto": {}}, {}, ToolChoice("auto"), None),
        ({"any": {}}, {}, ToolChoice("any"), None),
        ({"tool": {"name": "look"}}, {}, ToolChoice("tool", "look"), None),
        (
            {"auto": {}},
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            ToolChoice("any"),
            False,
        ),
        (None, {"tool_choice": {"type": "none"}}, ToolChoice("none"), None),
    ],
)
def test_tool_choice(choice: Any, own: Any, expected: ToolChoice | None, parallel: Any) -> None:
    config = {"tools": [SPEC]} | ({} if choice is None else {"toolChoice": choice})
    request = decoded(toolConfig=config, additionalModelRequestFields=own)
    assert (request.tool_choice, request.parallel_tool_calls) == (expected, parallel)


def test_thinking_and_top_k_are_read_from_the_models_own_fields() -> None:
    request = decoded(additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 2000}, "top_k": 5})
    assert request.reasoning == Reasoning(budget_tokens=2000, summary="auto")
    assert (request.top_k, request.include_encrypted_reasoning) == (5, True)
    assert decoded(outputConfig={"effort": "low"}).reasoning == Reasoning(effort="low")


def test_structured_output_is_json_in_a_string() -> None:
    def form(schema: str) -> dict[str, Any]:
        structure = {"jsonSchema": {"schema": schema, "name": "n", "description": "d"}}
        return {"textFormat": {"type": "json_schema", "structure": structure}}

    expected = OutputSchema(name="n", description="d", schema={"type": "object"}, strict=True)
    assert decoded(outputConfig=form('{"type":"object"}')).output_schema == expected
    for broken in ("{", "[]", ""):
        with pytest.raises(MalformedRequest, match=r"jsonSchema\.schema"):
            decoded(outputConfig=form(broken))
    own = {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}
    assert decoded(additionalModelRequestFields=own).output_schema == OutputSchema(
        schema={"type": "object"}, strict=True
    )


def test_end_user_and_service_tier() -> None:
    request = decoded(requestMetadata={"user_id": "u1"}, serviceTier={"type": "flex"})
    assert (request.user, request.service_tier, request.untranslated) == ("u1", "flex", ())


def test_what_only_tunes_is_named() -> None:
    request = decoded(
        requestMetadata={"team": "a"},
        performanceConfig={"latency": "optimized"},
        additionalModelResponseFieldPaths=["/stop_sequence", "/other"],
        additionalModelRequestFields={"anthropic_beta": ["interleaved-thinking-2025-05-14", "new-2027-01-01"]},
    )
    assert request.untranslated == (
        "performanceConfig",
        "requestMetadata",
        "additionalModelResponseFieldPaths",
        "additionalModelRequestFields.anthropic_beta",
    )
    assert decoded(performanceConfig={"latency": "standard"}).untranslated == ()


@pytest.mark.parametrize("key", ["guardrailConfig", "promptVariables"])
def test_what_only_bedrock_can_do_is_refused_by_name(key: str) -> None:
    with pytest.raises(UnsupportedFeature, match=key):
        decoded(**{key: {"a": {"text": "b"}}})


def test_a_request_without_messages_is_refused() -> None:
    given: list[Any] = [..., []]
    for messages in given:
        with pytest.raises(MalformedRequest, match="messages"):
            decoded(messages=messages)
