"""How the body of one dialect travels in another framing: Bedrock's InvokeModel, Vertex's rawPredict, a JSON array.

Flows in: the bytes of a stream in one framing, or what a request says. Flows out: the same events in the other; what
to change in the body. Must stay true: cut anywhere, the joined output is the same; what is carried is not changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from sekisho.wire.json_edit import JsonObject


class Filter(Protocol):
    """Stream bytes in one framing -> the same in another."""

    def feed(self, chunk: bytes) -> bytes:
        """What `chunk` completes. Raises UpstreamProtocolError on bytes that are not of its framing."""

    def close(self) -> bytes:
        """What only the end of the stream gives."""


class Unchanged:
    """A Filter where both framings are one."""

    def feed(self, chunk: bytes) -> bytes:
        """`chunk`."""
        return chunk

    def close(self) -> bytes:
        """Nothing was held."""
        return b""


class Chain:
    """A Filter of two: what the first gives, the second takes."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Filter, second: Filter) -> None:
        self._first, self._second = first, second

    def feed(self, chunk: bytes) -> bytes:
        """See Filter."""
        return self._second.feed(self._first.feed(chunk))

    def close(self) -> bytes:
        """See Filter."""
        return self._second.feed(self._first.close()) + self._second.close()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one framing says in the body of a request and another in its path or headers."""

    model: str
    stream: bool
    #: Words of `anthropic-beta`.
    betas: tuple[str, ...] = ()


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """How a framing says it: top-level keys of the body (None: takes them out), headers, and what has no place."""

    keys: dict[str, bytes | None]
    headers: dict[str, str] = {}
    dropped: tuple[str, ...] = ()


def says_plainly(said: Said) -> Saying:
    """Model and streaming in the body, betas in the header: the APIs of the vendors themselves."""
    keys = {"model": msgspec.json.encode(said.model), "stream": b"true" if said.stream else None}
    return Saying(keys=keys, headers={"anthropic-beta": ",".join(said.betas)} if said.betas else {})


def names_no_betas(_body: JsonObject) -> tuple[str, ...]:
    """For bodies that have no place for them."""
    return ()


def unchanged(body: bytes) -> bytes:
    """For framings in which everything that is carried is legal."""
    return body


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """A framing of one dialect's bodies and streams. The defaults are the dialect's own framing."""

    #: What stands behind the `@` in the name of the dialect that is carried.
    name: str = ""
    #: The top-level keys that only its bodies have.
    keys: tuple[str, ...] = ()
    #: The betas that its body names.
    betas: Callable[[JsonObject], tuple[str, ...]] = names_no_betas
    says: Callable[[Said], Saying] = says_plainly
    #: A body without what this framing refuses, all other bytes as they were.
    clean: Callable[[bytes], bytes] = unchanged
    #: A stream in this framing -> in the dialect's own; and back.
    unwrap: Callable[[], Filter] = Unchanged
    wrap: Callable[[], Filter] = Unchanged


#: The framing of a dialect that is not carried.
PLAIN = Carrier()
