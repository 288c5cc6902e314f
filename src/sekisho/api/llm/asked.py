"""A question that is no call, and who asks it.

Flows in: headers and query of a request. Flows out: a Principal. Must stay true: whoever shows no good key is told
nothing but what needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sekisho.exchange.gateway import Gateway
from sekisho.identity.keys import Principal
from sekisho.policy.admit import admit

#: Status, content type, body.
Answered = tuple[int, bytes, bytes]
JSON = b"application/json"


class Asked(msgspec.Struct, frozen=True):
    """By whom (its headers), what of (its query), and whether the gateway is ready for calls. `scope` is ASGI's."""

    gateway: Gateway
    headers: Mapping[str, str]
    ready: bool
    query: Mapping[str, str]
    scope: Mapping[str, Any]


async def caller_of(asked: Asked) -> Principal:
    """Who asks. Raises Unauthenticated."""
    principal = await asked.gateway.callers.recognise(asked.headers, asked.scope)
    admit(principal, None, asked.gateway.clock.now_us())
    return principal
