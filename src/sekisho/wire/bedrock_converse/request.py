"""A caller's Converse request -> canonical.

Flows in: the body's bytes; model and streaming are in the path. Flows out: a Request in the caller's own order. Must
stay true: text, tool arguments and cache points are taken over exactly; what only Bedrock can do is refused by name,
or, when it merely tunes, noted in `untranslated`.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sekisho.canonical.request import Message, OutputSchema, Request, Tool, ToolChoice
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.wire.bedrock_converse import schema as wire
from sekisho.wire.bedrock_converse.additional import INTERLEAVED, reasoning_of, top_k_of
from sekisho.wire.bedrock_converse.read_blocks import mark_last, member, parts_of

#: The key of `requestMetadata` that names the end user.
USER_KEY = "user_id"
#: The key of `Request.echo` under which the paths of `additionalModelResponseFieldPaths` are kept.
PATHS_KEY = "additionalModelResponseFieldPaths"
#: The only path that has a meaning elsewhere: which stop sequence ended the answer.
STOP_SEQUENCE_PATH = "/stop_sequence"

_schema_decoder = msgspec.json.Decoder(dict[str, object])


def decode_request(body: bytes) -> Request:
    """Raises MalformedRequest (not this dialect) or UnsupportedFeature (only Bedrock can do it)."""
    asked = wire.read_body(body)
    for name, wire_name in wire.REFUSED.items():
        if getattr(asked, name):
            raise UnsupportedFeature(wire_name, wire.ELSEWHERE)
    notes = list(_tuning(asked))
    own, form, inference = asked.additional_model_request_fields, asked.output_config, asked.inference_config
    inference = inference or wire.InferenceConfig()
    reasoning = reasoning_of(own, form.effort if form is not None else None)
    tools = tuple(_tools(asked, notes))
    metadata = asked.request_metadata or {}
    return Request(
        model="",
        messages=tuple(_messages(asked, notes)),
        tools=tools,
        tool_choice=_choice(asked) if tools else None,
        parallel_tool_calls=_parallel(asked) if tools else None,
        max_tokens=inference.max_tokens,
        temperature=inference.temperature,
        top_p=inference.top_p,
        top_k=top_k_of(own),
        stop=tuple(inference.stop_sequences or ()),
        reasoning=reasoning,
        output_schema=_output_schema(asked),
        user=metadata.get(USER_KEY),
        service_tier=asked.service_tier.type if asked.service_tier is not None else None,
        # This API always reports usage and always signs its thoughts: its callers count on both.
        include_usage=True,
        include_encrypted_reasoning=reasoning is not None and reasoning.enabled,
        untranslated=tuple(dict.fromkeys(notes)),
        echo={PATHS_KEY: asked.additional_model_response_field_paths or []},
    )


def _tuning(asked: wire.Body) -> Iterator[str]:
    """Names of what the caller gave, no other API knows, and only tunes."""
    if asked.performance_config is not None and asked.performance_config.latency not in (None, "standard"):
        yield "performanceConfig"
    if any(key != USER_KEY for key in asked.request_metadata or ()):
        yield "requestMetadata"
    if any(path != STOP_SEQUENCE_PATH for path in asked.additional_model_response_field_paths or ()):
        yield PATHS_KEY
    if any(beta != INTERLEAVED for beta in asked.additional_model_request_fields.anthropic_beta or ()):
        yield "additionalModelRequestFields.anthropic_beta"


def _messages(asked: wire.Body, notes: list[str]) -> Iterator[Message]:
    if not asked.messages:
        raise MalformedRequest("messages: At least one message is required.", param="messages")
    if asked.system:
        yield Message("system", parts_of(asked.system, "system", notes))
    for at, message in enumerate(asked.messages):
        yield Message(message.role, parts_of(message.content, f"messages.{at}.content", notes))


def _tools(asked: wire.Body, notes: list[str]) -> list[Tool]:
    tools: list[Tool] = []
    for at, entry in enumerate(asked.tool_config.tools if asked.tool_config is not None else ()):
        path = f"toolConfig.tools.{at}"
        _, value = member(entry, path)
        if isinstance(value, wire.CachePoint):
            mark_last(tools, value, notes)
        elif isinstance(value, wire.ToolSpec):
            tool = Tool(name=value.name, description=value.description, parameters=value.input_schema.json)
            tools.append(msgspec.structs.replace(tool, strict=value.strict))
        else:
            raise UnsupportedFeature(f"{path}.systemTool", wire.ELSEWHERE)
    return tools


def _choice(asked: wire.Body) -> ToolChoice | None:
    own = asked.additional_model_request_fields.tool_choice
    if own is not None:
        return ToolChoice(own.type, own.name if own.type == "tool" else None)
    choice = asked.tool_config.tool_choice if asked.tool_config is not None else None
    if choice is None:
        return None
    name, value = member(choice, "toolConfig.toolChoice")
    if isinstance(value, wire.NamedTool):
        return ToolChoice("tool", value.name)
    return ToolChoice("any" if name == "any" else "auto")


def _parallel(asked: wire.Body) -> bool | None:
    own = asked.additional_model_request_fields.tool_choice
    return None if own is None or own.disable_parallel_tool_use is None else not own.disable_parallel_tool_use


def _output_schema(asked: wire.Body) -> OutputSchema | None:
    config, own = asked.output_config, asked.additional_model_request_fields.output_config
    if config is not None and config.text_format is not None:
        form = config.text_format.structure.json_schema
        path = "outputConfig.textFormat.structure.jsonSchema.schema"
        try:
            schema = _schema_decoder.decode(form.schema)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise MalformedRequest(f"{path}: Expected a JSON object in a string.", param=path) from None
        return OutputSchema(name=form.name, description=form.description, schema=schema, strict=True)
    if own is not None and own.format is not None:
        return OutputSchema(schema=own.format.schema, strict=True)
    return None
