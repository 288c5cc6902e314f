"""Providers that keep prompt caches, each its own; and agents that talk with them over many turns.

In: how many deployments, and what they do now. Out: replies that tell how much of each prompt was known, as the
provider would bill it: the longest beginning, message by message, that this deployment has seen before.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from sekisho.providers.deployment import Deployment
from sekisho.upstream.http import HttpRequest
from tests.support.stations import Script, ScriptedExchange, refusal, whole

#: How much an agent's turn adds, in bytes: a command's output, a file.
_RESULT_BYTES = 900
_SYSTEM_BYTES = 8_000
THROTTLED = refusal(429, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}, retry_after="5")
_IN_FRONT = ("tools", "system", "instructions")


class CachingProvider:
    """One deployment's provider, as its transport. `asked` counts calls, `read` and `prompted` bytes of prompts."""

    def __init__(self) -> None:
        self.asked = self.read = self.prompted = 0
        #: What it does in place of an answer.
        self.fault: Script | None = None
        self._known: set[bytes] = set()

    def open_stream(self, request: HttpRequest) -> ScriptedExchange:
        """The answer to one call."""
        self.asked += 1
        if self.fault is not None:
            return ScriptedExchange(self.fault, [])
        body = msgspec.json.decode(request.body)
        known, size = self._look_up(body)
        self.read += known
        self.prompted += size
        made = _chat_reply if "chat/completions" in request.url else _messages_reply
        return ScriptedExchange(whole(made(known // 4, size // 4, self.asked)), [])

    async def close(self) -> None:
        """Nothing to close."""

    def _look_up(self, body: dict[str, Any]) -> tuple[int, int]:
        """(bytes of the prompt that were known, all of them); from now on all are."""
        known = size = 0
        digest = hashlib.sha256()
        for part in _parts(body):
            size += len(part)
            digest.update(part)
            if (mark := digest.digest()) in self._known:
                known = size
            self._known.add(mark)
        return known, size


def _parts(body: dict[str, Any]) -> Iterator[bytes]:
    yield msgspec.json.encode([body.get(name) for name in _IN_FRONT])
    for message in body["messages"]:
        yield msgspec.json.encode(message)


def _messages_reply(known: int, size: int, number: int) -> dict[str, Any]:
    usage = {"input_tokens": size - known, "cache_read_input_tokens": known, "output_tokens": 5}
    said = [{"type": "text", "text": f"Answer {number}"}]
    reply = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m", "content": said}
    return reply | {"stop_reason": "end_turn", "stop_sequence": None, "usage": usage}


def _chat_reply(known: int, size: int, number: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"Answer {number}"}
    usage = {"prompt_tokens": size, "completion_tokens": 5, "total_tokens": size + 5}
    usage_details = {"prompt_tokens_details": {"cached_tokens": known}}
    reply = {"id": f"c{number}", "object": "chat.completion", "created": 1, "model": "m"}
    return reply | {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage | usage_details,
    }


class Caches:
    """A provider for each deployment; `transport` is what a Gateway asks for."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self.by_id = {one.id: CachingProvider() for one in deployments}

    def transport(self, deployment: Deployment) -> CachingProvider:
        """The provider behind a deployment."""
        return self.by_id[deployment.id]

    @property
    def hit_share(self) -> float:
        """The part of all prompts that was read from a cache."""
        every = self.by_id.values()
        return sum(one.read for one in every) / sum(one.prompted for one in every)


class Agent:
    """A session that grows by a question or a tool's result each turn. `headers` are its requests'."""

    def __init__(self, name: str, dialect: str, headers: dict[str, str] | None = None) -> None:
        self.dialect = dialect
        self.headers = headers or {}
        self.places: list[str] = []
        self._noise = random.Random(name)
        self._history: list[dict[str, Any]] = [{"role": "user", "content": f"Mend {name}. {self._text(300)}"}]

    def body(self) -> dict[str, Any]:
        """What it asks now."""
        rules = "You are a careful agent. " * (_SYSTEM_BYTES // 25)
        if self.dialect == "openai-responses":
            return {"instructions": rules, "input": self._history}
        if self.dialect == "anthropic-messages":
            return {"system": rules, "messages": self._history}
        return {"messages": [{"role": "system", "content": rules}, *self._history]}

    def hear(self, answer: str, deployment_id: str) -> None:
        """A turn is over; the next one has its result."""
        self.places.append(deployment_id)
        result = f"The command printed: {self._text(_RESULT_BYTES)}"
        self._history = [*self._history, {"role": "assistant", "content": answer}, {"role": "user", "content": result}]

    def _text(self, size: int) -> str:
        return f"{self._noise.getrandbits(size * 4):x}"


def moves(places: Sequence[str]) -> int:
    """How often a session went elsewhere."""
    return sum(one != other for one, other in pairwise(places))


def said_in(reply: dict[str, Any]) -> str:
    """The text of an answer in any dialect."""
    if "choices" in reply:
        return str(reply["choices"][0]["message"]["content"])
    content = reply["content"] if "content" in reply else reply["output"][-1]["content"]
    return str(content[0]["text"])
