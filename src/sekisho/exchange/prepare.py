"""The outgoing request of one attempt, always made from the caller's original body.

Same dialect: the bytes, with only the keys changed that the gateway owns. Another dialect: translated. Must stay true:
two attempts at the same deployment send the same bytes; nothing of an earlier attempt survives.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.request import Request
from sekisho.canonical.target import Encoded
from sekisho.core.errors import UnsupportedFeature
from sekisho.exchange.call import Call
from sekisho.exchange.media import TAKEN, Fetch, with_fetched_media
from sekisho.exchange.turns import Turns
from sekisho.providers.deployment import ANTHROPIC_VERSION, Deployment
from sekisho.wire.carried import carry_request
from sekisho.wire.carrier import Said
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject

#: The caller's headers that mean something to a provider of the same dialect.
_PASSED_PREFIXES = {
    "anthropic-messages": ("anthropic-beta", "anthropic-version"),
    "anthropic-messages@bedrock": ("x-amzn-bedrock-",),
    "openai-chat": ("openai-beta", "x-openai-"),
    "openai-chat@bedrock": ("x-amzn-bedrock-",),
    "openai-responses": ("openai-beta", "x-openai-"),
    "bedrock-converse": ("x-amzn-bedrock-",),
}
_BETAS = "anthropic-beta"


async def words_for(call: Call, upstream: Dialect, fetch: Fetch | None, turns: Turns) -> Request | None:
    """The request in canonical words, URLs fetched that `upstream` cannot take; None where the bytes can pass.

    Raises UnsupportedFeature, MalformedRequest, BodyTooLarge.
    """
    same = upstream.shares_body_with(call.dialect)
    if call.operation != "generate":
        if not same:
            raise UnsupportedFeature(call.operation, upstream.name)
        return None
    if same and (upstream.name == call.dialect.name or upstream.name in TAKEN or b'"url"' not in call.body):
        return None
    if call.canonical is None:
        await turns.take(len(call.body))
    said = call.request()
    fetched = await with_fetched_media(said, upstream.name, fetch)
    return None if same and fetched is said else fetched


def prepare(
    call: Call, deployment: Deployment, upstream: Dialect, words: Request | None
) -> tuple[Encoded, dict[str, str]]:
    """(body, headers) for one attempt; `words` is from `words_for`. Raises UnsupportedFeature, MalformedRequest."""
    headers = deployment.headers()
    if not deployment.serves(upstream.name, call.operation):
        raise UnsupportedFeature(call.operation, upstream.name)
    if upstream.name == "anthropic-messages":
        headers.setdefault("anthropic-version", ANTHROPIC_VERSION)
    if words is not None:
        return upstream.encode_request(words, deployment.target), headers
    passed = _PASSED_PREFIXES.get(upstream.name)
    if passed is not None:
        betas = headers.get(_BETAS)
        headers.update((name, value) for name, value in call.headers.items() if name.startswith(passed))
        if betas is not None:
            headers[_BETAS] = _joined(betas, headers[_BETAS])
    if upstream.name == call.dialect.name:
        return Encoded(_edited(call, deployment, upstream)), headers
    return _carried(call, deployment, upstream, headers)


def _carried(
    call: Call, deployment: Deployment, upstream: Dialect, headers: dict[str, str]
) -> tuple[Encoded, dict[str, str]]:
    """The same body in the framing of `upstream`."""
    betas = tuple(word for name, text in call.headers.items() if name == _BETAS for word in _words(text))
    said = Said(model=deployment.model, stream=call.streams, betas=(*_words(headers.get(_BETAS, "")), *betas))
    carried = carry_request(call.asked.body, call.dialect, upstream, said)
    body = carried.body
    if adds_usage(call, upstream):
        body = JsonObject(body).edited({"stream_options": msgspec.json.encode({"include_usage": True})})
    return Encoded(body, carried.dropped), headers | carried.headers


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _joined(*lists: str) -> str:
    """Comma-separated words, each once: the operator's betas and the caller's hold together."""
    return ",".join(dict.fromkeys(word for each in lists for word in _words(each)))


def _edited(call: Call, deployment: Deployment, upstream: Dialect) -> bytes:
    changes: dict[str, bytes | None] = {}
    said_in_body = call.path.model is None and not upstream.model_in_path
    if not upstream.model_in_path and (deployment.model != call.asked.model or not said_in_body):
        changes["model"] = msgspec.json.encode(deployment.model)
    if adds_usage(call, upstream):
        options = _stream_options(call)
        changes["stream_options"] = msgspec.json.encode({**options, "include_usage": True})
    return call.asked.body.edited(changes) if changes else call.body


def adds_usage(call: Call, upstream: Dialect) -> bool:
    """Whether the gateway asks for a usage event that the caller did not ask for (chat streams only)."""
    if not call.streams or upstream.name != "openai-chat" or not upstream.shares_body_with(call.dialect):
        return False
    return _stream_options(call).get("include_usage") is not True


def _stream_options(call: Call) -> dict[str, object]:
    raw = call.asked.body.values.get("stream_options")
    if raw is None:
        return {}
    options = msgspec.json.decode(raw)
    return options if isinstance(options, dict) else {}
