"""Everything of a generateContent request beside its conversation: tools, choice, thinking, sampling, output format.

Flows in: a canonical Request and the target's profile. Flows out: keys of the body. Must stay true: a field that the
caller gave is sent, even when it is zero, or its name stands in `notes`; thinking is asked for as the model's family
takes it (ai.google.dev/gemini-api/docs/thinking: a budget for 2.5, a level from 3 on).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sekisho.canonical.request import Document, Image, Reasoning, Request, Text, Tool, ToolCall, ToolChoice, ToolResult
from sekisho.canonical.target import Profile
from sekisho.canonical.tools import custom_schema
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.gemini_generate.encode_parts import Json
from sekisho.wire.gemini_generate.schema import NAME

#: Effort -> tokens for thinking (ai.google.dev/gemini-api/docs/openai).
BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 32_768}
#: Gemini's words, from little to much.
LEVELS = ("minimal", "low", "medium", "high", "xhigh")
#: A caller's budget -> level: up to so many tokens.
_LEVEL_OF = ((1_024, "minimal"), (4_096, "low"), (16_384, "medium"), (24_576, "high"))
#: The API takes no more.
STOPS_MAX = 5
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
#: `logprobs` the API has, but a reply of another dialect could not hand them on.
_WITHOUT_EQUIVALENT = ("logprobs", "top_logprobs", "verbosity", "user")
_TIERS = {None: None, "auto": None, "default": None, "flex": "flex", "priority": "priority"}


def untranslatable(request: Request) -> list[str]:
    """Names of the tuning fields that the caller gave and this API does not know."""
    notes = [*request.untranslated, *(name for name in _WITHOUT_EQUIVALENT if getattr(request, name) is not None)]
    if request.parallel_tool_calls is False:
        notes.append("parallel_tool_calls")
    if request.session is not None and request.session not in (request.user or ""):  # Claude Code's user holds it
        notes.append("prompt_cache_key")
    if any(tool.cache is not None for tool in request.tools):
        notes.append("cache_control")
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text | Image | Document | ToolCall | ToolResult) and part.cache is not None:
                notes.append("cache_control")
            if isinstance(part, Document) and part.citations:
                notes.append("citations")
            if isinstance(part, Image) and part.detail not in (None, "auto"):
                notes.append("image.detail")
    return notes


def declaration(name: str, tool: Tool, notes: list[str]) -> Json:
    """One function. Raises UnsupportedFeature for a name that the API refuses."""
    if not (name[0].isalpha() or name[0] == "_"):
        raise UnsupportedFeature("tools.name", NAME, f"A name begins with a letter or '_', unlike '{name}'.")
    value: Json = {"name": name}
    described = _description(tool)
    if described is not None:
        value["description"] = described
    schema = custom_schema() if tool.custom else tool.parameters
    if schema:  # without arguments it may be left out; an empty schema is refused
        value["parametersJsonSchema"] = schema if "type" in schema else {"type": "object", **schema}
    if tool.strict:
        notes.append("tools.strict")
    return value


def _description(tool: Tool) -> str | None:
    """A free-text tool's grammar cannot be enforced here, so the model is told it."""
    form = tool.format or {}
    if not tool.custom or not isinstance(form.get("definition"), str):
        return tool.description
    grammar = f"The input follows this {form.get('syntax', '')} grammar:\n{form['definition']}"
    return f"{tool.description}\n\n{grammar}" if tool.description else grammar


def calling(choice: ToolChoice | None, offered: Mapping[str, Tool]) -> Json | None:
    """`functionCallingConfig`; None where the default says the same. `offered`: wire name -> tool."""
    if choice is None:
        return None
    if choice.mode == "tool":
        wanted = next((name for name, tool in offered.items() if choice.name in (name, tool.name)), choice.name)
        return {"mode": "ANY", "allowedFunctionNames": [wanted]}
    if choice.allowed is not None:  # AUTO takes no such list; VALIDATED is AUTO that keeps to the schemas
        names = [name for name, tool in offered.items() if tool.name in choice.allowed]
        return {"mode": "ANY" if choice.mode == "any" else "VALIDATED", "allowedFunctionNames": names}
    return {"mode": choice.mode.upper()}


def generation(request: Request, profile: Profile, notes: list[str]) -> Json:
    """`generationConfig`."""
    value: Json = {}
    for name, field in _SAMPLING.items():
        given: Any = getattr(request, name)
        if given is not None:
            value[field] = given
    if request.max_tokens is not None:
        value["maxOutputTokens"] = request.max_tokens
    if request.stop:
        value["stopSequences"] = list(request.stop[:STOPS_MAX])
        notes += ["stop"] if len(request.stop) > STOPS_MAX else []
    value.update(_output_format(request, profile))
    thinking = None if request.reasoning is None else _thinking(request.reasoning, request, profile, notes)
    if thinking is not None:
        value["thinkingConfig"] = thinking
    return value


def _output_format(request: Request, profile: Profile) -> Json:
    asked = request.output_schema
    if asked is None:
        return {}
    if not profile.output_schema:
        raise UnsupportedFeature("response_format", NAME, "This model takes no JSON schema for its output.")
    if request.tools and not profile.output_schema_with_tools:
        raise UnsupportedFeature("response_format", NAME, "This model takes it only without tools.")
    value: Json = {"responseMimeType": "application/json"}
    if asked.schema is not None:
        value["responseJsonSchema"] = asked.schema
    return value


def _thinking(asked: Reasoning, request: Request, profile: Profile, notes: list[str]) -> Json | None:
    on = asked.enabled and asked.effort != "none"
    if profile.thinking_levels:
        return _level(asked, profile, notes) if on else _least_level(profile, notes)
    if profile.thinking_budgets is None:
        notes += ["reasoning"] if on else []
        return None
    least, most = profile.thinking_budgets
    if not on and profile.always_thinks:
        notes.append("reasoning")
        return {"thinkingBudget": least}
    if not on:
        return {"thinkingBudget": 0}
    wanted = _budget(asked, most)
    if wanted is None:
        return {"includeThoughts": True}
    if asked.budget_tokens is None and request.max_tokens is not None:  # an effort leaves room for the answer
        wanted = min(wanted, request.max_tokens - request.max_tokens // 4)
    return {"includeThoughts": True, "thinkingBudget": max(least, min(wanted, most))}


def _budget(asked: Reasoning, most: int) -> int | None:
    """Tokens; None where the caller leaves it to the model."""
    if asked.budget_tokens is not None:
        return asked.budget_tokens
    return None if asked.effort is None else BUDGETS.get(asked.effort, most)


def _level(asked: Reasoning, profile: Profile, notes: list[str]) -> Json:
    wanted = asked.effort
    if wanted is None and asked.budget_tokens is not None:
        wanted = next((level for most, level in _LEVEL_OF if asked.budget_tokens <= most), "xhigh")
    if wanted is None:
        return {"includeThoughts": True}
    at = LEVELS.index(wanted) if wanted in LEVELS else len(LEVELS) - 1
    level = next((level for level in LEVELS[at:] if level in profile.thinking_levels), profile.thinking_levels[-1])
    if asked.effort not in (None, level):
        notes.append("reasoning.effort")
    return {"includeThoughts": True, "thinkingLevel": level.upper()}


def _least_level(profile: Profile, notes: list[str]) -> Json:
    """These models cannot be told not to think."""
    notes.append("reasoning")
    return {"thinkingLevel": profile.thinking_levels[0].upper()}


def service_tier(tier: str | None, notes: list[str]) -> str | None:
    """OpenAI's word -> Google's; None for its default."""
    if tier not in _TIERS:
        notes.append("service_tier")
    return _TIERS.get(tier)
