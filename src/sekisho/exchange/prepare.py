"""The outgoing request of one attempt, always made from the caller's original body.

Same dialect: the bytes, with only the keys changed that the gateway owns. Another dialect: translated. Must stay true:
two attempts at the same deployment send the same bytes; nothing of an earlier attempt survives.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.target import Encoded
from sekisho.core.errors import UnsupportedFeature
from sekisho.exchange.call import Call
from sekisho.providers.deployment import ANTHROPIC_VERSION, Deployment
from sekisho.providers.provider import PATHS
from sekisho.wire.dialect import Dialect

#: The caller's headers that mean something to a provider of the same dialect.
_PASSED_PREFIXES = {
    "anthropic-messages": ("anthropic-beta", "anthropic-version"),
    "openai-chat": ("openai-beta", "x-openai-"),
    "openai-responses": ("openai-beta", "x-openai-"),
}


def prepare(call: Call, deployment: Deployment, upstream: Dialect) -> tuple[Encoded, dict[str, str]]:
    """(body, headers) for one attempt. Raises UnsupportedFeature or MalformedRequest."""
    headers = deployment.headers()
    if call.operation not in PATHS[upstream.name]:
        raise UnsupportedFeature(call.operation, upstream.name)
    if upstream.name == "anthropic-messages":
        headers.setdefault("anthropic-version", ANTHROPIC_VERSION)
    if upstream.name != call.dialect.name:
        return upstream.encode_request(call.request(), deployment.target), headers
    passed = _PASSED_PREFIXES[upstream.name]
    betas = headers.get("anthropic-beta")
    headers.update((name, value) for name, value in call.headers.items() if name.startswith(passed))
    if betas is not None:
        headers["anthropic-beta"] = _joined(betas, headers["anthropic-beta"])
    return Encoded(_edited(call, deployment, upstream)), headers


def _joined(*lists: str) -> str:
    """Comma-separated words, each once: the operator's betas and the caller's hold together."""
    return ",".join(dict.fromkeys(word.strip() for each in lists for word in each.split(",")))


def _edited(call: Call, deployment: Deployment, upstream: Dialect) -> bytes:
    changes: dict[str, bytes] = {}
    if deployment.model != call.asked.model:
        changes["model"] = msgspec.json.encode(deployment.model)
    if adds_usage(call, upstream):
        options = _stream_options(call)
        changes["stream_options"] = msgspec.json.encode({**options, "include_usage": True})
    return call.asked.body.edited(changes) if changes else call.body


def adds_usage(call: Call, upstream: Dialect) -> bool:
    """Whether the gateway asks for a usage event that the caller did not ask for (chat streams only)."""
    if not call.asked.stream or upstream.name != "openai-chat" or call.dialect.name != upstream.name:
        return False
    return _stream_options(call).get("include_usage") is not True


def _stream_options(call: Call) -> dict[str, object]:
    raw = call.asked.body.values.get("stream_options")
    if raw is None:
        return {}
    options = msgspec.json.decode(raw)
    return options if isinstance(options, dict) else {}
