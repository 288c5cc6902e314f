"""What the scripted provider remembers: requests, and what each call would have been billed.

Must stay true: a credential is kept as a digest only; both lists are bounded, the oldest go first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from typing import Any

import msgspec

from sekisho.canonical.usage import Usage

_REMEMBERED = 20_000
_SECRET_HEADERS = frozenset(
    {"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization"}
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived. `body` is its JSON, or its text where it is none."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


class Bill(msgspec.Struct, kw_only=True):
    """One attempt at a call.

    Input is billed once the call is accepted, output as its pieces are sent (a whole reply at once, read or not).
    `end` is open, done, failed (an error status), cut, reset, stalled (silent while the caller waits), or gone (the
    caller hung up); `pieces_sent` counts stream events; `tells_usage` is whether the answer's end tells its tokens.
    """

    path: str
    model: str
    stream: bool
    response_id: str
    status: int = 200
    end: str = "open"
    pieces_sent: int = 0
    tells_usage: bool = False
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0

    def accept(self, usage: Usage) -> None:
        """The call was accepted: its input is due."""
        self.input_tokens = usage.input_tokens
        self.cache_read_tokens = usage.cache_read_tokens
        self.cache_write_tokens = usage.cache_write_tokens


class Book:
    """All of it, in memory."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=_REMEMBERED)
        self.calls: OrderedDict[str, list[Bill]] = OrderedDict()
        self.serial = 0

    def reset(self) -> None:
        """Forget everything; numbers start again."""
        self.requests.clear()
        self.calls.clear()
        self.serial = 0

    def next_serial(self) -> int:
        """1, 2, 3 …"""
        self.serial += 1
        return self.serial

    def attempts(self, call_id: str) -> int:
        """How often `call_id` was asked so far."""
        return len(self.calls.get(call_id, ()))

    def enter(self, call_id: str, bill: Bill) -> None:
        """Begin the bill of one attempt."""
        self.calls.setdefault(call_id, []).append(bill)
        if len(self.calls) > _REMEMBERED:
            self.calls.popitem(last=False)


def masked(headers: dict[str, str]) -> dict[str, str]:
    """Headers with credentials replaced by a digest, which still tells one from another."""
    return {name: digest(value) if name in _SECRET_HEADERS else value for name, value in headers.items()}


def digest(secret: str) -> str:
    """What is kept of a credential header's value."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
