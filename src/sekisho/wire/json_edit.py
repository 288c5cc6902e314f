"""Change named top-level keys of raw JSON and leave every other byte alone.

Flows in: the caller's body. Flows out: where its top-level values stand; a new body.
Must stay true: bytes outside the edited values are the caller's own (prompt caches live on them); a body with the
same key twice is refused, edited or not, because its provider may believe another one than the gateway did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sekisho.core import bounds
from sekisho.core.errors import MalformedRequest

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
#: What stands between two values of an object, the key in it; and what stands behind the last one.
#: Nothing in it is tried twice: to go back over a key of megabytes would take gigabytes.
_between = re.compile(rb'[ \t\r\n]*+[{,][ \t\r\n]*+("(?:[^"\\]++|\\.)*+")[ \t\r\n]*+:[ \t\r\n]*+', re.DOTALL)
_behind = re.compile(rb"[ \t\r\n]*(?:\{[ \t\r\n]*)?\}[ \t\r\n]*")
_before_item = re.compile(rb"[ \t\r\n]*[\[,][ \t\r\n]*")
#: Escapes of a JSON text, one by one: both halves of a character; `half` of one; any other.
_escape = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_key = msgspec.json.Decoder(str).decode


class JsonObject:
    """A JSON object as bytes, and where each of its top-level values stands."""

    __slots__ = ("body", "spans", "values")

    def __init__(self, body: bytes) -> None:
        """Raises MalformedRequest when `body` is not a JSON object, or one with a key twice or too many of them."""
        self.body = body
        try:
            #: key -> the value's own bytes, in order.
            self.values: dict[str, msgspec.Raw] = _decoder.decode(body)
            if not body.isascii():
                body.decode()  # values are not read here, so bad UTF-8 inside one would reach the provider
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequest(f"The request body is not a JSON object: {_reason(error, body)}.") from None

        if len(self.values) > bounds.BODY_KEYS:  # finding where they stand would take seconds
            raise MalformedRequest(f"The request body has more than {bounds.BODY_KEYS:,} keys.")
        #: key -> (start, end) of its value in `body`.
        self.spans = self._find()

    def _find(self) -> dict[str, tuple[int, int]]:
        body, at, spans = self.body, 0, {}
        for key, value in self.values.items():
            between = _between.match(body, at)
            if between is None or _decode_key(between[1]) != key:
                raise _key_twice()
            start = between.end()
            at = start + len(value)
            spans[key] = (start, at)
        if _behind.fullmatch(body, at) is None:
            raise _key_twice()
        return spans

    def edited(self, changes: Mapping[str, bytes | None]) -> bytes:
        """`body` with each key of `changes` set to that JSON (added at the end when absent), or taken out for None."""
        body = memoryview(self.body)  # what stays is copied once, in the join
        pieces: list[bytes | memoryview] = []
        at, bare = 0, True
        for key, (start, end) in self.spans.items():
            value = changes.get(key, body[start:end])
            if value is not None:
                moved_up = bare and at
                pieces += [_opening(body[at:start]) if moved_up else body[at:start], value]
                bare = False
            at = end
        return b"".join([*pieces, self._end(at, changes, bare=bare)])

    def _end(self, at: int, changes: Mapping[str, bytes | None], *, bare: bool) -> bytes:
        """What stands behind the last value, after the keys that are new."""
        rest = self.body[at:]
        opening = b"{" if bare and at else b""  # every value was taken out, the brace with the first
        added = [
            b"%b:%b" % (msgspec.json.encode(key), new)
            for key, new in changes.items()
            if new is not None and key not in self.spans
        ]
        if not added:
            return opening + rest
        brace = rest.rindex(b"}")
        return opening + rest[:brace].rstrip() + (b"" if bare else b",") + b",".join(added) + rest[brace:]


def _opening(between: memoryview) -> bytes:
    """What stands before a value that has become the first."""
    return bytes(between).replace(b",", b"{", 1)


def item_spans(array: bytes) -> list[tuple[int, int]]:
    """(start, end) of each item of a JSON array. Raises MalformedRequest when `array` is none."""
    try:
        items = _decode_items(array)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"A list in the request body cannot be read: {_reason(error, array)}.") from None
    spans, at = [], 0
    for item in items:
        before = _before_item.match(array, at)
        at = before.end() if before is not None else at
        spans.append((at, at + len(item)))
        at += len(item)
    return spans


def _key_twice() -> MalformedRequest:
    return MalformedRequest("The request body has a key twice; each key may stand once.")


def _reason(error: Exception, body: bytes) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    half = next((found for found in _escape.finditer(body) if found["half"]), None)
    if half is not None:  # the decoder speaks of an end that is missing
        return f"the escape \\{half['half'].decode()} at byte {half.start()} is half of a character (a lone surrogate)"
    text = str(error)
    return text[:1].lower() + text[1:120]
