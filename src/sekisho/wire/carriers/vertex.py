"""Claude on Vertex AI: a Messages body in rawPredict and streamRawPredict.

Flows in: a Messages request. Flows out: its body without the model, which the path names, and with the version of
Vertex's form of it; streams are Anthropic's own. Must stay true: betas travel in the header, only those that are known.
Source: Vertex AI, "Use Claude models"; its errors come in Anthropic's form or in Google's.
"""

from __future__ import annotations

from sekisho.core.errors import ErrorInfo
from sekisho.wire.carried import carried
from sekisho.wire.carrier import Carrier, Said, Saying
from sekisho.wire.carriers.betas import VERTEX, sorted_out
from sekisho.wire.carriers.cache_scope import without_cache_scope
from sekisho.wire.dialect import Dialect

_VERSION = b'"vertex-2023-10-16"'


def messages_on_vertex(messages: Dialect) -> Dialect:
    """Anthropic's Messages as Vertex carries them."""
    carrier = Carrier(name="vertex", keys=("anthropic_version",), says=_says, clean=without_cache_scope)

    def parse_error(status: int, body: bytes, kind: str = "") -> ErrorInfo:
        return messages.parse_error(status, _unlisted(body), kind)

    return carried(messages, carrier, parse_error=parse_error)


def _says(said: Said) -> Saying:
    betas, dropped = sorted_out(said.betas, VERTEX)
    return Saying(
        keys={"model": None, "anthropic_version": _VERSION, "stream": b"true" if said.stream else None},
        headers={"anthropic-beta": ",".join(betas)} if betas else {},
        dropped=dropped,
    )


def _unlisted(body: bytes) -> bytes:
    """The error of a stream that never began: Google answers it as a list of one."""
    text = body.strip()
    return text[1:-1] if text.startswith(b"[") and text.endswith(b"]") else body
