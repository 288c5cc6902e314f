"""A provider's stream of chunks -> events.

Flows in: bytes cut anywhere. Flows out: events in the order of canonical/order.py.
Must stay true: empty pieces open no block (Azure's filter chunks); the choice's index is not looked at, because it
drifts at some vendors and a translated call has one choice; the end is told only when the usage is known or the
stream is over, because some send it after the finish reason.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.request import RedactedThinking
from sekisho.canonical.usage import Usage
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo, UpstreamProtocolError
from sekisho.wire.openai_chat.citations import read_citation
from sekisho.wire.openai_chat.errors import read_error
from sekisho.wire.openai_chat.google import read_signature
from sekisho.wire.openai_chat.reply_schema import (
    Annotation,
    Choice,
    MessageDelta,
    ReplyBody,
    content_texts,
    decode_body,
)
from sekisho.wire.openai_chat.stops import read_stop
from sekisho.wire.openai_chat.stream_calls import CallReader
from sekisho.wire.openai_chat.thoughts import read_block, reasoning_text
from sekisho.wire.openai_chat.usage import read_usage
from sekisho.wire.sse import SseReader

Kind = Literal["text", "refusal", "thinking"]

CUT = ErrorInfo(
    error_class=ErrorClass.UPSTREAM_ERROR,
    message="The provider ended its stream in the middle of the answer.",
    status=DEFAULT_STATUS[ErrorClass.UPSTREAM_ERROR],
    code="stream_cut",
)


class ChatStreamReader:
    """See wire/dialect.py, StreamReader."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._out: list[e.Event] = []
        self._started = False
        self._ended = False
        self._blocks = 0
        #: The one open block of text, refusal or thinking; tool calls may stay open beside it.
        self._open: tuple[int, Kind] | None = None
        self._calls = CallReader(self._new_block)
        self._has_refusal = False
        #: The finish reason, once it has come.
        self._reason: str | None = None
        self._usage: Usage | None = None

    def feed(self, chunk: bytes) -> list[e.Event]:
        """Events completed by `chunk`. Raises UpstreamProtocolError."""
        for name, data in self._sse.feed(chunk):
            self._event(name, data)
        return self._take()

    def close(self) -> list[e.Event]:
        """The end: Finished where a finish reason has come, Failed otherwise."""
        with suppress(UpstreamProtocolError):  # the cut may have gone through an event
            for name, data in self._sse.close():
                self._event(name, data)
        if not self._ended and self._reason is not None:
            self._finish()
        elif not self._ended:
            self._fail(CUT)
        return self._take()

    def _take(self) -> list[e.Event]:
        out, self._out = self._out, []
        return out

    def _event(self, name: bytes, data: bytes) -> None:
        if self._ended or not data:
            return
        if data.strip() == b"[DONE]":
            if self._started:
                self._finish()
            else:
                self._fail(CUT)
            return
        try:
            chunk = decode_body(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamProtocolError("The provider's stream holds an event that is not a chat chunk.") from None
        if chunk.error is not None or name == b"error":
            error: Any = chunk.error if chunk.error is not None else msgspec.json.decode(data)
            self._fail(read_error({"error": error}, 200))
        else:
            self._chunk(chunk)

    def _chunk(self, chunk: ReplyBody) -> None:
        if not self._started and (chunk.choices or chunk.id):
            self._started = True
            self._calls.reply_id = chunk.id or ""
            created = None if chunk.created is None else int(chunk.created)
            self._out.append(e.Started(id=chunk.id or "", model=chunk.model or "", created_seconds=created))
        counted = chunk.usage
        if chunk.choices:
            choice = chunk.choices[0]
            counted = counted or choice.usage
            self._choice(choice)
        usage = read_usage(counted, chunk.service_tier)
        if usage is None or not self._started:
            return
        if usage != self._usage:
            self._usage = usage
            self._out.append(e.UsageReported(usage))
        if self._reason is not None:
            self._finish()

    def _choice(self, choice: Choice) -> None:
        if choice.delta is not None:
            self._delta(choice.delta)
        if choice.finish_reason:
            self._reason = choice.finish_reason

    def _delta(self, delta: MessageDelta) -> None:
        inline, text = content_texts(delta.content)
        thought = inline or reasoning_text(delta.reasoning_content, delta.reasoning, delta.reasoning_details)
        if thought:
            self._out.append(e.ThinkingDelta(self._block("thinking"), thought))
        if delta.thinking_blocks:
            self._thinking_blocks(delta.thinking_blocks, told=bool(thought))
        if delta.extra_content is not None and (signed := read_signature(delta.extra_content)) is not None:
            self._close_open()
            self._calls.sign(signed, self._out)
        if text:
            self._out.append(e.TextDelta(self._block("text"), text))
        if delta.refusal:
            self._has_refusal = True
            self._out.append(e.TextDelta(self._block("refusal"), delta.refusal))
        for note in delta.annotations or ():
            self._annotation(note)
        for call in delta.tool_calls or ():
            self._close_open()
            self._calls.see(call, self._out)

    def _thinking_blocks(self, blocks: Any, *, told: bool) -> None:
        """LiteLLM's blocks: text beside `reasoning_content`, then the signature with the whole text or none."""
        for block in blocks if isinstance(blocks, list) else ():
            thought = read_block(block) if isinstance(block, dict) else None
            if isinstance(thought, RedactedThinking):
                self._close_open()
                index = self._new_block()
                self._out.append(e.BlockStarted(index=index, kind="redacted_thinking", data=thought.data))
                self._out.append(e.BlockEnded(index))
            elif thought is not None and thought.signature is not None:
                self._signature(thought.text, thought.signature, thought.origin or "", thought.item_id)
            elif thought is not None and not told:
                self._out.append(e.ThinkingDelta(self._block("thinking"), thought.text))

    def _signature(self, text: str, signature: str, origin: str, item_id: str | None) -> None:
        if self._open is not None and self._open[1] == "thinking":
            index = self._open[0]
        else:
            self._close_open()
            index = self._new_block()
            self._open = (index, "thinking")
            self._out.append(e.BlockStarted(index=index, kind="thinking", origin=origin, item_id=item_id))
            if text:
                self._out.append(e.ThinkingDelta(index, text))
        self._out.append(e.SignatureDelta(index, signature, origin))
        self._close_open()

    def _annotation(self, note: Annotation) -> None:
        citation = read_citation(note)
        if citation is not None and self._open is not None and self._open[1] == "text":
            self._out.append(e.CitationAdded(self._open[0], citation))

    def _block(self, kind: Kind) -> int:
        """The index of the open block of this kind, begun if need be."""
        if self._open is not None and self._open[1] == kind:
            return self._open[0]
        self._close_open()
        self._calls.close_complete(self._out)
        self._open = (self._new_block(), kind)
        self._out.append(e.BlockStarted(index=self._open[0], kind=kind))
        return self._open[0]

    def _new_block(self) -> int:
        self._blocks += 1
        return self._blocks - 1

    def _close_open(self) -> None:
        if self._open is not None:
            self._out.append(e.BlockEnded(self._open[0]))
            self._open = None

    def _finish(self) -> None:
        self._ended = True
        self._close_open()
        self._calls.close(self._out)
        stop = read_stop(self._reason, has_calls=bool(self._calls), has_refusal=self._has_refusal)
        self._out.append(e.Finished(stop=stop))

    def _fail(self, error: ErrorInfo) -> None:
        self._ended = True
        self._out.append(e.Failed(error))
