"""The chunks of one answer -> events: a whole reply is a stream of one chunk.

Flows in: typed chunks. Flows out: canonical events in legal order. Must stay true: texts that follow each other are
one block; a signature becomes a thought without text directly before the part that carried it, and one that came
alone stands where it came; the sources, which the last chunk names, still meet their text open.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal

import msgspec

from sekisho.canonical import events as e
from sekisho.canonical.usage import Usage
from sekisho.core.errors import ErrorInfo
from sekisho.wire.gemini_generate.citations import read_citations
from sekisho.wire.gemini_generate.errors import read_error
from sekisho.wire.gemini_generate.proto import standard_base64
from sekisho.wire.gemini_generate.reply_schema import CallOut, CandidateOut, ChunkOut, PartOut
from sekisho.wire.gemini_generate.signatures import ORIGIN
from sekisho.wire.gemini_generate.stops import read_stop
from sekisho.wire.gemini_generate.usage import read_usage


class ChunkReader:
    """`see` chunk by chunk, then `close`. `ended` after `Finished` or `Failed`."""

    def __init__(self) -> None:
        self.ended = False
        self._started = False
        self._reply_id = ""
        self._blocks = 0
        self._calls = 0
        #: The block that more text would go on with.
        self._open: Literal["text", "thinking"] | None = None
        #: All text of the answer that is in the open block.
        self._texts: list[str] = []
        #: A signature that came alone: it is said when the text before it has ended.
        self._alone: str | None = None
        self._usage: Usage | None = None
        self._stop: e.StopReason | ErrorInfo | None = None

    def see(self, chunk: ChunkOut, out: list[e.Event]) -> None:
        """Add one chunk."""
        if self.ended:
            return
        if chunk.error is not None:
            self._fail(read_error({"error": chunk.error}, 200), out)
            return
        if not chunk.says_something():
            return
        usage = read_usage(chunk.usage_metadata)
        self._start(chunk, usage, out)
        candidate = chunk.candidate()
        if candidate is not None:
            self._candidate(candidate, out)
        if usage is not None and usage != self._usage:
            self._usage = usage
            out.append(e.UsageReported(usage))
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason and self._stop is None:
            self._stop = e.StopReason.REFUSAL
        if self._stop is not None and usage is not None:  # nothing can follow; without a count one may
            self.close(out)

    def close(self, out: list[e.Event]) -> bool:
        """The end of the answer; whether it has one."""
        if self.ended or self._stop is None:
            return self.ended
        if isinstance(self._stop, ErrorInfo):
            self._fail(self._stop, out)
            return True
        self._close_block(out)
        out.append(e.Finished(stop=self._stop))
        self.ended = True
        return True

    def _fail(self, error: ErrorInfo, out: list[e.Event]) -> None:
        out.append(e.Failed(error))
        self.ended = True

    def _start(self, chunk: ChunkOut, usage: Usage | None, out: list[e.Event]) -> None:
        if self._started:
            return
        self._started = True
        self._usage = usage
        self._reply_id = chunk.response_id or ""
        created = _seconds(chunk.create_time)
        out.append(e.Started(id=self._reply_id, model=chunk.model_version or "", usage=usage, created_seconds=created))

    def _candidate(self, candidate: CandidateOut, out: list[e.Event]) -> None:
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            self._part(part, out)
        if self._open == "text" and candidate.has_sources():
            text = "".join(self._texts)
            out += [e.CitationAdded(self._blocks - 1, citation) for citation in read_citations(candidate, text)]
        if candidate.finish_reason:
            self._stop = read_stop(candidate.finish_reason, has_calls=self._calls > 0)

    def _part(self, part: PartOut, out: list[e.Event]) -> None:
        if part.function_call is not None:
            self._call(part.function_call, part.thought_signature, out)
        elif part.thought:
            self._thought(part, out)
        elif part.text:
            if part.thought_signature:
                self._signature(part.thought_signature, out)
            self._begin("text", out)
            self._texts.append(part.text)
            out.append(e.TextDelta(self._blocks - 1, part.text))
        elif part.thought_signature and part.text is not None:
            self._flush_alone(out)
            self._alone = part.thought_signature

    def _thought(self, part: PartOut, out: list[e.Event]) -> None:
        if part.text:
            self._begin("thinking", out)
            out.append(e.ThinkingDelta(self._blocks - 1, part.text))
        if part.thought_signature and part.text:
            out.append(_signed(self._blocks - 1, part.thought_signature))
            self._close_block(out)
        elif part.thought_signature:
            self._signature(part.thought_signature, out)

    def _call(self, call: CallOut, signature: str | None, out: list[e.Event]) -> None:
        if not call.name:  # the end of arguments that were streamed, which only Google's own callers ask for
            return
        if signature:
            self._signature(signature, out)
        self._close_block(out)
        index, number = self._next_block(), self._calls
        self._calls += 1
        call_id = call.id or made_call_id(self._reply_id, number)
        out.append(e.BlockStarted(index=index, kind="tool_call", call_id=call_id, name=call.name))
        out.append(e.ArgumentsDelta(index, arguments_text(call)))
        out.append(e.BlockEnded(index))

    def _signature(self, signature: str, out: list[e.Event]) -> None:
        """A thought without readable text, of the part that follows."""
        self._close_block(out)
        self._say_signature(signature, out)

    def _say_signature(self, signature: str, out: list[e.Event]) -> None:
        index = self._next_block()
        out.append(e.BlockStarted(index=index, kind="thinking", origin=ORIGIN))
        out.append(_signed(index, signature))
        out.append(e.BlockEnded(index))

    def _begin(self, kind: Literal["text", "thinking"], out: list[e.Event]) -> None:
        if self._open == kind and self._alone is None:
            return
        self._close_block(out)
        index = self._next_block()
        self._open = kind
        out.append(e.BlockStarted(index=index, kind=kind))

    def _close_block(self, out: list[e.Event]) -> None:
        if self._open is not None:
            out.append(e.BlockEnded(self._blocks - 1))
            self._open = None
            self._texts = []
        if self._alone is not None:
            alone, self._alone = self._alone, None
            self._say_signature(alone, out)

    def _flush_alone(self, out: list[e.Event]) -> None:
        if self._alone is not None:
            self._close_block(out)

    def _next_block(self) -> int:
        self._blocks += 1
        return self._blocks - 1


def arguments_text(call: CallOut) -> str:
    """The arguments as JSON without blank space; {} where there are none. Raw JSON may hold bytes that are no UTF-8."""
    text = msgspec.json.format(call.args, indent=-1).decode("utf-8", "replace")
    return text if text.startswith("{") else "{}"


def _signed(index: int, signature: str) -> e.SignatureDelta:
    return e.SignatureDelta(index, standard_base64(signature), ORIGIN)


def _seconds(time: str | None) -> int | None:
    try:
        return None if time is None else int(datetime.fromisoformat(time).timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def made_call_id(reply_id: str, number: int) -> str:
    """An id for call `number` of a reply whose provider gave none: no chance in it, streamed or not it is the same."""
    return "call_" + hashlib.sha256(f"{reply_id}/{number}".encode()).hexdigest()[:24]
