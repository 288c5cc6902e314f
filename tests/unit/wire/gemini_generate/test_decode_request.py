from __future__ import annotations

from typing import Any

import pytest

from sekisho.canonical.request import Message, OutputSchema, Reasoning, Text, Tool, ToolChoice
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from tests.unit.wire.gemini_generate.samples import decoded

TOOLS = [{"functionDeclarations": [{"name": "f"}, {"name": "g", "description": "G"}]}]


def test_a_small_request() -> None:
    request = decoded(systemInstruction={"parts": [{"text": "Be"}, {"text": "brief."}]}, labels={"team": "a"})
    assert request.messages == (
        Message("system", (Text("Be"), Text("brief."))),
        Message("user", (Text("Hi"),)),
    )
    assert (request.model, request.stream, request.include_usage) == ("", False, True)
    assert request.untranslated == ("labels",)
    assert decoded(systemInstruction="Be brief.").messages[0] == Message("system", (Text("Be brief."),))


def test_zero_is_something() -> None:
    config = {"temperature": 0, "topP": 0, "topK": 0, "seed": 0, "maxOutputTokens": 0, "presencePenalty": 0}
    request = decoded(generationConfig={**config, "frequencyPenalty": 0, "stopSequences": ["a", "b"]})
    sampling = [request.temperature, request.top_p, request.top_k, request.seed, request.presence_penalty]
    assert sampling == [0, 0, 0, 0, 0]
    assert [request.max_tokens, request.frequency_penalty, request.stop] == [0, 0, ("a", "b")]


def test_nothing_is_not_zero() -> None:
    assert decoded().temperature is None


@pytest.mark.parametrize(
    ("config", "reasoning"),
    [
        ({}, None),
        ({"includeThoughts": False}, None),
        ({"includeThoughts": True}, Reasoning(adaptive=True, summary="auto")),
        ({"includeThoughts": True, "thinkingBudget": 8192}, Reasoning(budget_tokens=8192, summary="auto")),
        ({"thinkingBudget": 0}, Reasoning(enabled=False)),
        ({"thinkingBudget": -1}, Reasoning(adaptive=True)),
        ({"thinkingLevel": "HIGH"}, Reasoning(effort="high")),
        ({"thinking_level": "low", "include_thoughts": True}, Reasoning(effort="low", summary="auto")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    ],
)
def test_thinking(config: dict[str, Any], reasoning: Reasoning | None) -> None:
    request = decoded(generationConfig={"thinkingConfig": config})
    assert request.reasoning == reasoning
    assert request.include_encrypted_reasoning == (reasoning is not None and reasoning.enabled)


def test_tools_have_either_schema() -> None:
    google = {"name": "f", "description": "", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}
    plain = {"name": "g", "parametersJsonSchema": {"type": "object"}, "behavior": "BLOCKING", "response": {}}
    request = decoded(tools=[{"googleSearch": {}}, {"functionDeclarations": [google]}, {"functionDeclarations": plain}])
    assert request.tools == (
        Tool(name="f", parameters={"type": "object", "properties": {"a": {"type": "string"}}}),
        Tool(name="g", parameters={"type": "object"}),
    )
    assert request.untranslated == ("tools.googleSearch", "tools.behavior", "tools.response")


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({"mode": "any"}, ToolChoice("any")),
        ({"mode": 2}, ToolChoice("any")),
        ({"mode": "ANY", "allowedFunctionNames": ["g"]}, ToolChoice("tool", "g")),
        ({"mode": "ANY", "allowedFunctionNames": ["g", "f"]}, ToolChoice("any", allowed=("g", "f"))),
        ({"mode": "VALIDATED", "allowed_function_names": ["g"]}, ToolChoice("auto", allowed=("g",))),
        ({"mode": "NONE", "allowedFunctionNames": ["g"]}, ToolChoice("none")),
        ({}, ToolChoice("auto")),
    ],
)
def test_choice(config: dict[str, Any], choice: ToolChoice) -> None:
    request = decoded(tools=TOOLS, toolConfig={"functionCallingConfig": config})
    assert request.tool_choice == choice
    assert "".join(tool.name for tool in request.tools) == "fg"


def test_what_tunes_the_tools_is_named() -> None:
    calling = {"streamFunctionCallArguments": True}
    config = {"functionCallingConfig": calling, "retrievalConfig": {}, "includeServerSideToolInvocations": True}
    assert decoded(tools=TOOLS, toolConfig=config).untranslated == (
        "toolConfig.retrievalConfig",
        "toolConfig.includeServerSideToolInvocations",
        "toolConfig.functionCallingConfig.streamFunctionCallArguments",
    )
    assert decoded(toolConfig={}).tool_choice is None


@pytest.mark.parametrize(
    ("config", "schema"),
    [
        ({"responseMimeType": "text/plain"}, None),
        ({"responseMimeType": "application/json"}, OutputSchema()),
        ({"responseSchema": {"type": "ARRAY"}}, OutputSchema(schema={"type": "array"})),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "OBJECT"}},
            OutputSchema(schema={"type": "object"}),
        ),
    ],
)
def test_output(config: dict[str, Any], schema: OutputSchema | None) -> None:
    assert decoded(generationConfig=config).output_schema == schema


@pytest.mark.parametrize(("tier", "canonical"), [("STANDARD", "default"), ("flex", "flex"), ("unspecified", None)])
def test_service_tier(tier: str, canonical: str | None) -> None:
    assert decoded(serviceTier=tier).service_tier == canonical


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"cachedContent": "cachedContents/x"}, "cachedContent"),
        ({"tools": [{"fileSearch": {}}]}, "tools.fileSearch"),
        ({"tools": [{"mcpServers": []}]}, "tools.mcpServers"),
        ({"generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}, "generationConfig.responseModalities"),
        ({"generationConfig": {"speechConfig": {}}}, "generationConfig.speechConfig"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts.0"),
    ],
)
def test_what_only_gemini_can_do_is_refused_by_name(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decoded(**keys)
    assert caught.value.info.param == named


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"contents": []}, "contents"),
        ({"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig."),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools.0.functionDeclarations.0.name"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": 1}]}]}, "tools"),
        ({"generationConfig": {"responseJsonSchema": [1]}}, "generationConfig.responseJsonSchema"),
    ],
)
def test_what_is_malformed_is_named(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decoded(**keys)
    assert str(caught.value.info.param).startswith(named)


def test_tuning_is_named() -> None:
    request = decoded(safetySettings=[{}], generationConfig={"mediaResolution": "LOW", "candidateCount": 1})
    assert request.untranslated == ("safetySettings", "generationConfig.mediaResolution")
