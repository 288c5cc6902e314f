"""A request of the Responses API, read and written (API reference "Create a model response", November 2026).

Flows in: a caller's body, or a canonical request with the model it goes to. Flows out: the other of the two. Must stay
true: what lives on the provider's side (stored responses, conversations, prompt templates) is refused by name; the
same request gives the same bytes; presence decides, never truthiness.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from sekisho.canonical.request import OutputSchema, Reasoning, Request
from sekisho.canonical.target import Encoded, Target
from sekisho.canonical.tools import narrowed
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_responses.fields import Node, load
from sekisho.wire.openai_responses.items import read_input
from sekisho.wire.openai_responses.tools import ELSEWHERE, Names, Toolbox, read_choice, write_choice, write_tools
from sekisho.wire.openai_responses.turns import InputWriter

#: State that only the provider has, and filters that only it applies.
_REFUSED = ("previous_response_id", "conversation", "prompt", "moderation")
#: What the canonical request holds.
_READ = frozenset(
    [
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "top_p",
        "reasoning",
        "text",
        "include",
        "prompt_cache_key",
        "user",
        "safety_identifier",
        "service_tier",
        "stream",
        "background",
    ]
)
#: Values that ask for nothing: they need no report.
_IDLE: Mapping[str, Any] = {"store": False, "truncation": "disabled", "top_logprobs": 0, "metadata": {}}
#: What the reply repeats.
_ECHOED = [
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "max_tool_calls",
    "temperature",
    "top_p",
    "reasoning",
    "text",
    "truncation",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "top_logprobs",
    "service_tier",
]

_ENCRYPTED = "reasoning.encrypted_content"
#: The API refuses less.
_LEAST_OUTPUT_TOKENS = 16
#: Longest accepted prompt_cache_key and safety_identifier.
_ID_CHARS = 64
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
#: Anthropic's token budget -> OpenAI's effort: up to so many tokens.
_BUDGETS = ((4_096, "low"), (16_384, "medium"))
#: Canonical fields without a place in this API.
_NO_PLACE = ("top_k", "seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs")


def decode_request(body: bytes) -> Request:
    """A caller's body -> Request. Raises MalformedRequest, UnsupportedFeature."""
    source = load(body)
    _refuse_state(source)
    toolbox = Toolbox()
    toolbox.read(source.children("tools"))
    conversation = read_input(source, toolbox)
    choice = read_choice(source, toolbox)
    text = source.child("text")
    stream = bool(source.flag("stream"))
    return Request(
        model=source.need_text("model"),
        messages=conversation.messages(),
        tools=tuple(toolbox.tools.values()),
        tool_choice=choice,
        parallel_tool_calls=source.flag("parallel_tool_calls"),
        max_tokens=source.integer("max_output_tokens"),
        temperature=source.number("temperature"),
        top_p=source.number("top_p"),
        verbosity=text.text("verbosity") if text is not None else None,
        reasoning=_reasoning(source.child("reasoning")),
        output_schema=_output_schema(text.child("format") if text is not None else None),
        user=source.text("user") or source.text("safety_identifier"),
        session=source.text("prompt_cache_key"),
        service_tier=source.text("service_tier"),
        stream=stream,
        include_usage=stream,
        include_encrypted_reasoning=_ENCRYPTED in source.texts("include"),
        untranslated=(*_unread(source), *toolbox.offered, *conversation.left_out),
        echo={key: source.values[key] for key in _ECHOED if source.has(key)},
    )


def _refuse_state(source: Node) -> None:
    for key in _REFUSED:
        if source.has(key):
            raise UnsupportedFeature(key, ELSEWHERE, "Send the whole conversation in 'input'.")
    if source.flag("background"):
        raise UnsupportedFeature("background", ELSEWHERE)


def _unread(source: Node) -> list[str]:
    """Names of what no other dialect can say and the answer can do without."""
    names = [key for key, value in source.values.items() if key not in _READ and value not in (None, _IDLE.get(key))]
    reasoning = source.child("reasoning")
    if reasoning is not None:
        known = {"effort", "summary", "generate_summary"}
        names += [reasoning.where(key) for key in reasoning.values if key not in known and reasoning.has(key)]
    return [*names, *(f"include.{name}" for name in source.texts("include") if name != _ENCRYPTED)]


def _reasoning(node: Node | None) -> Reasoning | None:
    if node is None:
        return None
    effort, summary = node.text("effort"), node.text("summary") or node.text("generate_summary")
    if effort is None and summary is None:
        return None
    return Reasoning(enabled=effort != "none", effort=effort, summary=summary)


def _output_schema(node: Node | None) -> OutputSchema | None:
    if node is None:
        return None
    kind = node.need_text("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputSchema()
    if kind != "json_schema":
        raise UnsupportedFeature(f"text.format.{kind}", ELSEWHERE)
    schema = node.child("schema")
    return OutputSchema(
        name=node.text("name"),
        description=node.text("description"),
        schema=schema.values if schema is not None else {},
        strict=node.flag("strict"),
    )


def encode_request(request: Request, target: Target) -> Encoded:
    """A canonical request -> the body for `target`, and what had to stay behind."""
    # Whether the API finds a tool in a namespace by such a list is not said.
    spaces = any(tool.namespace is not None for tool in request.tools)
    request = narrowed(request, told=target.takes_allowed_tools and not spaces)
    names = Names(request.tools)
    writer = InputWriter(request.messages, names, "system" if target.compatible else "developer")
    instructions, items = writer.write()
    dropped = dict.fromkeys(request.untranslated) | writer.dropped
    body: dict[str, Any] = {
        "model": target.model,
        "instructions": instructions,
        "input": items,
        **_tool_fields(request, names, dropped),
        "max_output_tokens": _max_tokens(request, dropped),
        **_sampling(request, target, dropped),
        "reasoning": _effort(request.reasoning, target, dropped),
        "text": _text(request),
        "service_tier": _tier(request, dropped),
        "prompt_cache_key": _short(request.session),
        "safety_identifier": _short(request.user),
        # This gateway keeps no answers, so the caller must get its thoughts back sealed.
        "store": False,
        "include": [_ENCRYPTED] if target.profile.openai_reasoning or request.include_encrypted_reasoning else None,
        "stream": True if request.stream else None,
    }
    present = {key: value for key, value in body.items() if value is not None}
    return Encoded(msgspec.json.encode(present), tuple(dropped))


def _tool_fields(request: Request, names: Names, dropped: dict[str, None]) -> dict[str, Any]:
    """Without tools the API refuses a choice among them."""
    if not request.tools:
        return {}
    if any(tool.cache is not None for tool in request.tools):
        dropped["cache_control"] = None
    return {
        "tools": write_tools(request.tools, names),
        "tool_choice": write_choice(request, names),
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _max_tokens(request: Request, dropped: dict[str, None]) -> int | None:
    if request.max_tokens is None or request.max_tokens >= _LEAST_OUTPUT_TOKENS:
        return request.max_tokens
    dropped["max_tokens"] = None
    return _LEAST_OUTPUT_TOKENS


def _sampling(request: Request, target: Target, dropped: dict[str, None]) -> dict[str, Any]:
    values = {"temperature": request.temperature, "top_p": request.top_p}
    gone = [key for key in _NO_PLACE if getattr(request, key) is not None]
    gone += ["stop"] if request.stop else []
    if target.profile.openai_reasoning:
        gone += [key for key, value in values.items() if value is not None]
        values = {}
    dropped.update(dict.fromkeys(gone))
    return values


def _effort(reasoning: Reasoning | None, target: Target, dropped: dict[str, None]) -> dict[str, Any] | None:
    if reasoning is None:
        return None
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        effort = next((word for most, word in _BUDGETS if reasoning.budget_tokens <= most), "high")
    # Whoever asks for thinking in Anthropic's way reads it, so the thought must come back readable.
    asks_to_read = reasoning.enabled and (reasoning.budget_tokens is not None or reasoning.adaptive)
    summary = reasoning.summary or ("auto" if asks_to_read else None)
    fields = {key: value for key, value in (("effort", effort), ("summary", summary)) if value is not None}
    if not target.profile.openai_reasoning or (not reasoning.enabled and not fields):
        dropped["reasoning"] = None
        return None
    return fields or None


def _text(request: Request) -> dict[str, Any] | None:
    fields: dict[str, Any] = {}
    wanted = request.output_schema
    if wanted is not None and wanted.schema is None:
        fields["format"] = {"type": "json_object"}
    elif wanted is not None:
        form = {
            "type": "json_schema",
            "name": wanted.name or "answer",
            "description": wanted.description,
            "schema": wanted.schema,
            "strict": wanted.strict,
        }
        fields["format"] = {key: value for key, value in form.items() if value is not None}
    if request.verbosity is not None:
        fields["verbosity"] = request.verbosity
    return fields or None


def _tier(request: Request, dropped: dict[str, None]) -> str | None:
    if request.service_tier is None or request.service_tier in _TIERS:
        return request.service_tier
    dropped["service_tier"] = None
    return None


def _short(name: str | None) -> str | None:
    """`name`, or its hash where it is longer than the API takes."""
    if name is None or len(name) <= _ID_CHARS:
        return name
    return hashlib.sha256(name.encode()).hexdigest()
