"""Counts the tokens of a request: by the provider that would serve it, else an estimate that says so.

Flows in: a call of `count_tokens` or of LiteLLM's `token_counter`, and its plan. Flows out: the count in the caller's
shape. Must stay true: a caller always gets a number unless its own request is at fault; an estimate is marked
(x-sekisho-estimated) and from above, because agents cut their context by it; nothing is generated, so nothing costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from sekisho.core.errors import (
    ErrorClass,
    MalformedRequest,
    UnsupportedFeature,
    UpstreamError,
    UpstreamRefused,
)
from sekisho.exchange.call import Call
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.relay import header_text
from sekisho.providers.deployment import ANTHROPIC_VERSION, Deployment
from sekisho.routing.plan import Plan
from sekisho.upstream.http import HttpRequest, read_all
from sekisho.upstream.unpack import Unpacked
from sekisho.wire.carried import carry_request
from sekisho.wire.carrier import Said
from sekisho.wire.counters import COUNTERS
from sekisho.wire.counting import Asked, Prompt
from sekisho.wire.dialect import Dialect
from sekisho.wire.estimate import estimate_tokens, unseen
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.pieces import check_pieces
from sekisho.wire.registry import spoken

#: The operations that are answered here.
COUNT, COUNTER = "count_tokens", "token_counter"
COUNTS = frozenset({COUNT, COUNTER})
#: A count that comes later than this is no help: the estimate is there at once.
WAIT_SECONDS = 15.0
#: Providers asked in turn, each for so long at most.
_TRIES = 2
_REPLY_BYTES = 1 << 20
#: What the caller must mend itself, where the provider read its own words.
_CALLERS_FAULT = frozenset({ErrorClass.INVALID_REQUEST, ErrorClass.TOO_LARGE, ErrorClass.CONTEXT_TOO_LONG})
_BETAS = "anthropic-beta"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A count. `reply` is the provider's own, where its caller reads it as it is; `by` is None for an estimate."""

    tokens: int
    model: str
    by: Deployment | None = None
    reply: bytes | None = None


async def answer_count(call: Call, plan: Plan, gateway: Gateway) -> None:
    """Answer a call of one of COUNTS. Raises MalformedRequest, UpstreamRefused for the caller's own fault, or
    UnsupportedFeature for what nobody here can see.
    """
    prompt = _opened_any(call) if call.operation == COUNTER else COUNTERS[call.dialect.name].opened(call.body)
    count = await _count(call, prompt, plan, gateway)
    headers = [(b"content-type", b"application/json"), (b"x-sekisho-model", header_text(count.model))]
    if count.by is None:
        headers.append((b"x-sekisho-estimated", b"true"))
    await call.answer.whole(200, headers, _told(call, count))


async def _count(call: Call, prompt: Prompt, plan: Plan, gateway: Gateway) -> Count:
    able = [one for one in (*plan.deployments, *plan.last_resort) if one.offers(COUNT)]
    for deployment in able[:_TRIES]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await _counted(call, prompt, deployment, gateway)
        except UpstreamRefused as error:
            if error.body is not None and error.info.error_class in _CALLERS_FAULT:
                raise
        except (UpstreamError, UnsupportedFeature, TimeoutError):
            continue
    hidden = unseen(prompt.body)
    if hidden is not None:  # an estimate would be low
        raise UnsupportedFeature(hidden, "an estimate of tokens")
    await gateway.turns.take(len(prompt.body))
    return Count(tokens=estimate_tokens(prompt.body, plan.lead.known_model), model=plan.lead.model)


async def _counted(call: Call, prompt: Prompt, deployment: Deployment, gateway: Gateway) -> Count:
    """By the provider. Raises UpstreamError, or UnsupportedFeature for what it cannot count."""
    source = spoken(gateway.dialects[prompt.dialect], JsonObject(prompt.body))
    upstream = gateway.dialects[deployment.dialect_for(source.name, frozenset(), COUNT)]
    if not deployment.serves(upstream.name, COUNT) or upstream.name not in COUNTERS:
        raise UnsupportedFeature(COUNT, upstream.name)
    counting = COUNTERS[upstream.name]
    await gateway.turns.take(len(prompt.body))
    body, headers = _generating(call, prompt, source, upstream, deployment)
    url = deployment.url(upstream.name, COUNT)
    asked = counting.asked(body, Asked(deployment.model, url))
    await deployment.authority.prepare()
    call.deployment, call.upstream_dialect = deployment, upstream.name
    call.attempts += 1
    proof = deployment.authority.headers("POST", url, asked, headers)
    request = HttpRequest("POST", url, {**proof, **headers}, asked, streamed=False)
    async with gateway.transport(deployment).open_stream(request) as reply:
        data = await read_all(Unpacked(reply, reply.header("content-encoding") or ""), _REPLY_BYTES)
        if reply.status != 200:
            named = (reply.header(upstream.error_header) if upstream.error_header else None) or ""
            own = upstream.name == call.dialect.name
            info = upstream.parse_error(reply.status, data, named)
            raise UpstreamRefused(info, tuple(reply.headers()), data if own else None, reply.status)
    passes = upstream.name == call.dialect.name and call.operation == COUNT
    return Count(tokens=counting.read(data), model=deployment.model, by=deployment, reply=data if passes else None)


def _generating(
    call: Call, prompt: Prompt, source: Dialect, upstream: Dialect, deployment: Deployment
) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of the request that would generate, in the dialect in which it is counted."""
    headers = deployment.headers()
    betas = tuple(dict.fromkeys((*_words(headers.get(_BETAS)), *_words(call.headers.get(_BETAS)))))
    if upstream.name == "anthropic-messages":
        headers["anthropic-version"] = call.headers.get("anthropic-version", ANTHROPIC_VERSION)
        headers |= {_BETAS: ",".join(betas)} if betas else {}
    try:
        return _in_dialect(prompt, source, upstream, deployment, betas), headers
    except MalformedRequest as error:
        if call.operation == COUNT:
            raise
        raise UnsupportedFeature(error.info.param or COUNT, upstream.name) from None  # a made body: not its words


def _in_dialect(
    prompt: Prompt, source: Dialect, upstream: Dialect, deployment: Deployment, betas: tuple[str, ...]
) -> bytes:
    if not upstream.shares_body_with(source):
        check_pieces(prompt.body)
        return upstream.encode_request(source.decode_request(prompt.body), deployment.target).body
    json = JsonObject(prompt.body)
    if upstream.name == source.name:
        return json.body if upstream.model_in_path else json.edited({"model": msgspec.json.encode(deployment.model)})
    return carry_request(json, source, upstream, Said(model=deployment.model, stream=False, betas=betas)).body


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _told(call: Call, count: Count) -> bytes:
    if call.operation == COUNTER:
        kind = "sekisho_estimate" if count.by is None else f"{count.by.provider.name}_api"
        names = {"request_model": call.asked.model, "model_used": count.model, "tokenizer_type": kind}
        return msgspec.json.encode({"total_tokens": count.tokens, **names})
    return COUNTERS[call.dialect.name].told(count.tokens) if count.reply is None else count.reply


def _opened_any(call: Call) -> Prompt:
    """What LiteLLM's /utils/token_counter takes: `messages` of a chat, a `prompt`, or Gemini's `contents`."""
    body = call.asked.body
    for key, opened in _COUNTABLE.items():
        if bytes(body.values.get(key, b"null")) != b"null":
            return opened(body)
    raise MalformedRequest("One of 'messages', 'prompt' and 'contents' is needed: what is to be counted.")


def _chat(body: JsonObject) -> Prompt:
    return Prompt("openai-chat", _kept(body, "model", "messages", "tools"))


def _text(body: JsonObject) -> Prompt:
    try:
        said = msgspec.json.decode(body.values["prompt"], type=str | list[str])
    except msgspec.DecodeError:
        raise MalformedRequest("'prompt' must be a string or a list of strings.", param="prompt") from None
    text = said if isinstance(said, str) else "\n".join(said)
    messages = msgspec.json.encode([{"role": "user", "content": text}])
    return Prompt("openai-chat", JsonObject(_kept(body, "model")).edited({"messages": messages}))


def _contents(body: JsonObject) -> Prompt:
    return Prompt("gemini-generate", _kept(body, "contents", "tools", "systemInstruction"))


def _kept(body: JsonObject, *names: str) -> bytes:
    return msgspec.json.encode({name: body.values[name] for name in names if name in body.values})


_COUNTABLE: dict[str, Callable[[JsonObject], Prompt]] = {"messages": _chat, "prompt": _text, "contents": _contents}
