"""What lies beside the checkout in ../shared: recordings of real exchanges, agents, corpora.

In: a filter on the recordings' index. Out: one small object a recording, its body read on demand.
The data is other people's and is never copied here; where it is absent, a test that asks for it is
skipped and says so.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

needs_shared = pytest.mark.skipif(
    not (SHARED / "recordings" / "INDEX.jsonl").is_file(),
    reason="../shared (recordings of real providers) is not beside this checkout",
)


class Recording(msgspec.Struct, frozen=True):
    """One recorded exchange with a provider: its index row, and its contents on demand."""

    file: str
    provider: str
    endpoint: str
    streaming: bool
    kind: str
    features: tuple[str, ...]
    status: int
    fidelity: str

    @property
    def raw(self) -> bool:
        """True where the body is the provider's bytes, false where only its JSON was kept."""
        return self.fidelity == "raw"

    def load(self) -> dict[str, Any]:
        """The whole recording, `request` and `response`, as on disk."""
        loaded: dict[str, Any] = msgspec.json.decode((SHARED / "recordings" / self.file).read_bytes())
        return loaded

    def body(self) -> bytes:
        """The provider's answer, byte for byte where `raw`."""
        response = self.load()["response"]
        if "body_b64" in response:
            return base64.b64decode(response["body_b64"])
        return str(response["body_text"]).encode()


def recordings(
    *,
    provider: str | None = None,
    endpoint: str | None = None,
    streaming: bool | None = None,
) -> Iterator[Recording]:
    """The recordings that match every filter given; nothing where ../shared is absent."""
    index = SHARED / "recordings" / "INDEX.jsonl"
    if not index.is_file():
        return
    wanted = {"provider": provider, "endpoint": endpoint, "streaming": streaming}
    for line in index.read_bytes().splitlines():
        recording = msgspec.json.decode(line, type=Recording)
        if all(value is None or getattr(recording, name) == value for name, value in wanted.items()):
            yield recording
