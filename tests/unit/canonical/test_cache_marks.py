from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.canonical.cache_marks import HOUR, MARKS, TOOLS, MarkPoint, Spot, choose, mark_request
from sekisho.canonical.request import CacheMark, Message, Part, Request, Text, Thinking, Tool, ToolCall, ToolResult

ALL_USERS = MarkPoint(role="user")
SYSTEM = MarkPoint(role="system", last=1)
LAST_TOOL = MarkPoint(tools=True)


def prompt(turns: int, *, marked: dict[int, str | None] | None = None) -> list[Spot]:
    """Two tools, a system text, then user and assistant in turn, one block each; `marked`: spot -> life."""
    spots = [Spot(TOOLS, "", free=True), Spot(TOOLS, "", free=True), Spot(0, "system", free=True)]
    spots += [Spot(at + 1, "assistant" if at % 2 else "user", free=True) for at in range(turns)]
    for at, ttl in (marked or {}).items():
        spots[at] = msgspec.structs.replace(spots[at], mark=CacheMark(ttl))
    return spots


@pytest.mark.parametrize(
    ("point", "chosen"),
    [
        (LAST_TOOL, [1]),
        (SYSTEM, [2]),
        (MarkPoint(role="user", last=2), [5, 7]),
        (ALL_USERS, [3, 5, 7]),
        (MarkPoint(role="assistant", last=1), [6]),
        (MarkPoint(index=0), [2]),
        (MarkPoint(index=-1), [7]),
        (MarkPoint(index=-2, role="user"), [6]),
        (MarkPoint(index=99), []),
        (MarkPoint(role="developer"), []),
    ],
)
def test_a_point_finds_its_spots(point: MarkPoint, chosen: list[int]) -> None:
    assert list(choose(prompt(5), [point])) == chosen


def test_every_point_gets_its_latest_spot_before_any_gets_more() -> None:
    assert list(choose(prompt(9), [ALL_USERS, SYSTEM, LAST_TOOL])) == [1, 2, 9, 11]


def test_marks_that_stand_are_kept_and_counted() -> None:
    assert list(choose(prompt(9, marked={3: None, 5: None, 7: None}), [ALL_USERS])) == [11]
    assert choose(prompt(9, marked={3: None, 5: None, 7: None, 9: None}), [ALL_USERS]) == {}
    assert list(choose(prompt(9), [ALL_USERS], taken=3)) == [11]
    assert choose(prompt(1, marked={2: None}), [SYSTEM]) == {}


def test_what_takes_no_mark_passes_it_to_the_block_before_in_its_message() -> None:
    spots = [Spot(0, "user", free=True), Spot(0, "user", free=False), Spot(1, "assistant", free=False)]
    assert list(choose(spots, [MarkPoint(role="user"), MarkPoint(role="assistant")])) == [0]


@pytest.mark.parametrize(
    ("marked", "points", "lives"),
    [
        ({}, [MarkPoint(tools=True, ttl="1h"), MarkPoint(role="user", last=1)], {1: "1h", 7: None}),
        ({}, [LAST_TOOL, MarkPoint(role="system", ttl="1h")], {1: "1h", 2: "1h"}),
        ({7: "1h"}, [LAST_TOOL, SYSTEM], {1: "1h", 2: "1h"}),
        ({1: None}, [MarkPoint(role="system", ttl="1h")], {2: "5m"}),
        ({1: "5m"}, [MarkPoint(role="system", ttl="1h"), MarkPoint(role="user", last=1)], {2: "5m", 7: None}),
        ({7: "5m"}, [SYSTEM], {2: None}),
    ],
)
def test_an_hour_never_stands_behind_five_minutes(
    marked: dict[int, str | None], points: list[MarkPoint], lives: dict[int, str | None]
) -> None:
    chosen = choose(prompt(5, marked=marked), points)
    assert {at: mark.ttl for at, mark in chosen.items()} == lives


lives = st.sampled_from([None, "5m", "1h"])
points = st.lists(
    st.builds(MarkPoint, tools=st.just(True), ttl=lives)
    | st.builds(
        MarkPoint, role=st.sampled_from(["system", "user", "assistant"]), last=st.none() | st.integers(1, 3), ttl=lives
    )
    | st.builds(MarkPoint, index=st.integers(-9, 9), ttl=lives),
    max_size=5,
)


@given(st.integers(0, 12), st.dictionaries(st.integers(0, 2), lives, max_size=3), points)
def test_never_more_than_four_never_out_of_order_and_always_the_same(
    turns: int, marked: dict[int, str | None], wanted: list[MarkPoint]
) -> None:
    spots = prompt(turns, marked=marked)
    chosen = choose(spots, wanted)
    assert chosen == choose(spots, wanted)
    assert not chosen.keys() & marked.keys()
    assert len(chosen) + len(marked) <= max(MARKS, len(marked))
    all_lives = [ttl for _, ttl in sorted({**marked, **{at: mark.ttl for at, mark in chosen.items()}}.items())]
    held = [ttl for _, ttl in sorted(marked.items())]
    if in_order(held):
        assert in_order(all_lives)


def in_order(lives: list[str | None]) -> bool:
    return all(later != HOUR for at, ttl in enumerate(lives) if ttl != HOUR for later in lives[at:])


def ask(*parts: Part, tools: int = 1) -> Request:
    return Request(
        model="m",
        messages=(Message("system", (Text("rules"),)), Message("user", parts)),
        tools=tuple(Tool(name=f"t{at}") for at in range(tools)),
    )


def test_a_request_gets_its_marks_and_nothing_else_changes() -> None:
    request = ask(Text("a"), Text(""), tools=2)
    marked = mark_request(request, [LAST_TOOL, SYSTEM, ALL_USERS])
    assert [tool.cache for tool in marked.tools] == [None, CacheMark()]
    assert marked.messages == (
        Message("system", (Text("rules", CacheMark()),)),
        Message("user", (Text("a", CacheMark()), Text(""))),
    )
    assert mark_request(request, []) is request


def test_thoughts_take_no_mark_and_marks_inside_a_result_count() -> None:
    inner = tuple(Text(str(at), CacheMark("5m")) for at in range(3))
    call = ToolCall(id="1", name="t", arguments="{}")
    marked = mark_request(
        ask(call, Thinking(text="hm"), ToolResult(call_id="1", parts=inner)), [ALL_USERS, SYSTEM, LAST_TOOL]
    )
    result = marked.messages[1].parts[2]
    assert isinstance(result, ToolResult)
    assert (result.cache, result.parts) == (CacheMark(), inner)
    assert (marked.messages[0].parts[0], marked.tools[0].cache) == (Text("rules"), None)
