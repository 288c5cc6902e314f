"""What a model answered, whole. Flows in: a codec's reading of a reply body, or `fold` over a stream's events."""

from __future__ import annotations

import msgspec

from sekisho.canonical.events import Citation, StopReason
from sekisho.canonical.request import Part
from sekisho.canonical.usage import Usage


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, as read from a provider or folded from its stream.

    `id` is the provider's; `model` the served model; `stop_sequence` the one that fired, where the provider says.
    `citations` pairs the index of a text part with what it cites. `created_seconds` is a Unix time or None.
    """

    id: str
    model: str
    parts: tuple[Part, ...]
    stop: StopReason
    stop_sequence: str | None = None
    usage: Usage | None = None
    created_seconds: int | None = None
    citations: tuple[tuple[int, Citation], ...] = ()
