"""Bedrock's InvokeModel: a vendor's own body under AWS's roof.

Flows in: Messages and chat completions. Flows out: the same as InvokeModel and InvokeModelWithResponseStream take and
give them. Must stay true: the path names model and streaming, the body says neither; betas travel in the body, only
those that Bedrock knows; errors are AWS's.
(docs.aws.amazon.com/bedrock/latest/userguide: Anthropic Claude Messages API; OpenAI models)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from sekisho.core.errors import ErrorInfo, UpstreamProtocolError
from sekisho.wire import aws_errors
from sekisho.wire.carried import carried
from sekisho.wire.carrier import Carrier, Said, Saying
from sekisho.wire.carriers.betas import BEDROCK, sorted_out
from sekisho.wire.carriers.cache_scope import without_cache_scope
from sekisho.wire.carriers.chunks import FromChunks, Metrics, Place, ToChunks, with_keys
from sekisho.wire.carriers.invocation import STREAM_HEADERS, usage_headers
from sekisho.wire.dialect import Dialect
from sekisho.wire.eventstream import CONTENT_TYPE, whole_messages
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.sse import sse_event

_VERSION = b'"bedrock-2023-05-31"'
_DONE = b"[DONE]"
_TYPE = re.compile(rb'\{"type":"([a-z_]+)"')
_decode_list = msgspec.json.Decoder(list[str]).decode


class _Typed(msgspec.Struct, frozen=True):
    type: str = ""


class _Choice(msgspec.Struct, frozen=True):
    finish_reason: str | None = None


class _ChatChunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] = []
    usage: Any = None


class _Usage(msgspec.Struct, frozen=True):
    usage: Any = None


_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_usage = msgspec.json.Decoder(_Usage).decode
_decode_chat = msgspec.json.Decoder(_ChatChunk).decode


def messages_on_bedrock(messages: Dialect) -> Dialect:
    """Anthropic's Messages as InvokeModel carries them."""
    carrier = Carrier(
        name="bedrock",
        keys=("anthropic_version", "anthropic_beta"),
        betas=_betas,
        says=_messages_says,
        clean=without_cache_scope,
        unwrap=lambda: FromChunks(_message_event, _error_in(messages)),
        wrap=lambda: ToChunks(messages, _message_place),
    )
    return _on_bedrock(messages, carrier)


def chat_on_bedrock(chat: Dialect) -> Dialect:
    """Chat completions as InvokeModel carries them for the models that speak them."""
    carrier = Carrier(
        name="bedrock",
        says=lambda _said: Saying(keys={"model": None, "stream": None, "stream_options": None}),
        unwrap=lambda: FromChunks(_chat_event, _error_in(chat)),
        wrap=lambda: ToChunks(chat, _chat_place),
    )
    return _on_bedrock(chat, carrier)


def _on_bedrock(dialect: Dialect, carrier: Carrier) -> Dialect:
    return carried(
        dialect,
        carrier,
        stream_type=CONTENT_TYPE,
        split=whole_messages,
        parse_error=aws_errors.parse_error,
        render_error=aws_errors.render_error,
        render_error_event=aws_errors.render_error_event,
        error_header=aws_errors.ERROR_HEADER,
        error_headers=aws_errors.error_headers,
        stream_headers=STREAM_HEADERS,
        usage_headers=usage_headers,
    )


def _error_in(dialect: Dialect) -> Callable[[ErrorInfo], bytes]:
    """How an exception inside a stream is said in `dialect`: in its words, not by the name that AWS gave it."""

    def error_of(error: ErrorInfo) -> bytes:
        return dialect.render_error_event(msgspec.structs.replace(error, code=None), "")

    return error_of


def _betas(body: JsonObject) -> tuple[str, ...]:
    try:
        return tuple(_decode_list(body.values.get("anthropic_beta", b"[]")))
    except msgspec.DecodeError:
        return ()


def _messages_says(said: Said) -> Saying:
    betas, dropped = sorted_out(said.betas, BEDROCK)
    keys = {
        "model": None,
        "stream": None,
        "anthropic_version": _VERSION,
        "anthropic_beta": msgspec.json.encode(betas) if betas else None,
    }
    return Saying(keys=keys, dropped=dropped)


def _message_event(data: bytes, _metrics: Metrics | None) -> bytes:
    """Metrics say nothing that the events of this dialect have not said."""
    match = _TYPE.match(data)
    return sse_event(data, match[1].decode() if match else _read_type(data))


def _read_type(data: bytes) -> str:
    try:
        kind = _decode_typed(data).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("The provider's event stream has a chunk that cannot be read.") from None
    return kind if kind.isidentifier() else ""


def _message_place(name: bytes, _data: bytes) -> Place:
    return "last" if name == b"message_stop" else "within"


def _chat_event(data: bytes, metrics: Metrics | None) -> bytes:
    """The last chunk brings the counts, and the word that nothing follows."""
    if metrics is None:
        return sse_event(data)
    if _decode_usage(data).usage is None:
        data = with_keys(data, {"usage": msgspec.json.encode(_usage(metrics))})
    return sse_event(data) + sse_event(_DONE)


def _usage(metrics: Metrics) -> dict[str, Any]:
    cached, written = metrics.cache_read_input_token_count, metrics.cache_write_input_token_count
    prompt = metrics.input_token_count + cached + written
    return {
        "prompt_tokens": prompt,
        "completion_tokens": metrics.output_token_count,
        "total_tokens": prompt + metrics.output_token_count,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }


def _chat_place(_name: bytes, data: bytes) -> Place:
    """From the finish reason on, each event may be the last one."""
    if data.strip() == _DONE:
        return "end"
    if b'"finish_reason":null' in data:
        return "within"
    try:
        chunk = _decode_chat(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "within"
    ends = any(choice.finish_reason for choice in chunk.choices)
    return "maybe_last" if ends or (chunk.usage is not None and not chunk.choices) else "within"
