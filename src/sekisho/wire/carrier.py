"""How the body of one dialect travels in another framing: Bedrock's InvokeModel, Vertex's rawPredict, a JSON array.

Flows in: the bytes of a stream in one framing. Flows out: the same events in the other. Must stay true: cut anywhere,
the joined output is the same; what is carried is not changed.
"""

from __future__ import annotations

from typing import Protocol


class Filter(Protocol):
    """Stream bytes in one framing -> the same in another."""

    def feed(self, chunk: bytes) -> bytes:
        """What `chunk` completes. Raises UpstreamProtocolError on bytes that are not of its framing."""

    def close(self) -> bytes:
        """What only the end of the stream gives."""
