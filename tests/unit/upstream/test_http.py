from __future__ import annotations

import pytest

from sekisho.upstream.http import read_all


class Scripted:
    """An HttpReply that says its chunks."""

    status = 200

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def header(self, name: str) -> str | None:
        return dict(self.headers()).get(name)

    def headers(self) -> list[tuple[str, str]]:
        return []

    async def read_chunk(self) -> bytes | None:
        return self.chunks.pop(0) if self.chunks else None


@pytest.mark.parametrize(("chunks", "whole"), [((), b""), ((b"a",), b"a"), ((b"a", b"bc"), b"abc")])
async def test_all_chunks_make_the_body(chunks: tuple[bytes, ...], whole: bytes) -> None:
    assert await read_all(Scripted(*chunks), 10) == whole


async def test_reading_stops_past_the_limit() -> None:
    reply = Scripted(b"x" * 8, b"y" * 8, b"z" * 8)
    assert len(await read_all(reply, 10)) == 11
    assert reply.chunks == [b"z" * 8]
