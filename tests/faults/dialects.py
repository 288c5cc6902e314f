"""What the fault tests know of each dialect: how to ask, and how a caller sees an answer, its end and its failure.

In: a way through the gateway (caller's dialect, model). Out: requests, and readings of what came back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

Dialect = Literal["messages", "chat", "responses"]
PATHS: dict[Dialect, str] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
#: A gateway that gives up soon and tries once.
SHORT: dict[str, Any] = {
    "litellm_settings": {"num_retries": 0},
    "sekisho": {"timeouts": {"connect_seconds": 2, "first_byte_seconds": 2, "between_chunks_seconds": 2}},
}


@dataclass(frozen=True)
class Way:
    """A caller's dialect and the model it asks for."""

    caller: Dialect
    model: str

    def __str__(self) -> str:
        return f"{self.caller}-{self.model}"

    @property
    def path(self) -> str:
        """Where the caller asks."""
        return PATHS[self.caller]

    def body(self, directives: str, *, stream: bool = True, text: str = "Say something.") -> dict[str, Any]:
        """A request that carries directives to the scripted provider."""
        said = f"{text} [fake: {directives}]"
        if self.caller == "responses":
            return {"model": self.model, "stream": stream, "input": said}
        asked: dict[str, Any] = {"model": self.model, "messages": [{"role": "user", "content": said}], "stream": stream}
        return asked | ({"max_tokens": 500} if self.caller == "messages" else {})


#: The provider's own dialect, where bytes pass, and every translation.
SAME = (Way("messages", "claude-test"), Way("chat", "gpt-test"), Way("responses", "gpt-test"))
CROSS = (Way("messages", "gpt-test"), Way("chat", "claude-test"), Way("responses", "claude-test"))
WAYS = SAME + CROSS


def data_of(events: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """The JSON of each event; OpenAI's `[DONE]` has none."""
    return [json.loads(data) for _, data in events if data != b"[DONE]"]


def text_in(events: list[tuple[str, bytes]]) -> str:
    """The text that a caller of any dialect has read so far."""
    said = []
    for event in data_of(events):
        delta = event.get("delta")
        if event.get("type") == "content_block_delta" and isinstance(delta, dict):
            said.append(delta.get("text", ""))
        elif event.get("type") == "response.output_text.delta":
            said.append(str(delta))
        elif "choices" in event:
            said.extend(choice["delta"].get("content") or "" for choice in event["choices"])
    return "".join(said)


def ends_well(caller: Dialect, events: list[tuple[str, bytes]]) -> bool:
    """Whether the stream says by its last event that the answer is complete."""
    if not events:
        return False
    name, data = events[-1]
    if caller == "chat":
        return data == b"[DONE]"
    return name == {"messages": "message_stop", "responses": "response.completed"}[caller]


def is_complete(caller: Dialect, events: list[tuple[str, bytes]]) -> bool:
    """Whether the stream says anywhere that the answer is complete."""
    return any(ends_well(caller, [event]) for event in events)


def stream_error(caller: Dialect, events: list[tuple[str, bytes]]) -> dict[str, Any]:
    """The error with which the stream ends, in the caller's dialect. Fails when it is not the dialect's form."""
    assert events, "the stream is empty"
    name, _ = events[-1]
    last = data_of(events[-1:])[0]
    if caller == "messages":
        assert (name, last["type"]) == ("error", "error")
        return check_error("messages", last)
    if caller == "chat":
        assert name == ""
        return check_error("chat", last)
    assert name == last["type"], last
    assert name in ("error", "response.failed"), last
    if name == "error":
        found = last.get("error") or last
    else:
        assert last["response"]["status"] == "failed"
        found = last["response"]["error"]
    assert isinstance(found["message"], str)
    assert "code" in found
    return dict(found)


def check_error(caller: Dialect, body: dict[str, Any]) -> dict[str, Any]:
    """The error object of an error envelope. Fails when it is not the dialect's form."""
    error = body["error"]
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    if caller == "messages":
        assert body["type"] == "error"
    else:
        assert {"param", "code"} <= error.keys()
    return dict(error)
