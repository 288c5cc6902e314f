"""The demo's calls: one streamed call in each dialect, with the standard library only, so that what is shown is HTTP.

Flows in: the gateway's address and a key. Flows out: the text of each answer, as it arrives.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sekisho.core.errors import OperatorError

_TIMEOUT_SECONDS = 120
_READY_TIMEOUT_SECONDS = 1
_QUESTION = "In one sentence: what does a checkpoint on an old road do?"


class DemoCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as a client of one dialect makes it. `body` is streamed JSON; `vendor` is who would serve it for real."""

    title: str
    vendor: str
    path: str
    body: dict[str, Any]


def demo_calls(claude: str, gpt: str) -> tuple[DemoCall, ...]:
    """One call a dialect, to the models of these names."""
    messages = [{"role": "user", "content": _QUESTION}]
    return (
        DemoCall(
            title="Anthropic Messages",
            vendor="Anthropic",
            path="/v1/messages",
            body={"model": claude, "max_tokens": 200, "stream": True, "messages": messages},
        ),
        DemoCall(
            title="OpenAI chat completions",
            vendor="OpenAI",
            path="/v1/chat/completions",
            body={"model": gpt, "stream": True, "messages": messages},
        ),
        DemoCall(
            title="OpenAI Responses",
            vendor="OpenAI",
            path="/v1/responses",
            body={"model": gpt, "stream": True, "input": _QUESTION},
        ),
    )


def streamed_text(base_url: str, key: str, call: DemoCall) -> Iterator[str]:
    """The answer, piece by piece. Raises OperatorError with the gateway's words when there is none."""
    connection = _connect(base_url)
    try:
        connection.request("POST", call.path, json.dumps(call.body), _headers(key))
        answer = connection.getresponse()
        if answer.status != 200:
            raise OperatorError(f"{call.path} answered {answer.status}: {answer.read().decode('utf-8', 'replace')}")
        for line in answer:
            if line.startswith(b"data: {"):
                yield _said(json.loads(line[6:]))
    finally:
        connection.close()


def ask_json(base_url: str, key: str, method: str, path: str, body: object = None) -> Any:
    """A call of the management API. Raises OperatorError with the gateway's words when it is refused."""
    connection = _connect(base_url)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), _headers(key))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise OperatorError(f"{path} answered {answer.status}: {text.decode('utf-8', 'replace')}")
        return json.loads(text)
    finally:
        connection.close()


def is_ready(base_url: str) -> bool:
    """Whether the gateway says that it is."""
    connection = _connect(base_url, _READY_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/readiness")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _said(event: dict[str, Any]) -> str:
    """The text in one event of any of the dialects; an error inside a stream raises OperatorError."""
    failure = event.get("error") or event.get("response", {}).get("error")
    if failure:
        raise OperatorError(f"the stream failed: {json.dumps(failure)}")
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
    delta = event.get("delta", "")
    if isinstance(delta, dict):
        return str(delta.get("text", ""))
    return str(delta) if event.get("type") == "response.output_text.delta" else ""


def _connect(base_url: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> http.client.HTTPConnection:
    address = urlsplit(base_url)
    return http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout_seconds)


def _headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json", "user-agent": "sekisho-demo"}
