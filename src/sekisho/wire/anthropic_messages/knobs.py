"""Everything of a Messages request beside its conversation that is particular to this API: tools, choice, format.

Flows in: a canonical Request and the target's profile. Flows out: keys of the body. Must stay true: a field that the
caller gave is sent, even when it is zero, or its name stands in `notes`; the combinations that the API refuses
(platform.claude.com/docs/en/build-with-claude/extended-thinking) never leave here. What every API of Claude shares
is in wire/claude.py.
"""

from __future__ import annotations

import hashlib

from sekisho.canonical.request import Request, Tool, ToolCall
from sekisho.canonical.target import Profile
from sekisho.canonical.tools import custom_schema, legal_name, tool_description
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.anthropic_messages.blocks import NAME, Json, cache_control
from sekisho.wire.claude import closed

#: The API takes no longer `metadata.user_id`.
USER_CHARS_MAX = 256


def tool_list(request: Request, names: dict[str, Tool], profile: Profile, notes: list[str]) -> list[Json]:
    """`tools`: those offered; where the history calls tools and none is offered, the ones it names."""
    if names:
        return [_tool(name, tool, profile, notes) for name, tool in names.items()]
    calls = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    return [
        {"name": name, "input_schema": {"type": "object"}}
        for name in dict.fromkeys(legal_name(call.name) for call in calls)
    ]


def _tool(name: str, tool: Tool, profile: Profile, notes: list[str]) -> Json:
    value: Json = {"name": name}
    description = tool_description(tool)
    if description is not None:
        value["description"] = description
    schema = custom_schema() if tool.custom else tool.parameters
    value["input_schema"] = schema if schema and "type" in schema else {"type": "object", **(schema or {})}
    if tool.strict and profile.output_schema:
        value["strict"] = True
    elif tool.strict:
        notes.append("tools.strict")
    if tool.cache is not None:
        value["cache_control"] = cache_control(tool.cache)
    return value


def tool_choice(request: Request, wire_name: str | None, notes: list[str], *, budgeted: bool) -> Json | None:
    """`tool_choice`; None where the default says the same. `wire_name` is that of the one tool asked for."""
    asked = request.tool_choice
    mode = asked.mode if asked is not None else "auto"
    if not request.tools:
        return {"type": "none"}  # the tools listed only explain the history
    if budgeted and mode in ("any", "tool"):  # refused with a budget; the adaptive mode takes it
        notes.append("tool_choice")
        mode = "auto"
    value: Json = {"type": mode}
    if mode == "tool":
        value["name"] = wire_name
    if request.parallel_tool_calls is False and mode != "none":
        value["disable_parallel_tool_use"] = True
    return None if asked is None and len(value) == 1 else value


def output_format(request: Request, profile: Profile, notes: list[str]) -> Json | None:
    """`output_config.format`. Raises UnsupportedFeature for a model without it."""
    asked = request.output_schema
    if asked is None:
        return None
    if asked.schema is None:
        notes.append("response_format")
        return None
    if not profile.output_schema:
        raise UnsupportedFeature("response_format", NAME, "This model takes no JSON schema.")
    return {"type": "json_schema", "schema": closed(asked.schema)}


def user_id(user: str) -> str:
    """The caller's end user, shortened to its digest where the API would refuse its length."""
    return user if len(user) <= USER_CHARS_MAX else hashlib.sha256(user.encode()).hexdigest()


def service_tier(tier: str | None, notes: list[str]) -> str | None:
    """OpenAI's word -> Anthropic's."""
    known = {None: None, "auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
    if tier not in known:
        notes.append("service_tier")
    return known.get(tier)
