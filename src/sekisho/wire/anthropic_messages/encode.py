"""A canonical request -> the body that Anthropic's API gets.

Flows in: a Request of any dialect, and the Target. Flows out: bytes, and the names of what had to stay behind. Must
stay true: the body is valid by the API's order rules, whatever the conversation; the same request gives the same
bytes, and a longer conversation begins with the same ones, because prompt caches live on prefixes.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.request import Refusal, Request, Text, ToolCall
from sekisho.canonical.target import Encoded, Target
from sekisho.canonical.tools import ToolNames, narrowed
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.anthropic_messages import knobs
from sekisho.wire.anthropic_messages.blocks import NAME, Json, block
from sekisho.wire.claude import sampling, thinking_of, untranslatable
from sekisho.wire.thoughts import is_claudes
from sekisho.wire.turns import Turn, check_ending, must_not_think, split_leading, turns_of

CACHE_MARKS_MAX = 4


def encode_request(request: Request, target: Target) -> Encoded:
    """Raises UnsupportedFeature for what this API, or this model, cannot be asked."""
    request = narrowed(request, told=False)
    notes = untranslatable(request)
    names, profile = ToolNames(request), target.profile
    leading, rest = split_leading(request.messages)
    turns = turns_of(rest, notes, is_claudes)
    check_ending(turns, target, NAME)
    max_tokens = request.max_tokens if request.max_tokens is not None else profile.max_output_tokens
    thinking, effort = thinking_of(request, profile, max_tokens, notes)
    budgeted = thinking is not None and thinking["type"] == "enabled"
    if budgeted and must_not_think(turns):
        notes.append("reasoning")
        thinking, budgeted = None, False
    thinks = budgeted or (thinking is not None and thinking["type"] == "adaptive")

    body: Json = {"model": target.model, "max_tokens": max_tokens}
    tools = knobs.tool_list(request, names.offered, profile, notes)
    system, messages = _system(leading), [_message(turn, names) for turn in turns]
    if tools:
        body["tools"] = tools
        wanted = request.tool_choice.name if request.tool_choice is not None else None
        choice = knobs.tool_choice(request, wanted and names.wanted(wanted), notes, budgeted=budgeted)
        if choice is not None:
            body["tool_choice"] = choice
    if system:
        body["system"] = system
    body["messages"] = messages
    _keep_last_marks([*tools, *(system if isinstance(system, list) else []), *messages], notes)
    if thinking is not None:
        body["thinking"] = thinking
    body.update(_output_config(effort, knobs.output_format(request, profile, notes)))
    body.update(sampling(request, profile, notes, thinks=thinks))
    body.update(_rest(request, notes))
    return Encoded(msgspec.json.encode(body), tuple(dict.fromkeys(notes)))


def _system(leading: list[Text | Refusal]) -> str | list[Json]:
    parts = [part for part in leading if part.text.strip()]
    if len(parts) == 1 and "cache_control" not in block(parts[0]):
        return parts[0].text
    return [block(part) for part in parts]


def _message(turn: Turn, names: ToolNames) -> Json:
    blocks = []
    for part in turn.parts:
        wire_name = names.of(part.name, part.namespace) if isinstance(part, ToolCall) else ""
        value = block(part, wire_name)
        if turn.role == "assistant" and value["type"] in ("image", "document"):
            raise UnsupportedFeature(f"messages.{value['type']}", NAME, "An assistant message holds no such part.")
        blocks.append(value)
    return {"role": turn.role, "content": blocks}


def _keep_last_marks(holders: list[Json], notes: list[str]) -> None:
    """The API takes four breakpoints; the last ones cover the longest prefixes."""
    marked: list[Json] = []
    for holder in holders:
        if "cache_control" in holder:
            marked.append(holder)
        content = holder.get("content")
        for value in content if isinstance(content, list) else ():
            inner = value.get("content")
            marked += [piece for piece in (inner if isinstance(inner, list) else ()) if "cache_control" in piece]
            marked += [value] if "cache_control" in value else []
    for holder in marked[:-CACHE_MARKS_MAX]:
        del holder["cache_control"]
        notes.append("cache_control")


def _output_config(effort: str | None, form: Json | None) -> Json:
    config = {"effort": effort, "format": form}
    config = {key: value for key, value in config.items() if value is not None}
    return {"output_config": config} if config else {}


def _rest(request: Request, notes: list[str]) -> Json:
    value: Json = {}
    stop = [text for text in request.stop if text.strip()]
    if len(stop) != len(request.stop):  # the API refuses white space as a stop sequence
        notes.append("stop")
    if stop:
        value["stop_sequences"] = stop
    tier = knobs.service_tier(request.service_tier, notes)
    if tier is not None:
        value["service_tier"] = tier
    if request.user is not None:
        value["metadata"] = {"user_id": knobs.user_id(request.user)}
    if request.stream:
        value["stream"] = True
    return value
