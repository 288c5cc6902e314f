"""Amazon Nova's own body in InvokeModel: nearly Converse's, in chunks.

Flows in: Nova's requests, replies and streams. Flows out: the same as Converse; and back. Must stay true: only names
and places of knobs and counts differ, contents are one in both; bodies are translated, never passed on as they are.
(docs.aws.amazon.com/nova/latest/userguide: Complete request schema)
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Request
from sekisho.canonical.target import Encoded, Target
from sekisho.core.errors import ErrorInfo, MalformedRequest, UpstreamProtocolError
from sekisho.wire import aws_errors
from sekisho.wire.carried import carried
from sekisho.wire.carrier import Carrier
from sekisho.wire.carriers.chunks import METRICS, FromChunks, Metrics, encode_chunk
from sekisho.wire.carriers.invocation import STREAM_HEADERS, usage_headers
from sekisho.wire.dialect import Dialect, ReplyFacts
from sekisho.wire.eventstream import EventStreamReader, Message, encode_message

Json = dict[str, Any]

_ADDITIONAL = "additionalModelRequestFields"
#: Nova's older names of knobs -> Converse's.
_KNOBS = {
    "max_new_tokens": "maxTokens",
    "top_p": "topP",
    "top_k": "topK",
    "stop_sequences": "stopSequences",
}
#: What Converse hands through to the model unread.
_HANDED_THROUGH = ("topK",)
#: Nova's names of counts -> Converse's.
_COUNTS = {
    "cacheReadInputTokenCount": "cacheReadInputTokens",
    "cacheWriteInputTokenCount": "cacheWriteInputTokens",
}
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_json_decoder = msgspec.json.Decoder(Json)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def nova_on_bedrock(converse: Dialect) -> Dialect:
    """Converse, as Nova's callers of InvokeModel write and read it."""

    def decode_request(body: bytes) -> Request:
        return converse.decode_request(_as_converse(body))

    def encode_request(request: Request, target: Target) -> Encoded:
        encoded = converse.encode_request(request, target)
        return Encoded(_as_nova(encoded.body), encoded.dropped)

    def decode_reply(body: bytes) -> Reply:
        return converse.decode_reply(_recounted(body, _COUNTS))

    def encode_reply(reply: Reply, request: Request) -> bytes:
        return _recounted(converse.encode_reply(reply, request), _NOVA_COUNTS, leaving="metrics")

    def read_facts(body: bytes) -> ReplyFacts:
        try:
            return converse.read_facts(_recounted(body, _COUNTS))
        except UpstreamProtocolError:
            return ReplyFacts()

    carrier = Carrier(name="bedrock", unwrap=lambda: FromChunks(_event, _exception), wrap=NovaChunks)
    return carried(
        converse,
        carrier,
        shape="",
        decode_request=decode_request,
        encode_request=encode_request,
        decode_reply=decode_reply,
        encode_reply=encode_reply,
        read_facts=read_facts,
        stream_headers=STREAM_HEADERS,
        usage_headers=usage_headers,
    )


_NOVA_COUNTS = {converse: nova for nova, converse in _COUNTS.items()}


def _as_converse(body: bytes) -> bytes:
    """Raises MalformedRequest."""
    try:
        asked: Json = dict(_object_decoder.decode(body))
        knobs = _json_decoder.decode(asked.get("inferenceConfig", b"{}"))
        additional = _json_decoder.decode(asked.get(_ADDITIONAL, b"{}"))
    except _UNREADABLE as error:
        raise MalformedRequest(f"The request body cannot be read: {error!s:.120}.") from None
    asked.pop("schemaVersion", None)
    knobs = {_KNOBS.get(name, name): value for name, value in knobs.items()}
    handed = {name: knobs.pop(name) for name in _HANDED_THROUGH if name in knobs}
    reasoning = asked.pop("reasoningConfig", knobs.pop("reasoningConfig", None))
    if handed:
        additional["inferenceConfig"] = handed
    if reasoning is not None:
        additional["reasoningConfig"] = reasoning
    parts = {"inferenceConfig": knobs, _ADDITIONAL: additional}
    return msgspec.json.encode(asked | {name: value for name, value in parts.items() if value or name in asked})


def _as_nova(body: bytes) -> bytes:
    asked: Json = dict(_object_decoder.decode(body))
    additional = _json_decoder.decode(asked.pop(_ADDITIONAL, b"{}"))
    knobs = _json_decoder.decode(asked.pop("inferenceConfig", b"{}")) | additional.pop("inferenceConfig", {})
    parts = {"schemaVersion": "messages-v1"} | asked
    return msgspec.json.encode(parts | ({"inferenceConfig": knobs} if knobs else {}) | additional)


def _recounted(body: bytes, names: dict[str, str], leaving: str = "") -> bytes:
    """A reply, or the metadata of a stream, with other names of its counts. Raises UpstreamProtocolError."""
    try:
        reply: Json = dict(_object_decoder.decode(body))
        usage = _json_decoder.decode(reply["usage"]) if "usage" in reply else None
    except _UNREADABLE:
        raise UpstreamProtocolError("The provider's answer is no reply of this model.") from None
    reply.pop(leaving, None)
    if usage is not None:
        reply["usage"] = {names.get(name, name): value for name, value in usage.items()}
    return msgspec.json.encode(reply)


def _event(data: bytes, _metrics: Metrics | None) -> bytes:
    """Nova's event, of which the one key says what it is, as Converse's. Its metadata say all that metrics say."""
    try:
        ((kind, payload),) = _object_decoder.decode(data).items()
    except (*_UNREADABLE, ValueError):
        raise UpstreamProtocolError("The provider's event stream has a chunk that cannot be read.") from None
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, _recounted(payload, _COUNTS) if kind == "metadata" else bytes(payload))


def _exception(error: ErrorInfo) -> bytes:
    return aws_errors.render_error_event(error)


class NovaChunks:
    """A ConverseStream -> chunks with Nova's events."""

    __slots__ = ("_reader",)

    def __init__(self) -> None:
        self._reader = EventStreamReader()

    def feed(self, chunk: bytes) -> bytes:
        """See Filter."""
        return b"".join(map(_chunk, self._reader.feed(chunk)))

    def close(self) -> bytes:
        """Half a message is none."""
        return b""


def _chunk(message: Message) -> bytes:
    if aws_errors.is_exception(message):
        return aws_errors.render_error_event(aws_errors.read_exception(message))
    kind = message.header(":event-type")
    if kind != "metadata":
        return encode_chunk(msgspec.json.encode({kind: msgspec.Raw(message.payload)}))
    try:
        payload = _json_decoder.decode(_recounted(message.payload, _NOVA_COUNTS))
    except _UNREADABLE:
        raise UpstreamProtocolError("The stream's metadata cannot be read.") from None
    return encode_chunk(msgspec.json.encode({kind: payload, METRICS: _metrics(payload.get("usage") or {})}))


def _metrics(usage: Json) -> Json:
    return {
        "inputTokenCount": usage.get("inputTokens", 0),
        "outputTokenCount": usage.get("outputTokens", 0),
        "cacheReadInputTokenCount": usage.get("cacheReadInputTokenCount", 0),
        "cacheWriteInputTokenCount": usage.get("cacheWriteInputTokenCount", 0),
    }
