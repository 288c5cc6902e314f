"""The outgoing request of one attempt, always made from the caller's original body.

Same dialect: the bytes, with only the keys changed that the gateway owns. Another dialect: translated. Must stay true:
two attempts at the same deployment send the same bytes; nothing of an earlier attempt survives.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sekisho.canonical.cache_marks import MarkPoint
from sekisho.canonical.request import Request
from sekisho.canonical.target import Encoded
from sekisho.config.sections import CacheMarks
from sekisho.core.errors import MalformedRequest, UnsupportedFeature
from sekisho.exchange.call import Call
from sekisho.exchange.media import TAKEN, Fetch, with_fetched_media
from sekisho.exchange.turns import Turns
from sekisho.policy.cache_marks import in_body, in_request, points_for
from sekisho.providers.deployment import ANTHROPIC_VERSION, Deployment
from sekisho.wire.carried import Carried, carry_request
from sekisho.wire.carrier import Said
from sekisho.wire.dialect import Dialect
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.output_cap import lowered
from sekisho.wire.pieces import check_pieces

_OF_BEDROCK = "x-amzn-bedrock-"
#: InvokeModel names a guardrail here, which must hold or be refused.
_GUARDRAIL = f"{_OF_BEDROCK}guardrailidentifier"
#: What type the answer is to have: it has that one in any case.
_OF_THE_ANSWER = {f"{_OF_BEDROCK}accept"}
_INVOCATION = "@bedrock"
#: The caller's headers that mean something to a provider of the same dialect.
_PASSED_PREFIXES = {
    "anthropic-messages": ("anthropic-beta", "anthropic-version"),
    "openai-chat": ("openai-beta", "x-openai-"),
    "openai-responses": ("openai-beta", "x-openai-"),
    "bedrock-converse": (_OF_BEDROCK,),
}
_BETAS = "anthropic-beta"
_read_options = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


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
        check_pieces(call.body)
        await turns.take(len(call.body))
    said = call.request()
    fetched = await with_fetched_media(said, upstream.name, fetch)
    return None if same and fetched is said else fetched


def marks_of(call: Call, deployment: Deployment, rules: Sequence[CacheMarks]) -> Sequence[MarkPoint]:
    """The prompt-cache marks that the gateway sets in a call to `deployment`."""
    alias = call.principal.key_alias if call.principal is not None else None
    return points_for(rules, deployment.entry, alias) if call.operation == "generate" else ()


def prepare(
    call: Call, deployment: Deployment, upstream: Dialect, words: Request | None, rules: Sequence[CacheMarks] = ()
) -> tuple[Encoded, dict[str, str]]:
    """(body, headers) for one attempt; `words` is from `words_for`, `rules` say which prompt-cache marks it gets.

    Raises UnsupportedFeature, MalformedRequest.
    """
    headers = deployment.headers()
    if not deployment.serves(upstream.name, call.operation):
        raise UnsupportedFeature(call.operation, upstream.name)
    if upstream.name == "anthropic-messages":
        headers.setdefault("anthropic-version", ANTHROPIC_VERSION)
    invoked, left_behind = _of_invocation(call, upstream)
    headers |= invoked
    points = marks_of(call, deployment, rules)
    if words is not None:
        if call.output_limit is not None:
            words = msgspec.structs.replace(words, max_tokens=call.output_limit)
        marked = in_request(upstream.shape or upstream.name, words, points)
        encoded = upstream.encode_request(marked, deployment.target)
        return Encoded(encoded.body, (*encoded.dropped, *left_behind)), headers
    passed = _PASSED_PREFIXES.get(upstream.name)
    if passed is not None:
        betas = headers.get(_BETAS)
        headers |= _passed(call, passed)
        if betas is not None:
            headers[_BETAS] = _joined(betas, headers[_BETAS])
    if upstream.name == call.dialect.name:
        return Encoded(_edited(call, deployment, upstream, points)), headers
    carried = _carried(call, deployment, upstream, points, _words(headers.get(_BETAS, "")))
    return Encoded(carried.body, (*carried.dropped, *left_behind)), headers | carried.headers


def _passed(call: Call, prefixes: tuple[str, ...]) -> dict[str, str]:
    """The caller's headers that go on. Raises MalformedRequest for what is read one way and signed another: the
    provider would call the gateway's own signature wrong.
    """
    passed = {}
    for name, value in call.headers.items():
        if name.startswith(prefixes):
            if not (value.isascii() and value.isprintable()):
                raise MalformedRequest(f"The header '{name}' may hold printable ASCII only.", param=name)
            passed[name] = value
    return passed


def _of_invocation(call: Call, upstream: Dialect) -> tuple[dict[str, str], tuple[str, ...]]:
    """What an invocation says in headers, however its body has to be changed; or the names of what has no place.
    Raises UnsupportedFeature.
    """
    to_bedrock = upstream.name.endswith(_INVOCATION)
    if not (to_bedrock or call.dialect.name.endswith(_INVOCATION)):
        return {}, ()
    said = _passed(call, (_OF_BEDROCK,))
    if to_bedrock:
        return said, ()
    if _GUARDRAIL in said:
        raise UnsupportedFeature(_GUARDRAIL, upstream.name)
    return {}, tuple(sorted(said.keys() - _OF_THE_ANSWER))


def _carried(
    call: Call, deployment: Deployment, upstream: Dialect, points: Sequence[MarkPoint], betas: Sequence[str]
) -> Carried:
    """The same body in the framing of `upstream`; `betas` are the operator's."""
    said = Said(model=deployment.model, stream=call.streams, betas=(*betas, *_words(call.headers.get(_BETAS, ""))))
    carried = carry_request(call.asked.body, call.dialect, upstream, said)
    changes: dict[str, bytes | None] = {}
    shape = upstream.shape or upstream.name  # the provider may be the vendor itself, and the caller AWS's
    if points:
        changes |= in_body(shape, JsonObject(carried.body), points, deployment.target.profile)
    if adds_usage(call, upstream):
        changes["stream_options"] = msgspec.json.encode({"include_usage": True})
    if call.output_limit is not None:
        changes |= lowered(shape, JsonObject(carried.body), call.output_limit)
    return msgspec.structs.replace(carried, body=JsonObject(carried.body).edited(changes)) if changes else carried


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _joined(*lists: str) -> str:
    """Comma-separated words, each once: the operator's betas and the caller's hold together."""
    return ",".join(dict.fromkeys(word for each in lists for word in _words(each)))


def _edited(call: Call, deployment: Deployment, upstream: Dialect, points: Sequence[MarkPoint]) -> bytes:
    changes: dict[str, bytes | None] = {}
    if points:
        changes |= in_body(upstream.shape or upstream.name, call.asked.body, points, deployment.target.profile)
    said_in_body = call.path.model is None and not upstream.model_in_path
    if not upstream.model_in_path and (deployment.model != call.asked.model or not said_in_body):
        changes["model"] = msgspec.json.encode(deployment.model)
    if adds_usage(call, upstream):
        options = _stream_options(call)
        changes["stream_options"] = msgspec.json.encode({**options, "include_usage": True})
    if call.output_limit is not None:
        changes |= lowered(call.capped_as(upstream), call.asked.body, call.output_limit)
    return call.asked.body.edited(changes) if changes else call.body


def adds_usage(call: Call, upstream: Dialect) -> bool:
    """Whether the gateway asks for a usage event that the caller did not ask for (chat streams only)."""
    if not call.streams or upstream.name != "openai-chat" or not upstream.shares_body_with(call.dialect):
        return False
    return bytes(_stream_options(call).get("include_usage", b"")) != b"true"


def _stream_options(call: Call) -> dict[str, msgspec.Raw]:
    """What the caller says of its stream, unread; nothing where it is no object."""
    try:
        return _read_options(call.asked.body.values.get("stream_options", b"{}"))
    except (msgspec.DecodeError, RecursionError):
        return {}
