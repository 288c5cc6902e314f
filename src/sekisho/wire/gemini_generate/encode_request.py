"""A canonical request -> the body that Gemini gets, from the Gemini API and from Vertex AI alike.

Flows in: a Request of any dialect, and the Target. Flows out: bytes, and the names of what had to stay behind; model
and streaming are said by the path. Must stay true: the body is valid by the API's order rules, whatever the
conversation; the same request gives the same bytes, and a longer conversation begins with the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sekisho.canonical.request import (
    Message,
    RedactedThinking,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.target import Encoded, Profile, Target
from sekisho.canonical.tools import legal_name, narrowed, wire_names
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.gemini_generate import knobs
from sekisho.wire.gemini_generate.encode_parts import Json, Naming, model_parts, result_parts, user_parts
from sekisho.wire.gemini_generate.schema import NAME
from sekisho.wire.gemini_generate.signatures import ORIGIN, SENTINEL
from sekisho.wire.turns import Turn, turns_of


def encode_request(request: Request, target: Target) -> Encoded:
    """Raises UnsupportedFeature for what this API, or this model, cannot be asked."""
    request = narrowed(request, told=True)
    notes = knobs.untranslatable(request)
    profile = target.profile
    offered = wire_names(request.tools)
    wire = {(tool.name, tool.namespace): name for name, tool in offered.items()}
    leading, rest = _split(request.messages)
    turns = turns_of(rest, notes, _is_taken)
    if turns[-1].role == "assistant" and not profile.prefill:
        advice = "This model does not continue an assistant message: end with a user message."
        raise UnsupportedFeature("messages", NAME, advice)
    body: Json = {
        "contents": _contents(turns, lambda name, space: wire.get((name, space)) or legal_name(name), profile)
    }
    if leading:
        body["systemInstruction"] = {"parts": [{"text": part.text} for part in leading]}
    if offered:
        declared = [knobs.declaration(name, tool, notes) for name, tool in offered.items()]
        body["tools"] = [{"functionDeclarations": declared}]
        calling = knobs.calling(request.tool_choice, offered)
        if calling is not None:
            body["toolConfig"] = {"functionCallingConfig": calling}
    config = knobs.generation(request, profile, notes)
    if config:
        body["generationConfig"] = config
    tier = knobs.service_tier(request.service_tier, notes)
    if tier is not None:
        body["serviceTier"] = tier
    return Encoded(msgspec.json.encode(body), tuple(dict.fromkeys(notes)))


def _split(messages: tuple[Message, ...]) -> tuple[list[Text | Refusal], tuple[Message, ...]]:
    """(the words of the leading system messages, everything after: its system texts stay where they stand)."""
    leading: list[Text | Refusal] = []
    for at, message in enumerate(messages):
        texts = [part for part in message.parts if isinstance(part, (Text, Refusal))]
        if message.role != "system" or len(texts) != len(message.parts):
            return leading, messages[at:]
        leading += [part for part in texts if part.text.strip()]
    return leading, ()


def _is_taken(thought: Thinking | RedactedThinking) -> bool:
    """A thought that another provider has signed is that provider's."""
    return (
        isinstance(thought, Thinking) and thought.origin in (None, ORIGIN) and bool(thought.text or thought.signature)
    )


def _contents(turns: Sequence[Turn], naming: Naming, profile: Profile) -> list[Json]:
    """One content a turn; but the results of a turn's calls stand alone, and before whatever else the user said."""
    sentinel = SENTINEL if profile.thinking_levels else None
    contents: list[Json] = []
    names: dict[str, str] = {}
    for turn in turns:
        if turn.role == "assistant":
            calls = [part for part in turn.parts if isinstance(part, ToolCall)]
            names = {call.id: naming(call.name, call.namespace) for call in calls}
            contents.append({"role": "model", "parts": model_parts(turn.parts, naming, sentinel)})
            continue
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        answers, files = result_parts(results, names, takes_files=profile.files_in_results)
        rest = files + user_parts([part for part in turn.parts if not isinstance(part, ToolResult)])
        contents += [{"role": "user", "parts": parts} for parts in (answers, rest) if parts]
    return contents
