"""Change named top-level keys of raw JSON and leave every other byte alone.

Flows in: the caller's body. Flows out: where its top-level values stand; a new body.
Must stay true: bytes outside the edited values are the caller's own (prompt caches live on them); a body with the
same key twice is refused, edited or not, because its provider may believe another one than the gateway did.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sekisho.core.errors import MalformedRequest

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
#: What stands between two values of an object, the key in it; and what stands behind the last one.
_between = re.compile(rb'[ \t\r\n]*[{,][ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_behind = re.compile(rb"[ \t\r\n]*(?:\{[ \t\r\n]*)?\}[ \t\r\n]*")
_decode_key = msgspec.json.Decoder(str).decode


class JsonObject:
    """A JSON object as bytes, and where each of its top-level values stands."""

    __slots__ = ("body", "spans", "values")

    def __init__(self, body: bytes) -> None:
        """Raises MalformedRequest when `body` is not a JSON object, or one with a key twice."""
        self.body = body
        try:
            #: key -> the value's own bytes, in order.
            self.values: dict[str, msgspec.Raw] = _decoder.decode(body)
            if not body.isascii():
                body.decode()  # values are not read here, so bad UTF-8 inside one would reach the provider
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequest(f"The request body is not a JSON object: {_reason(error)}.") from None

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

    def edited(self, changes: Mapping[str, bytes]) -> bytes:
        """`body` with each key of `changes` set to that JSON (added at the end when absent)."""
        spans, pieces, at = self.spans, [], 0
        for key, (start, end) in spans.items():
            if key in changes:
                pieces += [self.body[at:start], changes[key]]
                at = end
        rest = self.body[at:]
        added = [b"%b:%b" % (msgspec.json.encode(key), new) for key, new in changes.items() if key not in spans]
        if added:
            brace = rest.rindex(b"}")
            comma = b"," if spans else b""
            rest = rest[:brace].rstrip() + comma + b",".join(added) + rest[brace:]
        return b"".join([*pieces, rest])


def _key_twice() -> MalformedRequest:
    return MalformedRequest("The request body has a key twice; each key may stand once.")


def _reason(error: Exception) -> str:
    text = str(error)
    return "it is nested too deeply" if isinstance(error, RecursionError) else text[:1].lower() + text[1:120]
