"""Canonical request -> a chat completions body for OpenAI proper or for a server that imitates it.

Flows in: a Request and its Target. Flows out: the body, and the names of tuning fields that had to stay behind.
Must stay true: what the caller did not say is not said upstream either; the same request gives the same bytes (prompt
caches live on prefixes: keys and tools keep their order); a stream always asks for its usage, which the ledger needs.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from sekisho.canonical.request import Reasoning, Request, Tool
from sekisho.canonical.target import Encoded, Target
from sekisho.canonical.tools import custom_schema, legal_name, narrowed, wire_names
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_chat.encode_messages import MessageWriter
from sekisho.wire.openai_chat.schema import NAME

Body = dict[str, Any]

#: OpenAI's limit for `user` and `prompt_cache_key`, in characters.
_ID_CHARS = 64
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
#: What OpenAI's reasoning models refuse (platform guide "Reasoning models").
_NOT_WHILE_REASONING = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
)
#: Anthropic's token budget -> OpenAI's effort: up to so many tokens.
_EFFORTS = ((4_096, "low"), (16_384, "medium"))


def encode_request(request: Request, target: Target) -> Encoded:
    """The body. Raises UnsupportedFeature for what chat completions cannot say."""
    request = narrowed(request, told=target.takes_allowed_tools)
    dropped: dict[str, None] = dict.fromkeys(request.untranslated)
    wire = wire_names(request.tools)
    names = {(tool.name, tool.namespace): name for name, tool in wire.items()}
    messages = MessageWriter(request, target, names)
    body: Body = {"model": target.model, "messages": messages.write()}
    dropped |= messages.dropped
    if wire:
        body["tools"] = [_tool(name, tool, target) for name, tool in wire.items()]
        body |= _tool_choice(request, wire, target)
        if any(tool.cache is not None for tool in wire.values()):
            dropped["cache_control"] = None
    body |= _limits(request, target)
    body |= _sampling(request, target, dropped)
    body |= _thinking(request, target, dropped)
    body |= _output_format(request, target)
    body |= _identity(request, target, dropped)
    if request.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return Encoded(msgspec.json.encode(body), tuple(dropped))


def _tool(name: str, tool: Tool, target: Target) -> Body:
    described = {} if tool.description is None else {"description": tool.description}
    if tool.custom and not target.compatible:
        form = {} if tool.format is None else {"format": _nested_format(tool.format)}
        return {"type": "custom", "custom": {"name": name, **described, **form}}
    body: Body = {"name": name, **described}
    schema = custom_schema() if tool.custom else tool.parameters
    if schema is not None:
        body["parameters"] = _object_schema(schema)
    elif target.compatible:
        body["parameters"] = {"type": "object", "properties": {}}
    if tool.strict is not None:
        body["strict"] = tool.strict
    return {"type": "function", "function": body}


def _object_schema(schema: Body) -> Body:
    """OpenAI refuses an object schema that does not list its properties, even when it has none."""
    return {**schema, "properties": {}} if schema.get("type") == "object" and "properties" not in schema else schema


def _nested_format(form: Body) -> Body:
    """Chat completions puts a grammar one level deeper than Responses."""
    if form.get("type") != "grammar" or "grammar" in form:
        return form
    return {"type": "grammar", "grammar": {key: value for key, value in form.items() if key != "type"}}


def _tool_choice(request: Request, wire: dict[str, Tool], target: Target) -> Body:
    body: Body = {}
    choice = request.tool_choice
    if choice is not None and choice.mode == "tool":
        body["tool_choice"] = _named(choice.name or "", wire, target)
    elif choice is not None:
        mode = "required" if choice.mode == "any" else choice.mode
        body["tool_choice"] = mode if choice.allowed is None else _allowed(mode, choice.allowed, wire)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    return body


def _allowed(mode: str, allowed: tuple[str, ...], wire: dict[str, Tool]) -> Body:
    kinds = ((name, "custom" if tool.custom else "function") for name, tool in wire.items() if tool.name in allowed)
    tools = [{"type": kind, kind: {"name": name}} for name, kind in kinds]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def _named(wanted: str, wire: dict[str, Tool], target: Target) -> Body:
    for name, tool in wire.items():
        if wanted in (name, tool.name):
            kind = "custom" if tool.custom and not target.compatible else "function"
            return {"type": kind, kind: {"name": name}}
    return {"type": "function", "function": {"name": legal_name(wanted)}}


def _limits(request: Request, target: Target) -> Body:
    body: Body = {}
    if request.max_tokens is not None:
        old = target.compatible and not target.profile.openai_reasoning
        body["max_tokens" if old else "max_completion_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    return body


def _sampling(request: Request, target: Target, dropped: dict[str, None]) -> Body:
    body: Body = {}
    for name in (*_NOT_WHILE_REASONING, "seed"):
        value = getattr(request, name)
        if value is None:
            continue
        if target.profile.openai_reasoning and name in _NOT_WHILE_REASONING:
            dropped[name] = None
        else:
            body[name] = value
    if request.top_k is not None:
        dropped["top_k"] = None
    return body


def _thinking(request: Request, target: Target, dropped: dict[str, None]) -> Body:
    body: Body = {}
    if request.reasoning is not None:
        effort = _effort(request.reasoning)
        if effort is not None and target.profile.openai_reasoning:
            body["reasoning_effort"] = effort
        elif effort is not None or not request.reasoning.enabled:
            dropped["reasoning"] = None
    if request.verbosity is not None and not target.compatible:
        body["verbosity"] = request.verbosity
    elif request.verbosity is not None:
        dropped["verbosity"] = None
    return body


def _effort(reasoning: Reasoning) -> str | None:
    """OpenAI's word; None where the caller left it to the model, or switched thinking off without one."""
    if reasoning.effort is not None:
        return reasoning.effort
    if not reasoning.enabled or reasoning.budget_tokens is None:
        return None
    return next((word for most, word in _EFFORTS if reasoning.budget_tokens <= most), "high")


def _output_format(request: Request, target: Target) -> Body:
    schema = request.output_schema
    if schema is None:
        return {}
    if schema.schema is None:
        return {"response_format": {"type": "json_object"}}
    if not target.profile.output_schema:
        raise UnsupportedFeature("response_format", NAME, "This model takes no JSON schema for its output.")
    body: Body = {"name": legal_name(schema.name or "output")}
    if schema.description is not None:
        body["description"] = schema.description
    body["schema"] = schema.schema
    if schema.strict is not None:
        body["strict"] = schema.strict
    return {"response_format": {"type": "json_schema", "json_schema": body}}


def _identity(request: Request, target: Target, dropped: dict[str, None]) -> Body:
    body: Body = {}
    if request.user is not None:
        body["user"] = _short(request.user)
    if request.session is not None and not target.compatible:
        body["prompt_cache_key"] = _short(request.session)
    elif request.session is not None:
        dropped["prompt_cache_key"] = None
    if request.service_tier is not None and not target.compatible and request.service_tier in _TIERS:
        body["service_tier"] = request.service_tier
    elif request.service_tier is not None:
        dropped["service_tier"] = None
    return body


def _short(text: str) -> str:
    """`text`, or its SHA-256 in hex where it is longer than OpenAI takes."""
    return text if len(text) <= _ID_CHARS else hashlib.sha256(text.encode()).hexdigest()
