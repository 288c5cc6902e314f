"""`additionalModelRequestFields`: what Converse hands through to the model unread, where it has a meaning elsewhere.

Flows in: a caller's object in the words of Claude or Nova. Flows out: typed fields, and what they say of thinking.
Must stay true: a key that is not known here is refused by name.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sekisho.canonical.request import Reasoning

#: Asks a Claude with a thinking budget to think between tool calls as well; a date may follow.
INTERLEAVED = "interleaved-thinking-2025-05-14"


class ThinkingIn(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["enabled", "adaptive", "disabled"]
    budget_tokens: int | None = None
    display: str | None = None


class NovaReasoning(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: Literal["enabled", "disabled"]
    max_reasoning_effort: str | None = None


class NovaInference(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    top_k: int | None = None


class ClaudeChoice(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ClaudeFormat(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="json_schema"):
    schema: dict[str, Any]


class ClaudeOutput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    effort: str | None = None
    format: ClaudeFormat | None = None


class Additional(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every key that is known: Claude's own, then Nova's, then those of OpenAI's open models."""

    thinking: ThinkingIn | None = None
    reasoning_config: ThinkingIn | None = None
    output_config: ClaudeOutput | None = None
    tool_choice: ClaudeChoice | None = None
    top_k: int | None = None
    anthropic_beta: list[str] | None = None
    nova_reasoning: NovaReasoning | None = msgspec.field(name="reasoningConfig", default=None)
    nova_inference: NovaInference | None = msgspec.field(name="inferenceConfig", default=None)
    reasoning_effort: str | None = None


def top_k_of(fields: Additional) -> int | None:
    """The number of tokens to choose among, in either vendor's place."""
    return fields.nova_inference.top_k if fields.nova_inference is not None else fields.top_k


def reasoning_of(fields: Additional, effort: str | None) -> Reasoning | None:
    """How much to think; `effort` is `outputConfig.effort`."""
    effort = effort or (fields.output_config.effort if fields.output_config is not None else None)
    thinking, nova = fields.thinking or fields.reasoning_config, fields.nova_reasoning
    if nova is not None:
        return Reasoning(enabled=nova.type == "enabled", effort=nova.max_reasoning_effort)
    if thinking is None:
        effort = effort or fields.reasoning_effort
        return None if effort is None else Reasoning(effort=effort)
    if thinking.type == "disabled":
        return Reasoning(enabled=False, effort=effort)
    return Reasoning(
        adaptive=thinking.type == "adaptive",
        budget_tokens=thinking.budget_tokens,
        effort=effort,
        summary=None if thinking.display == "omitted" else "auto",
        interleaved=INTERLEAVED in (fields.anthropic_beta or ()),
    )
