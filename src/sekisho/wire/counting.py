"""How a dialect counts the tokens of a request before it is sent: one `Counting` a dialect, listed in wire/counters.py.

Flows in: what a caller wants counted, or a request that would generate. Flows out: the other one; counts, both ways.
Must stay true: what is counted is the prompt that would be sent: system, tools and files with it; any bytes decode or
raise MalformedRequest (a caller's) or UpstreamProtocolError (a provider's).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sekisho.core.errors import UpstreamProtocolError


class Prompt(msgspec.Struct, frozen=True):
    """What is to be counted: the body of a generating request in `dialect`."""

    dialect: str
    body: bytes


class Asked(msgspec.Struct, frozen=True):
    """Who is asked to count: the model's name as the provider is told it, and the address of its count."""

    model: str
    url: str


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """The count of one dialect."""

    #: The body of a caller's count -> what it wants counted. Raises MalformedRequest.
    opened: Callable[[bytes], Prompt]
    #: The body of a generating request -> the body of the provider's count.
    asked: Callable[[bytes, Asked], bytes]
    #: A provider's reply -> tokens. Raises UpstreamProtocolError.
    read: Callable[[bytes], int]
    #: Tokens -> the reply to a caller.
    told: Callable[[int], bytes]


def count_reader(field: str) -> Callable[[bytes], int]:
    """Reads the count that stands in a reply under `field`."""
    decoder = msgspec.json.Decoder(msgspec.defstruct("_Count", [(field, int)]))

    def read(body: bytes) -> int:
        try:
            count: int = getattr(decoder.decode(body), field)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamProtocolError("The provider's answer is not a count of tokens.") from None
        return max(0, count)

    return read


def without(body: bytes, names: frozenset[str]) -> bytes:
    """A JSON object that the gateway wrote, without some of its keys."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if not names & fields.keys():
        return body
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in names})


def only(body: bytes, names: frozenset[str]) -> bytes:
    """The same with no other keys than these."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: value for name, value in fields.items() if name in names})
