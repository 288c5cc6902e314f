"""What the fuzzer begins with, and how it spoils it.

Flows in: recordings beside the checkout where they are there, a few small bodies of each dialect where they are not; a
random source. Flows out: bodies and streams that are nearly right. Must stay true: one seed, the same bytes.
"""

from __future__ import annotations

import base64
import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from sekisho.core.errors import SekishoError
from sekisho.wire.eventstream import EventStreamReader, encode_message

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "recordings"
#: (provider, endpoint) of a recording -> its dialect.
DIALECT_OF = {
    ("anthropic", "messages"): "anthropic-messages",
    ("openai", "chat.completions"): "openai-chat",
    ("azure", "chat.completions"): "openai-chat",
    ("openai", "responses"): "openai-responses",
    ("azure", "responses"): "openai-responses",
    ("bedrock", "converse"): "bedrock-converse",
    ("bedrock", "converse-stream"): "bedrock-converse",
    ("gemini", "generateContent"): "gemini-generate",
    ("gemini", "streamGenerateContent"): "gemini-generate",
    ("vertex", "generateContent"): "gemini-generate",
    ("vertex", "streamGenerateContent"): "gemini-generate",
}
_ASK = "Hi"
_SMALL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "anthropic-messages": (
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": _ASK}]},
        {"id": "i", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "Yes"}]}
        | {"stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}},
    ),
    "openai-chat": (
        {"model": "m", "messages": [{"role": "user", "content": _ASK}]},
        {"id": "i", "object": "chat.completion", "created": 1, "model": "m"}
        | {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"}]},
    ),
    "openai-responses": (
        {"model": "m", "input": _ASK},
        {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": []},
    ),
    "bedrock-converse": (
        {"messages": [{"role": "user", "content": [{"text": _ASK}]}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": "Yes"}]}}, "stopReason": "end_turn"},
    ),
    "gemini-generate": (
        {"contents": [{"role": "user", "parts": [{"text": _ASK}]}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Yes"}]}, "finishReason": "STOP"}]},
    ),
}
#: Stands for more lists in lists than a decoder bears.
_DEEP = "@deep@"
#: Values that are seldom where one expects them.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 0.5, -0.0, 1e308, "", " ", "x", "\x00", "\u2028", "é", "名前"),
    *("null", "[DONE]", "function", "tool_use", "text", "assistant", "data:image/png;base64,AA", "https://x.test/y"),
    *(
        _DEEP,
        "sekisho.v1.e30=",
        "sekisho.v1.!",
        [],
        [[]],
        [None],
        {},
        {"type": None},
        {"type": "text"},
        {"": {}},
        "a" * 5000,
    ),
)


class Seeds:
    """By dialect: requests and replies as JSON values, streams as bytes."""

    def __init__(self, most: int = 60) -> None:
        self.requests: dict[str, list[Any]] = {name: [small[0]] for name, small in _SMALL.items()}
        self.replies: dict[str, list[Any]] = {name: [small[1]] for name, small in _SMALL.items()}
        self.streams: dict[str, list[bytes]] = {name: [b""] for name in _SMALL}
        index = RECORDINGS / "INDEX.jsonl"
        rows = [msgspec.json.decode(line) for line in index.read_bytes().splitlines()] if index.is_file() else []
        for row in rows:
            name = DIALECT_OF.get((row["provider"], row["endpoint"]))
            if name is not None and row["bytes"] < 100_000 and len(self.requests[name]) < most:
                self._take(name, msgspec.json.decode((RECORDINGS / row["file"]).read_bytes()))

    def _take(self, name: str, recording: dict[str, Any]) -> None:
        asked, told = recording["request"]["body"], recording["response"]
        if isinstance(asked, dict):
            self.requests[name].append(asked)
        body = base64.b64decode(told["body_b64"]) if "body_b64" in told else str(told["body_text"]).encode()
        if recording["streaming"]:
            self.streams[name].append(body)
            return
        try:
            self.replies[name].append(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return


class Spoiler:
    """Makes bodies that are nearly right out of right ones."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def json(self, value: Any, donor: Any = None) -> bytes:
        """`value` with some of its parts changed; parts of `donor` may stand in it."""
        holder = {"": copy.deepcopy(value)}
        for _ in range(self.dice.choice((0, 1, 1, 1, 2, 3, 8))):
            holder.setdefault("", None)
            self._spoil(holder, donor)
        data = self.deepened(msgspec.json.encode(holder.get("")))
        return self.torn(data) if self.dice.random() < 0.25 else data

    def deepened(self, data: bytes) -> bytes:
        """`data` with lists in lists where they are meant."""
        depth = self.dice.choice((100, 500, self.dice.randint(900, 1000), 3000))
        return data.replace(b'"%s"' % _DEEP.encode(), b"[" * depth + b"]" * depth)

    def torn(self, data: bytes) -> bytes:
        """Bytes cut out, doubled, or put in."""
        for _ in range(self.dice.choice((1, 1, 2, 5))):
            at, end = sorted(self.dice.randint(0, len(data)) for _ in range(2))
            end = min(end, at + self.dice.choice((0, 1, 4, 64, 10_000)))
            new = self.dice.choice(
                (
                    b"",
                    data[at:end] * 2,
                    self.dice.randbytes(3),
                    b'"',
                    b"{",
                    b"\n\n",
                    b"\\ud800",
                    b"\xe4",
                    b"[" * 3000,
                    b"\x00",
                )
            )
            data = data[:at] + new + data[end:]
        return data

    def stream(self, data: bytes) -> bytes:
        """A stream whose events were changed, dropped, doubled or put elsewhere."""
        if data[:1] == b"\x00":
            return self._aws(data)
        mark = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
        events = self._shuffled([self._event(one) for one in data.split(mark)])
        out = mark.join(events)
        return self.torn(out) if self.dice.random() < 0.1 else out

    def pieces(self, data: bytes) -> list[bytes]:
        """The same bytes as they may arrive."""
        if self.dice.random() < 0.2:
            return [data]
        size = self.dice.choice((1, 7, 100, 4000))
        if size == 1 and len(data) > 20_000:
            size = 13
        return [data[at : at + size] for at in range(0, len(data), size)]

    def _event(self, event: bytes) -> bytes:
        head, mark, data = event.rpartition(b"data: ")
        if not mark or self.dice.random() > 0.15:
            return event
        return head + mark + self._payload(data)

    def _payload(self, data: bytes) -> bytes:
        try:
            return self.json(msgspec.json.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self.torn(data)

    def _aws(self, data: bytes) -> bytes:
        """AWS messages with right checksums around wrong payloads."""
        try:
            told = EventStreamReader().feed(data)
        except SekishoError:
            return self.torn(data)
        made = []
        for one in told:
            headers, payload = {name: str(value) for name, value in one.headers.items()}, one.payload
            if self.dice.random() < 0.15:
                payload = self._payload(payload)
            if self.dice.random() < 0.03:
                headers = {name: self.dice.choice((value, "x", "exception")) for name, value in headers.items()}
            made.append(encode_message(headers, payload))
        out = b"".join(self._shuffled(made))
        return self.torn(out) if self.dice.random() < 0.1 else out

    def _shuffled(self, events: list[bytes]) -> list[bytes]:
        for _ in range(self.dice.choice((0, 0, 1, 2, 4))):
            if not events:
                break
            at, to = self.dice.randrange(len(events)), self.dice.randrange(len(events))
            one = events[at] if self.dice.random() < 0.3 else events.pop(at)
            if self.dice.random() < 0.6:
                events.insert(to, one)
        return events

    def _spoil(self, holder: dict[str, Any], donor: Any) -> None:
        parent, key = self._place(holder)
        act: Callable[[Any, Any, Any], None] = self.dice.choice((self._replace, self._drop, self._double, self._graft))
        act(parent, key, donor)

    def _place(self, holder: Any) -> tuple[Any, Any]:
        """Somewhere in the tree: the deeper the likelier."""
        parent: Any = holder
        key: Any = ""
        while True:
            child = parent[key]
            if not isinstance(child, (dict, list)) or not child or self.dice.random() < 0.15:
                return parent, key
            parent = child
            key = self.dice.choice(list(child)) if isinstance(child, dict) else self.dice.randrange(len(child))

    def _replace(self, parent: Any, key: Any, _donor: Any) -> None:
        parent[key] = copy.deepcopy(self.dice.choice(ODD))

    def _drop(self, parent: Any, key: Any, _donor: Any) -> None:
        del parent[key]

    def _double(self, parent: Any, key: Any, _donor: Any) -> None:
        if isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        else:
            name = self.dice.choice(("type", "id", "content", "text", "index", "role", key))
            parent[name] = copy.deepcopy(parent[key])

    def _graft(self, parent: Any, key: Any, donor: Any) -> None:
        if donor:
            source, name = self._place({"": donor})
            parent[key] = copy.deepcopy(source[name])
