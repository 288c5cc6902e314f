from __future__ import annotations

import pytest

from sekisho.canonical import events as e
from sekisho.canonical.order import ORDER, OrderChecker
from sekisho.core.errors import ErrorClass, ErrorInfo, UpstreamProtocolError

START = e.Started(id="1", model="m")
TEXT = e.BlockStarted(index=0, kind="text")
TOOL = e.BlockStarted(index=1, kind="tool_call", call_id="c", name="n")
END = e.Finished(stop=e.StopReason.END_TURN)
FAILED = e.Failed(ErrorInfo(error_class=ErrorClass.OVERLOADED, message="x", status=529))

LEGAL: list[list[e.Event]] = [
    [START, END],
    [START, TEXT, e.TextDelta(0, "a"), e.BlockEnded(0), END],
    [START, TEXT, TOOL, e.ArgumentsDelta(1, "{"), e.TextDelta(0, "a"), e.BlockEnded(1), e.BlockEnded(0), END],
    [e.Ping(), START, e.Ping(), TEXT, FAILED],
    [FAILED],
]
ILLEGAL: list[list[e.Event]] = [
    [TEXT],
    [END],
    [START, START],
    [START, TOOL],
    [START, TEXT, END],
    [START, TEXT, e.ArgumentsDelta(0, "{}")],
    [START, TEXT, e.BlockEnded(0), e.TextDelta(0, "late")],
    [START, e.BlockEnded(0)],
    [START, END, e.Ping()],
    [START, FAILED, END],
    [START, e.BlockStarted(index=0, kind="redacted_thinking", data="x"), e.ThinkingDelta(0, "a")],
]


def walk(events: list[e.Event]) -> str:
    checker = OrderChecker()
    for event in events:
        checker.see(event)
    return checker.state


@pytest.mark.parametrize("events", LEGAL)
def test_legal_streams_end(events: list[e.Event]) -> None:
    assert walk(events) == "ended"


@pytest.mark.parametrize("events", ILLEGAL)
def test_illegal_streams_are_caught(events: list[e.Event]) -> None:
    with pytest.raises(UpstreamProtocolError):
        walk(events)


def test_the_table_knows_every_event() -> None:
    named = {kind for row in ORDER.values() for kind in row}
    assert named == set(e.Event.__args__)
