"""Change named top-level keys of raw JSON and leave every other byte alone.

Flows in: the caller's body, and the spans of its top-level values. Flows out: a new body.
Must stay true: bytes outside the edited values are the caller's own (prompt caches live on them); a body with the
same key twice is refused, because two readers may believe different ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from sekisho.core.errors import MalformedRequest

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_blank = re.compile(rb"[ \t\r\n]*")
_string = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class JsonObject:
    """A JSON object as bytes, and where each of its top-level values stands."""

    __slots__ = ("body", "values")

    def __init__(self, body: bytes) -> None:
        """Raises MalformedRequest when `body` is not a JSON object."""
        self.body = body
        try:
            #: key -> the value's own bytes, in order.
            self.values: dict[str, msgspec.Raw] = _decoder.decode(body)
            if not body.isascii():
                body.decode()  # values are not read here, so bad UTF-8 inside one would reach the provider
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequest(f"The request body is not a JSON object: {_reason(error)}.") from None

    def spans(self) -> dict[str, tuple[int, int]]:
        """Key -> (start, end) of its value in `body`. Raises MalformedRequest on a duplicate key."""
        body, at, spans = self.body, _skip(self.body, 0) + 1, {}
        for key, value in self.values.items():
            quoted = _string.match(body, _skip(body, at))
            if quoted is None or msgspec.json.decode(quoted.group()) != key:
                raise MalformedRequest("The request body has a key twice; each key may stand once.")
            start = _skip(body, _skip(body, quoted.end()) + 1)
            spans[key] = (start, start + memoryview(value).nbytes)
            at = _skip(body, spans[key][1]) + 1
        if _skip(body, at) != len(body) and self.values:
            raise MalformedRequest("The request body has a key twice; each key may stand once.")
        return spans

    def edited(self, changes: Mapping[str, bytes]) -> bytes:
        """`body` with each key of `changes` set to that JSON (added at the end when absent)."""
        spans, pieces, at = self.spans(), [], 0
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


def _skip(body: bytes, at: int) -> int:
    match = _blank.match(body, at)
    return match.end() if match else at


def _reason(error: Exception) -> str:
    text = str(error)
    return "it is nested too deeply" if isinstance(error, RecursionError) else text[:1].lower() + text[1:120]
