"""Events -> a complete Reply, and back. The joining of deltas lives only here.

Must stay true: fold(unfold(reply)) == reply for every reply; folding does not depend on how text was cut into deltas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sekisho.canonical import events as e
from sekisho.canonical.reply import Reply
from sekisho.canonical.request import Part, RedactedThinking, Refusal, Text, Thinking, ToolCall
from sekisho.canonical.usage import Usage
from sekisho.core.errors import StreamBroken, UpstreamRefused


class _Block:
    __slots__ = ("citations", "origin", "signature", "start", "texts")

    def __init__(self, start: e.BlockStarted) -> None:
        self.start = start
        self.texts: list[str] = []
        self.signature: str | None = None
        self.origin = start.origin
        self.citations: list[e.Citation] = []

    def part(self) -> Part:
        text, start = "".join(self.texts), self.start
        if start.kind == "text":
            return Text(text)
        if start.kind == "refusal":
            return Refusal(text)
        if start.kind == "thinking":
            origin = self.origin if self.signature is not None else None
            return Thinking(text=text, signature=self.signature, origin=origin, item_id=start.item_id)
        if start.kind == "redacted_thinking":
            return RedactedThinking(start.data)
        return ToolCall(
            id=start.call_id,
            name=start.name,
            arguments=text,
            custom=start.custom,
            namespace=start.namespace,
            item_id=start.item_id,
        )


class Fold:
    """Takes events one by one; `reply()` is the answer so far, also when the stream was cut."""

    def __init__(self) -> None:
        self.started: e.Started | None = None
        self.blocks: dict[int, _Block] = {}
        self.usage: Usage | None = None
        self.finished: e.Finished | None = None
        self.failed: e.Failed | None = None

    def see(self, event: e.Event) -> None:
        """Add one event."""
        if isinstance(event, (e.TextDelta, e.ThinkingDelta, e.ArgumentsDelta)):
            self.blocks[event.index].texts.append(event.text)
        elif isinstance(event, e.BlockStarted):
            self.blocks[event.index] = _Block(event)
        elif isinstance(event, e.SignatureDelta):
            block = self.blocks[event.index]
            block.signature, block.origin = event.signature, event.origin
        elif isinstance(event, e.CitationAdded):
            self.blocks[event.index].citations.append(event.citation)
        elif isinstance(event, e.UsageReported):
            self.usage = event.usage
        elif isinstance(event, e.Started):
            self.started, self.usage = event, event.usage
        elif isinstance(event, e.Finished):
            self.finished = event
        elif isinstance(event, e.Failed):
            self.failed = event

    def reply(self) -> Reply:
        """The whole answer. Raises UpstreamRefused when the stream failed, StreamBroken when it is not finished."""
        if self.failed is not None:
            raise UpstreamRefused(self.failed.error)
        if self.started is None or self.finished is None:
            raise StreamBroken("The provider's stream ended early.")
        blocks = [self.blocks[i] for i in sorted(self.blocks)]
        return Reply(
            id=self.started.id,
            model=self.started.model,
            parts=tuple(block.part() for block in blocks),
            stop=self.finished.stop,
            stop_sequence=self.finished.stop_sequence,
            usage=self.usage,
            created_seconds=self.started.created_seconds,
            citations=tuple((i, citation) for i, block in enumerate(blocks) for citation in block.citations),
        )


def fold(stream: Iterable[e.Event]) -> Reply:
    """All events of a finished stream -> its Reply. Raises as `Fold.reply`."""
    folding = Fold()
    for event in stream:
        folding.see(event)
    return folding.reply()


def unfold(reply: Reply) -> Iterator[e.Event]:
    """A whole Reply as the shortest legal stream."""
    yield e.Started(id=reply.id, model=reply.model, created_seconds=reply.created_seconds)
    for index, part in enumerate(reply.parts):
        yield from _block(index, part)
        for at, citation in reply.citations:
            if at == index:
                yield e.CitationAdded(index, citation)
        yield e.BlockEnded(index)
    if reply.usage is not None:
        yield e.UsageReported(reply.usage)
    yield e.Finished(stop=reply.stop, stop_sequence=reply.stop_sequence)


def _block(index: int, part: Part) -> Iterator[e.Event]:
    if isinstance(part, Text):
        yield e.BlockStarted(index=index, kind="text")
        yield e.TextDelta(index, part.text)
    elif isinstance(part, Refusal):
        yield e.BlockStarted(index=index, kind="refusal")
        yield e.TextDelta(index, part.text)
    elif isinstance(part, Thinking):
        yield e.BlockStarted(index=index, kind="thinking", item_id=part.item_id, origin=part.origin)
        yield e.ThinkingDelta(index, part.text)
        if part.signature is not None:
            yield e.SignatureDelta(index, part.signature, part.origin or "")
    elif isinstance(part, RedactedThinking):
        yield e.BlockStarted(index=index, kind="redacted_thinking", data=part.data)
    elif isinstance(part, ToolCall):
        yield e.BlockStarted(
            index=index,
            kind="tool_call",
            call_id=part.id,
            name=part.name,
            custom=part.custom,
            namespace=part.namespace,
            item_id=part.item_id,
        )
        yield e.ArgumentsDelta(index, part.arguments)
    else:
        raise TypeError(f"{type(part).__name__} is not part of a reply")
