"""The legal order of stream events, as a table; and a checker that walks it.

Flows in: events one by one. Flows out: nothing, or `OrderBroken`. Every reader's output passes it in tests, and the
relay of translated streams runs it, so that a writer never meets a stream it cannot write.
"""

from __future__ import annotations

from sekisho.canonical import events as e
from sekisho.core.errors import UpstreamProtocolError

#: state -> event type -> next state. Block events are checked against the open blocks besides.
ORDER: dict[str, dict[type, str]] = {
    "idle": {e.Started: "open", e.Ping: "idle", e.Failed: "ended"},
    "open": {
        e.BlockStarted: "open",
        e.TextDelta: "open",
        e.ThinkingDelta: "open",
        e.SignatureDelta: "open",
        e.ArgumentsDelta: "open",
        e.CitationAdded: "open",
        e.BlockEnded: "open",
        e.UsageReported: "open",
        e.Ping: "open",
        e.Finished: "ended",
        e.Failed: "ended",
    },
    "ended": {},
}

#: Which deltas a block of each kind may carry.
DELTAS: dict[str, tuple[type, ...]] = {
    "text": (e.TextDelta, e.CitationAdded),
    "refusal": (e.TextDelta,),
    "thinking": (e.ThinkingDelta, e.SignatureDelta),
    "redacted_thinking": (),
    "tool_call": (e.ArgumentsDelta,),
}


class OrderChecker:
    """Walks `ORDER`; `see` raises UpstreamProtocolError at the first event out of order."""

    def __init__(self) -> None:
        self.state = "idle"
        self.open: dict[int, str] = {}
        self.blocks_started = 0

    def see(self, event: e.Event) -> None:
        """Accept one event, or raise UpstreamProtocolError naming it."""
        following = ORDER[self.state].get(type(event))
        if following is None:
            raise UpstreamProtocolError(f"{type(event).__name__} may not come in state '{self.state}'.")
        if isinstance(event, e.BlockStarted):
            self._start(event)
        elif isinstance(event, e.BlockEnded):
            if self.open.pop(event.index, None) is None:
                raise UpstreamProtocolError(f"block {event.index} ended but is not open.")
        elif isinstance(event, (e.TextDelta, e.ThinkingDelta, e.SignatureDelta, e.ArgumentsDelta, e.CitationAdded)):
            if type(event) not in DELTAS[self.open.get(event.index, "redacted_thinking")]:
                raise UpstreamProtocolError(f"{type(event).__name__} for block {event.index}, which cannot take it.")
        elif isinstance(event, e.Finished) and self.open:
            raise UpstreamProtocolError(f"finished with open blocks {sorted(self.open)}.")
        self.state = following

    def _start(self, event: e.BlockStarted) -> None:
        if event.index != self.blocks_started:
            raise UpstreamProtocolError(f"block {event.index} started, {self.blocks_started} was due.")
        self.blocks_started += 1
        self.open[event.index] = event.kind
