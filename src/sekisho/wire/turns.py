"""Messages in any order -> turns that Claude's APIs take: Messages, and Bedrock's Converse.

Flows in: canonical messages after the leading system ones. Flows out: turns that alternate and begin with the user,
each call answered once in the next turn, results before everything else of their turn. Must stay true: a pure
function, so a longer conversation begins with the same turns; what had to be left out or added is named in `notes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Literal

import msgspec

from sekisho.canonical.request import Message, Part, RedactedThinking, Refusal, Text, Thinking, ToolCall, ToolResult
from sekisho.canonical.target import Target
from sekisho.canonical.tools import legal_name
from sekisho.core.errors import MalformedRequest, UnsupportedFeature

#: Words where the API demands some and the caller said none.
OPENING = "(The conversation begins with the assistant.)"
UNANSWERED = "The tool call was not answered."


_Takes = Callable[[Thinking | RedactedThinking], bool]


class Turn(msgspec.Struct):
    """One side's words until the other side speaks."""

    role: Literal["user", "assistant"]
    parts: list[Part]


def split_leading(messages: Sequence[Message]) -> tuple[list[Text | Refusal], Sequence[Message]]:
    """(the words of the leading system messages, everything after)."""
    leading: list[Text | Refusal] = []
    for at, message in enumerate(messages):
        texts = [part for part in message.parts if isinstance(part, (Text, Refusal))]
        if message.role != "system" or len(texts) != len(message.parts):
            return leading, messages[at:]
        leading += texts
    return leading, ()


def turns_of(messages: Sequence[Message], notes: list[str], is_taken: _Takes) -> list[Turn]:
    """The conversation as the API takes it; `notes` gets the names of what was dropped or added.

    `is_taken`: whether the model takes this thought back. Raises MalformedRequest where nothing is said.
    """
    turns = _merged(messages, notes, is_taken)
    if messages and not turns:
        text = "messages: Every message is empty, and the API that serves this model takes none of them: say something."
        raise MalformedRequest(text, param="messages")
    if not turns or turns[0].role == "assistant":
        turns.insert(0, Turn("user", [Text(OPENING)]))
        notes.append("messages.first_turn")
    if any(isinstance(part, ToolCall) for part in turns[-1].parts):
        turns.append(Turn("user", []))
    _pair(turns, notes)
    return turns


def _merged(messages: Sequence[Message], notes: list[str], is_taken: _Takes) -> list[Turn]:
    turns: list[Turn] = []
    for message in messages:
        role: Literal["user", "assistant"] = "assistant" if message.role == "assistant" else "user"
        parts = [part for part in message.parts if _is_kept(part, notes, is_taken)]
        if parts and turns and turns[-1].role == role:
            turns[-1].parts += parts
        elif parts:
            turns.append(Turn(role, parts))
    return turns


def _is_kept(part: Part, notes: list[str], is_taken: _Takes) -> bool:
    if isinstance(part, (ToolCall, ToolResult)):
        return True
    if isinstance(part, (Text, Refusal)):
        return bool(part.text.strip())  # the API refuses blank text
    if isinstance(part, (Thinking, RedactedThinking)) and not is_taken(part):
        if part != Thinking(text=""):
            notes.append("messages.thinking")
        return False
    return True


def _pair(turns: list[Turn], notes: list[str]) -> None:
    """Give every call an id of its own and an answer in the next turn, and every result a call in the last one."""
    used: dict[str, int] = {}
    open_calls: dict[str, list[str]] = {}
    for turn in turns:
        if turn.role == "user":
            turn.parts = _answered(turn.parts, open_calls, notes)
            open_calls = {}
            continue
        for at, part in enumerate(turn.parts):
            if isinstance(part, ToolCall):
                wire_id = _unique(legal_name(part.id), used)
                open_calls.setdefault(part.id, []).append(wire_id)
                if wire_id != part.id:
                    turn.parts[at] = msgspec.structs.replace(part, id=wire_id)


def _unique(wire_id: str, used: dict[str, int]) -> str:
    """Some providers count their calls from zero in each turn; this API wants each id once. `used`: id -> uses."""
    candidate = wire_id
    while candidate in used:
        used[wire_id] += 1
        candidate = f"{wire_id[:55]}_{used[wire_id]}"
    used[candidate] = 1
    return candidate


def _answered(parts: list[Part], open_calls: dict[str, list[str]], notes: list[str]) -> list[Part]:
    results: list[Part] = []
    rest: list[Part] = []
    for part in parts:
        if not isinstance(part, ToolResult):
            rest.append(part)
        elif open_calls.get(part.call_id):
            wire_id = open_calls[part.call_id].pop(0)
            results.append(part if wire_id == part.call_id else msgspec.structs.replace(part, call_id=wire_id))
        else:
            notes.append("messages.orphan_tool_result")
            rest.append(Text(f"Result of the tool call '{part.call_id}':"))
            rest += [piece for piece in part.parts if not isinstance(piece, Text) or piece.text.strip()]
    for wire_id in chain.from_iterable(open_calls.values()):
        notes.append("messages.unanswered_tool_call")
        results.append(ToolResult(call_id=wire_id, parts=(Text(UNANSWERED),), is_error=True))
    return results + rest


def check_ending(turns: list[Turn], target: Target, dialect: str) -> None:
    """A last word of the assistant asks for its continuation. Raises UnsupportedFeature where the model has none."""
    if turns[-1].role != "assistant":
        return
    if not target.profile.prefill:
        advice = "This model does not continue an assistant message: end with a user message."
        raise UnsupportedFeature("messages", dialect, advice)
    last = turns[-1].parts[-1]
    if isinstance(last, Text | Refusal):  # the API refuses white space at the very end
        turns[-1].parts[-1] = msgspec.structs.replace(last, text=last.text.rstrip())


def must_not_think(turns: Sequence[Turn]) -> bool:
    """Whether a token budget for thinking would be refused: the running tool loop holds no thought to go on from.

    With `thinking.type` "enabled" the API wants the last assistant turn of a loop of calls and results, or of a
    prefill, to begin with a thought; a conversation that another model has begun has none.
    """
    for turn in reversed(turns):
        if turn.role == "user":
            if not isinstance(turn.parts[0], ToolResult):
                return turn is not turns[-1]
        elif isinstance(turn.parts[0], (Thinking, RedactedThinking)):
            return False
    return True
