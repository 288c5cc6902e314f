"""Everything of a Messages request beside its conversation: tools, choice, thinking, sampling, output format.

Flows in: a canonical Request and the target's profile. Flows out: keys of the body. Must stay true: a field that the
caller gave is sent, even when it is zero, or its name stands in `notes`; the combinations that the API refuses
(platform.claude.com/docs/en/build-with-claude/extended-thinking) never leave here.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sekisho.canonical.request import Image, Reasoning, Request, Tool, ToolCall
from sekisho.canonical.target import Profile
from sekisho.canonical.tools import custom_schema, legal_name
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.anthropic_messages.blocks import NAME, Json, cache_control

#: Effort -> tokens for thinking, for models that take a budget.
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 31_999}
BUDGET_MIN = 1024
EFFORTS = ("low", "medium", "high", "xhigh", "max")
#: The API takes no longer `metadata.user_id`.
USER_CHARS_MAX = 256
#: Keywords of JSON schema that hold schemas: under names, or directly.
_NAMED_SCHEMAS = ("properties", "$defs", "definitions")
_SCHEMAS = ("items", "prefixItems", "anyOf", "allOf", "oneOf", "additionalProperties")
_WITHOUT_EQUIVALENT = (
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "verbosity",
)


def untranslatable(request: Request) -> list[str]:
    """Names of the tuning fields that the caller gave and this API does not know."""
    notes = [*request.untranslated, *(name for name in _WITHOUT_EQUIVALENT if getattr(request, name) is not None)]
    parts = (part for message in request.messages for part in message.parts)
    if any(isinstance(part, Image) and part.detail not in (None, "auto") for part in parts):
        notes.append("image.detail")
    return notes


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
    description = _description(tool)
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


def _description(tool: Tool) -> str | None:
    """A free-text tool's grammar cannot be enforced here, so the model is told it."""
    form = tool.format or {}
    if not tool.custom or not isinstance(form.get("definition"), str):
        return tool.description
    grammar = f"The input follows this {form.get('syntax', '')} grammar:\n{form['definition']}"
    return f"{tool.description}\n\n{grammar}" if tool.description else grammar


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


def thinking(request: Request, profile: Profile, max_tokens: int, notes: list[str]) -> tuple[Json | None, str | None]:
    """(`thinking`, `output_config.effort`) as this model takes them."""
    asked = request.reasoning
    if asked is None:
        return None, None
    if not asked.enabled or asked.effort == "none":
        return ({"type": "disabled"} if profile.thinking != "none" else None), None
    if profile.thinking == "adaptive":
        value = {"type": "adaptive"}
        if asked.summary is not None:
            value["display"] = "summarized"
        return value, _effort(asked)
    if profile.thinking == "budget" and max_tokens > BUDGET_MIN:
        return {"type": "enabled", "budget_tokens": _budget(asked, max_tokens)}, None
    notes.append("reasoning")
    return None, None


def _budget(asked: Reasoning, max_tokens: int) -> int:
    """The caller's own number where it fits; else at least a quarter of `max_tokens` stays for the answer."""
    wanted = asked.budget_tokens
    if wanted is None:
        wanted = BUDGETS.get(asked.effort or "medium", BUDGETS["medium"])
    elif BUDGET_MIN <= wanted < max_tokens:
        return wanted
    return max(BUDGET_MIN, min(wanted, max_tokens - max_tokens // 4))


def _effort(asked: Reasoning) -> str | None:
    if asked.effort is not None:
        return asked.effort if asked.effort in EFFORTS else "low" if asked.effort == "minimal" else None
    if asked.budget_tokens is None:
        return None
    return next((word for word in ("low", "medium") if asked.budget_tokens <= BUDGETS[word]), "high")


def sampling(request: Request, profile: Profile, notes: list[str], *, thinks: bool) -> Json:
    """`temperature`, `top_p`, `top_k`, as far as the model takes them."""
    given: dict[str, Any] = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    given = {name: value for name, value in given.items() if value is not None}
    if thinks or not profile.sampling:
        notes += [name for name, value in given.items() if (name, value) != ("temperature", 1)]
        return {}
    if "temperature" in given and "top_p" in given:  # newer models refuse the two together
        notes.append("top_p")
        del given["top_p"]
    if given.get("temperature", 0) > 1:
        notes.append("temperature")
        given["temperature"] = 1
    return given


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


def closed(schema: Any) -> Any:
    """The schema with `additionalProperties: false` on every object that leaves it open: the API demands it."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    value = {key: _closed_key(key, item) for key, item in schema.items()}
    kinds = schema.get("type")
    if "object" in (kinds if isinstance(kinds, list) else [kinds]) and "additionalProperties" not in schema:
        value["additionalProperties"] = False
    return value


def _closed_key(key: str, item: Any) -> Any:
    if key in _NAMED_SCHEMAS and isinstance(item, dict):
        return {name: closed(schema) for name, schema in item.items()}
    return closed(item) if key in _SCHEMAS else item


def user_id(user: str) -> str:
    """The caller's end user, shortened to its digest where the API would refuse its length."""
    return user if len(user) <= USER_CHARS_MAX else hashlib.sha256(user.encode()).hexdigest()


def service_tier(tier: str | None, notes: list[str]) -> str | None:
    """OpenAI's word -> Anthropic's."""
    known = {None: None, "auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
    if tier not in known:
        notes.append("service_tier")
    return known.get(tier)
