"""Everything of a Converse request beside its conversation: tools, choice, inference, fields of the model's own.

Flows in: a canonical Request and the target's profile. Flows out: keys of the body. Must stay true: a field that the
caller gave is sent, even when it is zero, or its name stands in `notes`; what Converse has no field for goes through
`additionalModelRequestFields` only to a model that is known to take it there.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from sekisho.canonical.request import Request, Tool, ToolCall
from sekisho.canonical.target import Profile
from sekisho.canonical.tools import ToolNames, custom_schema, legal_name, tool_description
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.bedrock_converse.additional import INTERLEAVED
from sekisho.wire.bedrock_converse.blocks import NAME, Blocks, Json
from sekisho.wire.bedrock_converse.request import PATHS_KEY, STOP_SEQUENCE_PATH, USER_KEY
from sekisho.wire.claude import closed, sampling

#: What a value of `requestMetadata` may hold.
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_TIERS = ("priority", "flex", "reserved")


def tool_list(request: Request, names: ToolNames, blocks: Blocks, profile: Profile, notes: list[str]) -> list[Json]:
    """`toolConfig.tools`: those offered; where the history calls tools and none is offered, the ones it names.

    The API refuses calls and results in the history of a request without tools.
    """
    tools: list[Json] = []
    for name, tool in names.offered.items():
        tools.append({"toolSpec": _tool(name, tool, profile, notes)})
        tools += blocks.cache_point(tool.cache)
    if tools:
        return tools
    calls = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    called = dict.fromkeys(names.of(call.name, call.namespace) for call in calls)
    return [{"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}} for name in called]


def _tool(name: str, tool: Tool, profile: Profile, notes: list[str]) -> Json:
    value: Json = {"name": name}
    description = tool_description(tool)
    if description:  # the API refuses an empty one
        value["description"] = description
    schema = custom_schema() if tool.custom else tool.parameters
    value["inputSchema"] = {"json": schema if schema and "type" in schema else {"type": "object", **(schema or {})}}
    if tool.strict and profile.output_schema:
        value["strict"] = True
    elif tool.strict:
        notes.append("tools.strict")
    return value


class Choice(msgspec.Struct, frozen=True):
    """`toolConfig.toolChoice`, and Claude's own `tool_choice` where only that can say it; None: no need."""

    common: Json | None = None
    claudes: Json | None = None


def tool_choice(request: Request, names: ToolNames, profile: Profile, notes: list[str], *, budgeted: bool) -> Choice:
    """How tools may be called. Converse cannot forbid calls; the tools stay, because the history may need them."""
    asked = request.tool_choice
    mode, name = ("auto", None) if asked is None else (asked.mode, asked.name)
    if mode == "none":
        notes.append("tool_choice")
        return Choice()
    if budgeted and mode in ("any", "tool"):  # refused with a budget; the adaptive mode takes it
        notes.append("tool_choice")
        mode = "auto"
    detail = {"name": names.wanted(name or "")} if mode == "tool" else {}
    common: Json | None = None if asked is None else {mode: detail}
    if request.parallel_tool_calls is not False:
        return Choice(common)
    if profile.own_fields != "claude":
        notes.append("parallel_tool_calls")
        return Choice(common)
    return Choice(common, {"type": mode, **detail, "disable_parallel_tool_use": True})


def inference(request: Request, given: Json, profile: Profile, notes: list[str]) -> Json:
    """`inferenceConfig`; `given` is what of the sampling fields may be sent."""
    value: Json = {} if request.max_tokens is None else {"maxTokens": request.max_tokens}
    value.update(
        {wire: given[name] for name, wire in (("temperature", "temperature"), ("top_p", "topP")) if name in given}
    )
    # Claude refuses white space as a stop sequence, and the API one that is empty.
    stop = [text for text in request.stop if (text.strip() if profile.own_fields == "claude" else text)]
    if len(stop) != len(request.stop):
        notes.append("stop")
    if stop:
        value["stopSequences"] = stop
    return value


def sampling_of(request: Request, profile: Profile, notes: list[str], *, thinks: bool) -> Json:
    """`temperature`, `top_p`, `top_k`, as far as the API and the model take them."""
    if profile.own_fields == "claude":
        return sampling(request, profile, notes, thinks=thinks)
    given: Json = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    given = {name: value for name, value in given.items() if value is not None}
    if given.get("temperature", 0) > 1:
        notes.append("temperature")
        given["temperature"] = 1
    if "top_k" in given and profile.own_fields == "none":
        notes.append("top_k")
        del given["top_k"]
    return given


def own_fields(request: Request, profile: Profile, given: Json, thinking: Json | None, choice: Choice) -> Json:
    """`additionalModelRequestFields`, in the words of the model's family."""
    if profile.own_fields == "nova":
        return {"inferenceConfig": {"topK": given["top_k"]}} if "top_k" in given else {}
    asked = request.reasoning
    interleaved = asked is not None and asked.interleaved and profile.interleaved_beta
    fields = {
        "thinking": thinking,
        "top_k": given.get("top_k"),
        "tool_choice": choice.claudes,
        "anthropic_beta": [INTERLEAVED] if interleaved and thinking is not None else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def output_config(request: Request, profile: Profile, effort: str | None, notes: list[str]) -> Json:
    """`outputConfig`. Raises UnsupportedFeature for a model without structured output."""
    value: Json = {} if effort is None else {"effort": effort}
    asked = request.output_schema
    if asked is None:
        return value
    if asked.schema is None:
        notes.append("response_format")
        return value
    if not profile.output_schema:
        raise UnsupportedFeature("response_format", NAME, "This model takes no JSON schema.")
    schema = closed(asked.schema) if profile.own_fields == "claude" else asked.schema
    form: Json = {"schema": msgspec.json.encode(schema).decode()}
    if asked.name is not None:
        form["name"] = legal_name(asked.name)
    if asked.description:
        form["description"] = asked.description
    return {**value, "textFormat": {"type": "json_schema", "structure": {"jsonSchema": form}}}


def rest(request: Request, profile: Profile, notes: list[str]) -> Json:
    """End user, service tier, and the wish to know which stop sequence ended the answer."""
    value: Json = {}
    if request.user is not None:
        value["requestMetadata"] = {USER_KEY: _metadata(request.user)}
    if request.service_tier in _TIERS:
        value["serviceTier"] = {"type": request.service_tier}
    elif request.service_tier not in (None, "auto", "default"):  # both are what happens without a word
        notes.append("service_tier")
    if request.stop and profile.own_fields == "claude":
        value[PATHS_KEY] = [STOP_SEQUENCE_PATH]
    return value


def _metadata(user: str) -> str:
    """The caller's end user, or its digest where the API would refuse its length or characters."""
    return user if _METADATA.fullmatch(user) else hashlib.sha256(user.encode()).hexdigest()
