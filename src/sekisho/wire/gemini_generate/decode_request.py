"""A caller's generateContent request -> canonical.

Flows in: the body's bytes; model and streaming are said by the path. Flows out: a Request in the caller's own order.
Must stay true: presence is tested, never truth (temperature 0 survives); what only this API can do is refused by
name, or, when it merely tunes, noted in `untranslated`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sekisho.canonical.request import Message, OutputSchema, Reasoning, Request, Text, Tool, ToolChoice
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.gemini_generate import schema as wire
from sekisho.wire.gemini_generate.decode_contents import ContentsReader
from sekisho.wire.gemini_generate.json_schema import json_schema
from sekisho.wire.gemini_generate.proto import camel

_MODES: dict[str | int, str] = {
    "MODE_UNSPECIFIED": "auto",
    "AUTO": "auto",
    "ANY": "any",
    "NONE": "none",
    # The model may call or answer; its calls keep to the schema, which other APIs see to or not.
    "VALIDATED": "auto",
    0: "auto",
    1: "auto",
    2: "any",
    3: "none",
}
_TIERS = {"standard": "default", "unspecified": None}


def decode_request(body: bytes) -> Request:
    """Raises MalformedRequest (not this dialect) or UnsupportedFeature (only this API can do it)."""
    return translate(wire.read_body(body))


def translate(asked: wire.Body) -> Request:
    """A typed body in canonical words. Raises as `decode_request`."""
    config = asked.generation_config or wire.GenerationConfig()
    _refuse(asked, config)
    notes = [camel(name) for name in wire.TUNING if getattr(asked, name)]
    notes += [f"generationConfig.{camel(name)}" for name in wire.CONFIG_TUNING if getattr(config, name) is not None]
    contents = ContentsReader(asked.contents)
    messages = (*_system(asked.system_instruction), *contents.messages())
    tools = tuple(_tools(asked.tools, notes))
    reasoning = _reasoning(config.thinking_config)
    return Request(
        model="",
        messages=messages,
        tools=tools,
        tool_choice=_choice(asked.tool_config, tools, notes),
        max_tokens=config.max_output_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=None if config.top_k is None else int(config.top_k),
        stop=tuple(config.stop_sequences),
        seed=config.seed,
        presence_penalty=config.presence_penalty,
        frequency_penalty=config.frequency_penalty,
        logprobs=config.response_logprobs,
        top_logprobs=config.logprobs,
        reasoning=reasoning,
        output_schema=_output_schema(config),
        service_tier=_TIERS.get((asked.service_tier or "unspecified").lower(), asked.service_tier),
        # This API always reports usage and always signs its thoughts: its callers count on both.
        include_usage=True,
        include_encrypted_reasoning=reasoning is not None and reasoning.enabled,
        untranslated=tuple(dict.fromkeys([*notes, *contents.notes])),
    )


def _refuse(asked: wire.Body, config: wire.GenerationConfig) -> None:
    if not asked.contents:
        raise MalformedRequest("contents: At least one content is needed.", param="contents")
    for name in wire.REFUSED:
        if getattr(asked, name):
            raise UnsupportedFeature(camel(name), wire.ELSEWHERE)
    for name in wire.CONFIG_REFUSED:
        if getattr(config, name) is not None:
            raise UnsupportedFeature(f"generationConfig.{camel(name)}", wire.ELSEWHERE)
    if config.candidate_count is not None and config.candidate_count > 1:
        raise UnsupportedFeature("generationConfig.candidateCount", wire.ELSEWHERE, "Ask for one, several times.")
    if any(modality.upper() not in ("TEXT", "MODALITY_UNSPECIFIED") for modality in config.response_modalities):
        raise UnsupportedFeature("generationConfig.responseModalities", wire.ELSEWHERE, "Only text is translated.")


def _system(instruction: wire.Content | str | None) -> Iterator[Message]:
    if isinstance(instruction, str):
        instruction = wire.Content(parts=[wire.PartIn(text=instruction)])
    texts: list[Text] = []
    for at, part in enumerate(instruction.parts if instruction is not None else ()):
        if part.text is None:
            raise UnsupportedFeature(f"systemInstruction.parts.{at}", wire.ELSEWHERE, "It holds text.")
        texts.append(Text(part.text))
    if texts:
        yield Message("system", tuple(texts))


def _tools(tools: Sequence[dict[str, object]], notes: list[str]) -> Iterator[Tool]:
    for at, value in enumerate(tools):
        for key in value:
            if key in wire.HOSTED:
                notes.append(f"tools.{key}")
            elif key != "functionDeclarations":
                raise UnsupportedFeature(f"tools.{key}", wire.ELSEWHERE)
        for declared in wire.convert(value, wire.ToolIn, f"tools.{at}").function_declarations:
            yield _tool(declared, notes)


def _tool(declared: wire.FunctionDeclaration, notes: list[str]) -> Tool:
    given = declared.parameters if declared.parameters_json_schema is None else declared.parameters_json_schema
    schema = json_schema(given)
    if declared.behavior is not None:
        notes.append("tools.behavior")
    if declared.response is not None or declared.response_json_schema is not None:
        notes.append("tools.response")
    if schema is not None and not isinstance(schema, dict):
        raise MalformedRequest("tools.functionDeclarations.parametersJsonSchema: Expected `object`.", param="tools")
    return Tool(name=declared.name, description=declared.description or None, parameters=schema)


def _choice(config: wire.ToolConfig | None, tools: tuple[Tool, ...], notes: list[str]) -> ToolChoice | None:
    if config is None:
        return None
    if config.retrieval_config is not None:
        notes.append("toolConfig.retrievalConfig")
    if config.include_server_side_tool_invocations:
        notes.append("toolConfig.includeServerSideToolInvocations")
    calling = config.function_calling_config
    if calling is None or not tools:
        return None
    if calling.stream_function_call_arguments:
        notes.append("toolConfig.functionCallingConfig.streamFunctionCallArguments")
    path = "toolConfig.functionCallingConfig.mode"
    mode = _MODES.get(calling.mode.upper() if isinstance(calling.mode, str) else calling.mode)
    allowed = calling.allowed_function_names
    if mode is None:
        raise MalformedRequest(f"{path}: It may be AUTO, ANY, NONE or VALIDATED.", param=path)
    if mode == "any" and len(allowed) == 1:
        return ToolChoice("tool", allowed[0])
    if mode == "none":
        return ToolChoice("none")
    return ToolChoice("any" if mode == "any" else "auto", allowed=tuple(allowed) or None)


def _reasoning(config: wire.ThinkingConfig | None) -> Reasoning | None:
    """A level is an effort; a budget of 0 switches thinking off, -1 leaves it to the model."""
    if config is None:
        return None
    summary = "auto" if config.include_thoughts else None
    level = (config.thinking_level or "").upper()
    if level not in ("", "THINKING_LEVEL_UNSPECIFIED"):
        return Reasoning(effort=level.lower(), summary=summary)
    budget = config.thinking_budget
    if budget == 0:
        return Reasoning(enabled=False)
    if budget is None and summary is None:
        return None
    if budget is None or budget < 0:
        return Reasoning(adaptive=True, summary=summary)
    return Reasoning(budget_tokens=budget, summary=summary)


def _output_schema(config: wire.GenerationConfig) -> OutputSchema | None:
    given = config.response_schema if config.response_json_schema is None else config.response_json_schema
    if given is None and config.response_mime_type in ("", "text/plain"):
        return None
    if config.response_mime_type not in ("", "application/json"):
        path = "generationConfig.responseMimeType"
        raise UnsupportedFeature(path, wire.ELSEWHERE, "It may be text/plain or application/json.")
    schema = json_schema(given)
    if schema is not None and not isinstance(schema, dict):
        path = "generationConfig.responseJsonSchema"
        raise MalformedRequest(f"{path}: Expected `object`.", param=path)
    return OutputSchema(schema=schema)
