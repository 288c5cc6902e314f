"""Where a policy puts prompt-cache marks, the same for every dialect that has them.

Flows in: a prompt as a row of spots (tools, then messages; what may be marked, what is) and the points of a policy.
Flows out: which spots get a mark, and for how long. Must stay true: at most four marks in all; the caller's own marks
and lives are kept; a one-hour mark never stands behind a five-minute one, which the providers refuse; the same prompt
gives the same marks, and marks of tools and system do not move while a conversation grows.
Source: Anthropic "Prompt caching", Bedrock "Prompt caching".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    Part,
    Request,
    Text,
    ToolCall,
    ToolResult,
)

_Holder = TypeVar("_Holder", bound=msgspec.Struct)
#: The providers' limit of marks in a request.
MARKS = 4
HOUR, MINUTES = "1h", "5m"
#: `Spot.message` of a tool.
TOOLS = -1


class MarkPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One wish of a policy: `tools` marks the last tool; else the message at `index` (from the end when negative; the
    system text in front is message 0), or the last messages of `role`, at most `last` of them. `ttl` as in CacheMark.
    """

    tools: bool = False
    role: str | None = None
    index: int | None = None
    last: int | None = None
    ttl: str | None = None


class Spot(msgspec.Struct, frozen=True):
    """Something that a mark can stand behind. `message` counts from 0, TOOLS for a tool; `mark` is what stands there;
    `free` is False for what takes no mark (a thought, an empty text).
    """

    message: int
    role: str
    free: bool
    mark: CacheMark | None = None


def choose(spots: Sequence[Spot], points: Sequence[MarkPoint], taken: int = 0) -> dict[int, CacheMark]:
    """Index of a spot -> the mark it gets. `taken` are marks that stand elsewhere in the request.

    Where the points want more than there is room for, each gets its latest spot first, in the policy's order.
    """
    room = MARKS - taken - sum(spot.mark is not None for spot in spots)
    chosen: dict[int, CacheMark] = {}
    for at, point in _in_turn(spots, points):
        if len(chosen) >= room:
            break
        if spots[at].mark is None:
            chosen.setdefault(at, CacheMark(point.ttl))
    return _in_order(spots, chosen)


def _in_turn(spots: Sequence[Spot], points: Sequence[MarkPoint]) -> Iterator[tuple[int, MarkPoint]]:
    """(spot, point): the latest spot of every point, then the second latest of every point, …"""
    last_free = {spot.message: at for at, spot in enumerate(spots) if spot.free or spot.mark is not None}
    roles = {spot.message: spot.role for spot in spots}
    wanted = [(point, [last_free[one] for one in _targets(point, roles) if one in last_free]) for point in points]
    for turn in range(max((len(targets) for _, targets in wanted), default=0)):
        for point, targets in wanted:
            if turn < len(targets):
                yield targets[turn], point


def _targets(point: MarkPoint, roles: dict[int, str]) -> list[int]:
    """The messages that a point means, the latest first."""
    if point.tools:
        return [TOOLS]
    messages = [one for one in roles if one != TOOLS]
    if point.index is not None:
        at = point.index if point.index >= 0 else max(messages, default=-1) + 1 + point.index
        return [at] if at in messages else []
    return [one for one in reversed(messages) if roles[one] == point.role][: point.last]


def _in_order(spots: Sequence[Spot], chosen: dict[int, CacheMark]) -> dict[int, CacheMark]:
    """The chosen marks with lives that may stand in this order, beside the caller's own."""
    lives = {at: spot.mark.ttl for at, spot in enumerate(spots) if spot.mark is not None}
    first_short = min((at for at, ttl in lives.items() if ttl != HOUR), default=len(spots))
    for at, mark in chosen.items():
        lives[at] = MINUTES if mark.ttl == HOUR and at > first_short else mark.ttl
    last_long = max((at for at, ttl in lives.items() if ttl == HOUR), default=-1)
    return {at: CacheMark(HOUR if at < min(last_long, first_short) else lives[at]) for at in sorted(chosen)}


def mark_request(request: Request, points: Sequence[MarkPoint]) -> Request:
    """The request with the marks of a policy, for the encoder of a dialect that has them."""
    spots: list[Spot] = [Spot(TOOLS, "", free=True, mark=tool.cache) for tool in request.tools]
    places: list[tuple[int, int]] = [(TOOLS, at) for at in range(len(spots))]
    for i, message in enumerate(request.messages):
        for j, part in enumerate(message.parts):
            for spot in _spots_of(i, message.role, part):
                spots.append(spot)
                places.append((i, j))
    marks = {places[at]: mark for at, mark in choose(spots, points).items()}
    if not marks:
        return request
    tools = tuple(_marked(tool, marks.get((TOOLS, at))) for at, tool in enumerate(request.tools))
    messages = tuple(_marked_message(i, message, marks) for i, message in enumerate(request.messages))
    return msgspec.structs.replace(request, tools=tools, messages=messages)


def _spots_of(message: int, role: str, part: Part) -> Iterator[Spot]:
    if isinstance(part, ToolResult):
        inner = (piece.cache for piece in part.parts if piece.cache is not None)
        yield from (Spot(message, role, free=False, mark=mark) for mark in inner)
    if isinstance(part, Text):
        yield Spot(message, role, free=bool(part.text), mark=part.cache)
    elif isinstance(part, (Image, Document, ToolCall, ToolResult)):
        yield Spot(message, role, free=True, mark=part.cache)


def _marked_message(at: int, message: Message, marks: dict[tuple[int, int], CacheMark]) -> Message:
    if not any(place[0] == at for place in marks):
        return message
    return Message(message.role, tuple(_marked(part, marks.get((at, j))) for j, part in enumerate(message.parts)))


def _marked(holder: _Holder, mark: CacheMark | None) -> _Holder:
    return holder if mark is None else msgspec.structs.replace(holder, cache=mark)
