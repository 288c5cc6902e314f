"""Whatever providers and callers do, in whatever order: the same promises hold."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sekisho.core.errors import StreamBroken, UpstreamUnreachable
from sekisho.exchange import run
from sekisho.exchange.meter import estimated_tokens
from sekisho.wire.sse import COMMENT_PING
from tests.support.caller import Caller
from tests.support.stations import JSON, PATIENT, SSE, Outcome, Script, Stage, Step, refusal, speaking
from tests.support.wires import (
    DIALECTS,
    WORDS,
    cut_at,
    error_event,
    events_in,
    is_error,
    stream_body,
    text_of,
    whole_body,
)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "TELL_SECONDS", 0.02)


HURRIED = msgspec.structs.replace(
    PATIENT,
    first_byte_seconds=0.02,
    first_event_seconds=0.02,
    between_chunks_seconds=0.02,
    caller_stalled_seconds=0.02,
    ping_after_seconds=0.01,
)
PIECES = ("next", "next", "next", "all", "error", "garbage", "broken", "defect", "gone", "silence", "late")
HEADS = ("good", "good", "good", "html", "302", "400", "401", "404", "429", "500", "unreachable", "defect", "gone")
LAST = refusal(500, {"error": {"message": "no more"}})


@dataclass(frozen=True)
class Attempt:
    """One attempt in a plan: who is asked, how it begins, what it says."""

    dialect: str
    head: str
    pieces: tuple[str, ...]
    marks: tuple[int, ...]
    drained: bool

    def script(self, caller: Caller, *, stream: bool) -> Script | Exception:
        """The provider's script; a piece may make the caller leave."""
        if self.head.isdigit():
            return refusal(int(self.head), {"error": {"message": "CANARY-private", "type": "x", "code": None}})
        if self.head == "html":
            return Script([b"<html>CANARY-private"], headers={"content-type": "text/html"})
        if self.head == "defect":
            return ValueError("CANARY-private")
        if self.head == "unreachable":
            return Script(opening=[UpstreamUnreachable("nobody")])
        body = stream_body(self.dialect) if stream else whole_body(self.dialect)
        steps = list(self._steps(caller, cut_at(body, self.marks)))
        opening: list[Step] = [caller.hang_up] if self.head == "gone" else []
        return Script(steps, headers=SSE if stream else JSON, opening=opening)

    def _steps(self, caller: Caller, left: list[bytes]) -> list[Step]:
        steps: list[Step] = []
        said: dict[str, Step] = {
            "error": error_event(self.dialect),
            "garbage": b"\xff garbage\n\n",
            "broken": StreamBroken("cut"),
            "defect": KeyError("CANARY-private"),
            "gone": caller.hang_up,
            "silence": "silence",
            "late": 0.012,
        }
        for piece in self.pieces:
            if piece == "all":
                steps += left
                left = []
            elif piece == "next":
                steps += left[:1]
                left = left[1:]
            else:
                steps.append(said[piece])
        return steps


attempts = st.builds(
    Attempt,
    dialect=st.sampled_from(DIALECTS),
    head=st.sampled_from(HEADS),
    pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(tuple),
    marks=st.lists(st.integers(0, 3_000), max_size=5).map(tuple),
    drained=st.booleans(),
)


def check_order(done: Outcome) -> None:
    """Each attempt: promised, sent, closed; one row at the end."""
    assert done.happened[-1] == "row"
    assert done.happened.count("row") == 1
    state = "closed"
    for what in done.happened[:-1]:
        assert (state, what) in {("closed", "intent"), ("intent", "intent"), ("intent", "sent"), ("sent", "closed")}
        state = what
    assert done.happened.count("sent") == done.happened.count("closed")
    assert len(done.intents) == len(done.requests) == done.row.attempts
    assert {intent.call_id for intent in done.intents} <= {done.row.call_id}


def check_told(done: Outcome, dialect: str, *, stream: bool) -> None:
    """The caller, if it is there, has an answer with an end, and it is the row's."""
    caller, row = done.caller, done.row
    if caller.left or row.error_class == "client_closed":
        return
    if caller.takes is not None and len(caller.messages) == caller.takes:
        return  # it would not even take the news
    assert caller.finished
    assert row.http_status == caller.status
    if caller.status != 200:
        assert "error" in caller.json
        assert row.status != "success"
    elif stream:
        events = [event for event in events_in(caller.body) if event != COMMENT_PING]
        assert caller.body.endswith(b"\n\n")
        assert any(is_error(dialect, event) for event in events) == (row.status != "success")
    else:
        assert row.status == "success"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
# Without shrinking: scripts take real time, and they are short enough to be read as they are found.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, phases=[Phase.generate])
@given(plan=st.lists(attempts, min_size=1, max_size=3), takes=st.none() | st.integers(1, 6))
async def test_every_exit_keeps_the_promises(
    stage: Stage, dialect: str, plan: list[Attempt], takes: int | None, *, stream: bool
) -> None:
    caller = Caller()
    caller.takes = takes
    done = await stage.carry(
        *(attempt.script(caller, stream=stream) for attempt in plan),
        *[LAST] * 6,
        to=[speaking(one.dialect, drained=one.drained) for one in plan],
        dialect=dialect,
        caller=caller,
        timeouts=HURRIED,
        stream=stream,
    )
    check_order(done)
    check_told(done, dialect, stream=stream)
    row = done.row
    assert (row.status == "success") == (row.error_class is None)
    assert row.cost_nano_usd is not None
    assert "CANARY" not in repr(row)
    seen = text_of(dialect, caller.body) if stream else ""
    assert row.output_tokens >= min(
        estimated_tokens(len(seen.encode())), estimated_tokens(len("".join(WORDS).encode()))
    )
