from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.canonical.request import CacheMark, OutputSchema, Reasoning, Tool, ToolCall, ToolChoice
from sekisho.core.errors import UnsupportedFeature
from tests.unit.wire.bedrock_converse.samples import (
    ADAPTIVE,
    CLAUDE,
    NOVA,
    OTHER,
    asked,
    dropped,
    said,
    sent,
)

LOOK = Tool(name="look", description="Looks.", parameters={"type": "object", "properties": {}})


def test_a_tool_is_a_spec_and_its_point_comes_after() -> None:
    tool = msgspec.structs.replace(LOOK, cache=CacheMark("1h"))
    assert sent(asked(tools=(tool,)))["toolConfig"]["tools"] == [
        {
            "toolSpec": {
                "name": "look",
                "description": "Looks.",
                "inputSchema": {"json": {"type": "object", "properties": {}}},
            }
        },
        {"cachePoint": {"type": "default", "ttl": "1h"}},
    ]


@pytest.mark.parametrize("parameters", [None, {}, {"properties": {}}])
def test_a_schema_is_that_of_an_object_and_no_description_is_empty(parameters: Any) -> None:
    (tool,) = sent(asked(tools=(Tool(name="t", description="", parameters=parameters),)))["toolConfig"]["tools"]
    assert tool == {"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object", **(parameters or {})}}}}


def test_strict_where_the_model_takes_schemas() -> None:
    request = asked(tools=(msgspec.structs.replace(LOOK, strict=True),))
    assert sent(request)["toolConfig"]["tools"][0]["toolSpec"]["strict"] is True
    assert dropped(request, NOVA) == ("tools.strict",)


def test_called_tools_that_are_no_longer_offered_are_declared() -> None:
    request = asked(said("user", "go"), said("assistant", ToolCall(id="c", name="a b", arguments="{}")))
    body = sent(request)
    name = body["messages"][1]["content"][0]["toolUse"]["name"]
    assert body["toolConfig"] == {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}}]}
    assert "toolConfig" not in sent(asked())


@pytest.mark.parametrize(
    ("choice", "parallel", "common", "own"),
    [
        (None, None, None, None),
        (None, True, None, None),
        (None, False, None, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"auto": {}}, None),
        (ToolChoice("any"), False, {"any": {}}, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), False, None, None),
        (
            ToolChoice("tool", "look"),
            False,
            {"tool": {"name": "look"}},
            {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tool_choice(choice: ToolChoice | None, parallel: Any, common: Any, own: Any) -> None:
    request = asked(tools=(LOOK,), tool_choice=choice, parallel_tool_calls=parallel)
    body = sent(request)
    assert body["toolConfig"].get("toolChoice") == common
    assert body.get("additionalModelRequestFields", {}).get("tool_choice") == own
    assert dropped(request) == (("tool_choice",) if choice == ToolChoice("none") else ())


def test_only_claude_can_be_told_to_call_one_tool_at_a_time() -> None:
    request = asked(tools=(LOOK,), parallel_tool_calls=False)
    assert "additionalModelRequestFields" not in sent(request, NOVA)
    assert dropped(request, NOVA) == ("parallel_tool_calls",)


def test_a_forced_tool_yields_to_a_thinking_budget_only() -> None:
    request = asked(tools=(LOOK,), tool_choice=ToolChoice("any"), reasoning=Reasoning(effort="low"))
    assert sent(request)["toolConfig"]["toolChoice"] == {"auto": {}}
    assert dropped(request) == ("tool_choice",)
    assert sent(request, ADAPTIVE)["toolConfig"]["toolChoice"] == {"any": {}}


def test_inference_also_as_zero() -> None:
    request = asked(max_tokens=0, temperature=0.0, stop=("a", " ", ""))
    assert sent(request)["inferenceConfig"] == {"maxTokens": 0, "temperature": 0, "stopSequences": ["a"]}
    assert dropped(request) == ("stop",)
    assert sent(request, OTHER)["inferenceConfig"]["stopSequences"] == ["a", " "]
    assert sent(asked(top_p=0.0), OTHER)["inferenceConfig"] == {"topP": 0}
    assert "inferenceConfig" not in sent(asked())


def test_sampling_within_what_the_api_takes() -> None:
    request = asked(temperature=1.7, top_p=0.5, top_k=10)
    assert sent(request, NOVA)["inferenceConfig"] == {"temperature": 1, "topP": 0.5}
    assert sent(request, NOVA)["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 10}}
    assert dropped(request, NOVA) == ("temperature",)
    assert dropped(request, OTHER) == ("temperature", "top_k")
    assert sent(request)["additionalModelRequestFields"] == {"top_k": 10}
    assert dropped(request, ADAPTIVE) == ("temperature", "top_p", "top_k")


@pytest.mark.parametrize(
    ("reasoning", "profile", "own", "effort"),
    [
        (Reasoning(budget_tokens=2000), CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, None),
        (
            Reasoning(budget_tokens=2000, interleaved=True),
            CLAUDE,
            {
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "anthropic_beta": ["interleaved-thinking-2025-05-14"],
            },
            None,
        ),
        (Reasoning(enabled=False), CLAUDE, {"thinking": {"type": "disabled"}}, None),
        (
            Reasoning(effort="high", summary="auto", interleaved=True),
            ADAPTIVE,
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            "high",
        ),
        (Reasoning(effort="high"), NOVA, None, None),
        (None, CLAUDE, None, None),
    ],
)
def test_thinking_goes_through_to_the_model(reasoning: Reasoning | None, profile: Any, own: Any, effort: Any) -> None:
    request = asked(reasoning=reasoning)
    body = sent(request, profile)
    assert body.get("additionalModelRequestFields") == own
    assert body.get("outputConfig", {}).get("effort") == effort
    assert ("reasoning" in dropped(request, profile)) is (profile is NOVA)


def test_a_schema_is_a_string() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    request = asked(output_schema=OutputSchema(name="n m", description="d", schema=schema))
    form = sent(request)["outputConfig"]["textFormat"]
    inner = form["structure"]["jsonSchema"]
    assert (form["type"], inner["description"]) == ("json_schema", "d")
    assert inner["name"].startswith("n_m_")
    assert msgspec.json.decode(inner["schema"]) == {**schema, "additionalProperties": False}
    open_form = sent(request, OTHER)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert msgspec.json.decode(open_form["schema"]) == schema
    with pytest.raises(UnsupportedFeature, match="response_format"):
        sent(request, NOVA)
    assert dropped(asked(output_schema=OutputSchema())) == ("response_format",)


@pytest.mark.parametrize(
    ("user", "told"),
    [("user-1@x", "user-1@x"), ("", ""), ('{"a":1}', 64), ("u" * 257, 64), ("u" * 256, "u" * 256)],
)
def test_the_end_user_is_metadata_or_its_digest(user: str, told: Any) -> None:
    value = sent(asked(user=user))["requestMetadata"]["user_id"]
    assert (len(value) if isinstance(told, int) else value) == told


@pytest.mark.parametrize(
    ("tier", "on_wire", "left"),
    [
        ("auto", None, ()),
        ("default", None, ()),
        ("priority", {"type": "priority"}, ()),
        ("flex", {"type": "flex"}, ()),
        ("scale", None, ("service_tier",)),
    ],
)
def test_service_tier(tier: str, on_wire: Any, left: tuple[str, ...]) -> None:
    request = asked(service_tier=tier)
    assert (sent(request).get("serviceTier"), dropped(request)) == (on_wire, left)


def test_claude_is_asked_which_stop_sequence_it_was() -> None:
    request = asked(stop=("END",))
    assert sent(request)["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert "additionalModelResponseFieldPaths" not in sent(request, NOVA)
    assert "additionalModelResponseFieldPaths" not in sent(asked())
