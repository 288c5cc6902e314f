"""Which tool result answers which call, for an API that wants each answer directly after its call.

Flows in: canonical messages. Flows out: for each assistant message its results and its unanswered calls, and which
results are thereby used. Must stay true: results keep the order in which the caller gave them; a result answers only
a call that stands before it; call ids that are used again are paired in order.
"""

from __future__ import annotations

from collections import defaultdict, deque
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
    waiting: dict[str, deque[Place]] = defaultdict(deque)
    for at, message in enumerate(messages):
        for number, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                waiting[part.call_id].append((at, number))
    answers: dict[int, Answers] = {}
    used: set[Place] = set()
    for at, message in enumerate(messages):
        calls = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if calls:
            found = [_first_after(at, waiting[call_id]) for call_id in calls]
            places = sorted(place for place in found if place is not None)
            results = [messages[place[0]].parts[place[1]] for place in places]
            used.update(places)
            answers[at] = Answers(
                [result for result in results if isinstance(result, ToolResult)],
                [call_id for call_id, place in zip(calls, found, strict=True) if place is None],
            )
    return answers, used


def _first_after(at: int, waiting: deque[Place]) -> Place | None:
    """Take the first result that stands after message `at`. Earlier ones are orphans for all that follows, too."""
    while waiting and waiting[0][0] <= at:
        waiting.popleft()
    return waiting.popleft() if waiting else None
