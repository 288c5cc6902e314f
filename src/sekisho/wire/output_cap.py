"""The most output tokens that a request allows: read from its body, and lowered in it.

Flows in: a dialect's name and the top of a body. Flows out: tokens; the edits that lower them. Must stay true: what is
not there is not guessed; everything else in the body keeps its bytes; where a provider has to refuse the value as it
stands, it is left for the provider to say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from sekisho.wire.json_edit import JsonObject


class Cap(msgspec.Struct, frozen=True):
    """`tokens` for each of `answers`; None where the request names no maximum. Below `least` it would be refused: the
    model's thinking has to fit in.
    """

    tokens: int | None = None
    answers: int = 1
    least: int = 1


class _Place(msgspec.Struct, frozen=True):
    """Where a dialect says it: `names`, in one of `within` where that is not the top; `answers` say how many are made
    for each element of `prompts`. `thinking` are the ways from the top to how much of it may be thought.
    """

    names: tuple[str, ...]
    within: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    prompts: str = ""
    thinking: tuple[tuple[str, ...], ...] = ()


#: Legacy completions, which are an operation and no dialect.
COMPLETIONS: Final = "completions"
#: Claude's own field, and its older name, where Converse takes what is a model's own.
_OF_CLAUDE: Final = ("thinking", "reasoning_config")
_PLACES: Final = {
    "anthropic-messages": _Place(("max_tokens",), thinking=(("thinking", "budget_tokens"),)),
    "openai-chat": _Place(("max_completion_tokens", "max_tokens"), answers=("n",)),
    COMPLETIONS: _Place(("max_tokens",), answers=("n", "best_of"), prompts="prompt"),
    "openai-responses": _Place(("max_output_tokens",)),
    "bedrock-converse": _Place(
        ("maxTokens",),
        within=("inferenceConfig",),
        thinking=tuple(("additionalModelRequestFields", name, "budget_tokens") for name in _OF_CLAUDE),
    ),
    "bedrock-converse@bedrock": _Place(("max_new_tokens", "maxTokens"), within=("inferenceConfig",)),
    "gemini-generate": _Place(
        ("maxOutputTokens", "max_output_tokens"),
        within=("generationConfig", "generation_config"),
        answers=("candidateCount", "candidate_count"),
        thinking=(
            ("generationConfig", "thinkingConfig", "thinkingBudget"),
            ("generation_config", "thinking_config", "thinking_budget"),
        ),
    ),
}


def read_cap(dialect: str, body: JsonObject) -> Cap:
    """What a body of this dialect allows. Of two names the larger holds: which of them a server reads is its own."""
    place = _PLACES[dialect]
    fields = _fields(place, body)
    tokens = max((value for name in place.names if (value := _count(fields.get(name)))), default=None)
    answers = max((_count(fields.get(name)) or 1 for name in place.answers), default=1)
    if place.prompts:
        answers *= _prompts(fields.get(place.prompts))
    return Cap(tokens, answers, max((_at(way, body) + 1 for way in place.thinking), default=1))


def lowered(dialect: str, body: JsonObject, tokens: int) -> dict[str, bytes | None]:
    """The edits of the top of `body` after which each answer has at most `tokens`."""
    place, new = _PLACES[dialect], msgspec.json.encode(tokens)
    if not place.within:
        return dict.fromkeys(_given(place, body.values), new)
    edits: dict[str, bytes | None] = {}
    for within in [name for name in place.within if name in body.values] or place.within[:1]:
        said = bytes(body.values.get(within, b"null"))
        inner = JsonObject(b"{}" if said == b"null" else said)
        edits[within] = inner.edited(dict.fromkeys(_given(place, inner.values), new))
    return edits


def _given(place: _Place, fields: Mapping[str, Any]) -> Sequence[str]:
    """The names that are to hold the new value."""
    return [name for name in place.names if _count(fields.get(name))] or place.names[:1]


def _fields(place: _Place, body: JsonObject) -> Mapping[str, Any]:
    """The values of the place's objects, unread."""
    if not place.within:
        return body.values
    fields: dict[str, Any] = {}
    for within in place.within:
        try:
            fields |= msgspec.json.decode(body.values.get(within, b"{}"), type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            continue
    return fields


def _count(raw: bytes | None) -> int | None:
    """A whole number above zero; None for anything else."""
    try:
        value = msgspec.json.decode(raw) if raw is not None else None
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, int) and value is not True and value > 0 else None


def _prompts(raw: bytes | None) -> int:
    """How many prompts stand in a list: texts, or lists of tokens. A list of tokens is one."""
    try:
        items = msgspec.json.decode(raw, type=list[msgspec.Raw]) if raw is not None else []
    except (msgspec.DecodeError, RecursionError):
        return 1
    return max(1, sum(bytes(item)[:1] in (b'"', b"[") for item in items))


def _at(way: tuple[str, ...], body: JsonObject) -> int:
    """The count at the end of a way; 0 where there is none. A maximum has to be above it, or nothing is said."""
    values: dict[str, msgspec.Raw] = body.values
    for name in way[:-1]:
        try:
            values = msgspec.json.decode(values.get(name, b"{}"), type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            return 0
    return _count(values.get(way[-1])) or 0
