"""Which tool result answers which call, for an API that wants each answer directly after its call.

Flows in: canonical messages. Flows out: for each assistant message its results and its unanswered calls, and which
results are thereby used. Must stay true: results keep the order in which the caller gave them; a result answers only
a call that stands before it; call ids that are used again are paired in order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from sekisho.canonical.request import Message, ToolCall, ToolResult

#: (index of the message, index of the part in it)
Place = tuple[int, int]


class Answers(msgspec.Struct):
    """What is said after one assistant message."""

    results: list[ToolResult]
    unanswered: list[str]


def pair(messages: Sequence[Message]) -> tuple[dict[int, Answers], set[Place]]:
    """Index of each assistant message with calls -> its answers; and the places of the results so used."""
    waiting: dict[str, list[Place]] = defaultdict(list)
    for at, message in enumerate(messages):
        for number, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                waiting[part.call_id].append((at, number))
    answers: dict[int, Answers] = {}
    used: set[Place] = set()
    for at, message in enumerate(messages):
        calls = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if calls:
            answers[at] = _answer(messages, calls, waiting, at, used)
    return answers, used


def _answer(
    messages: Sequence[Message], calls: Sequence[str], waiting: dict[str, list[Place]], at: int, used: set[Place]
) -> Answers:
    places: list[Place] = []
    unanswered: list[str] = []
    for call_id in calls:
        later = [place for place in waiting[call_id] if place[0] > at and place not in used]
        if later:
            used.add(later[0])
            places.append(later[0])
        else:
            unanswered.append(call_id)
    results = [messages[place[0]].parts[place[1]] for place in sorted(places)]
    return Answers([result for result in results if isinstance(result, ToolResult)], unanswered)
