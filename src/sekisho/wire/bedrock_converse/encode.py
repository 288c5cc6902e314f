"""A canonical request -> the body that Converse gets; the model is said by the path.

Flows in: a Request of any dialect, and the Target. Flows out: bytes, and the names of what had to stay behind. Must
stay true: the body is valid by the API's order rules, whatever the conversation; the same request gives the same
bytes, and a longer conversation begins with the same ones, because prompt caches live on prefixes.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.request import RedactedThinking, Request, Thinking
from sekisho.canonical.target import Encoded, Target
from sekisho.canonical.tools import ToolNames, narrowed
from sekisho.wire.bedrock_converse import knobs
from sekisho.wire.bedrock_converse.blocks import NAME, Blocks, Json, keep_last_points
from sekisho.wire.claude import thinking_of, untranslatable
from sekisho.wire.thoughts import is_claudes
from sekisho.wire.turns import check_ending, must_not_think, split_leading, turns_of


def encode_request(request: Request, target: Target) -> Encoded:
    """Raises UnsupportedFeature for what this API, or this model, cannot be asked."""
    request = narrowed(request, told=False)
    notes, profile = untranslatable(request), target.profile
    names = ToolNames(request)
    blocks = Blocks(names, profile, notes)
    leading, conversation = split_leading(request.messages)
    turns = turns_of(conversation, notes, is_claudes if profile.own_fields == "claude" else _is_readable)
    check_ending(turns, target, NAME)
    max_tokens = request.max_tokens if request.max_tokens is not None else profile.max_output_tokens
    thinking, effort = thinking_of(request, profile, max_tokens, notes)
    budgeted = thinking is not None and thinking["type"] == "enabled"
    if budgeted and must_not_think(turns):
        notes.append("reasoning")
        thinking, budgeted = None, False
    thinks = budgeted or (thinking is not None and thinking["type"] == "adaptive")

    tools = knobs.tool_list(request, names, blocks, profile, notes)
    system, messages = blocks.system(leading), [blocks.message(turn) for turn in turns]
    keep_last_points([tools, system, *(message["content"] for message in messages)], notes)
    body: Json = {"messages": messages}
    if system:
        body["system"] = system
    choice = knobs.Choice()
    if tools:
        body["toolConfig"] = {"tools": tools}
        if request.tools:
            choice = knobs.tool_choice(request, names, profile, notes, budgeted=budgeted)
        if choice.common is not None:
            body["toolConfig"]["toolChoice"] = choice.common
    given = knobs.sampling_of(request, profile, notes, thinks=thinks)
    filled = {
        "inferenceConfig": knobs.inference(request, given, profile, notes),
        "additionalModelRequestFields": knobs.own_fields(request, profile, given, thinking, choice),
        "outputConfig": knobs.output_config(request, profile, effort, notes),
    }
    body.update({key: value for key, value in filled.items() if value})
    body.update(knobs.rest(request, profile, notes))
    return Encoded(msgspec.json.encode(body), tuple(dict.fromkeys(notes)))


def _is_readable(part: Thinking | RedactedThinking) -> bool:
    """Models other than Claude sign nothing: they take back what can be read, and no seal of another."""
    return isinstance(part, Thinking) and bool(part.text) and part.signature is None
