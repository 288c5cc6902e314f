from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from collections.abc import Callable

import pytest

from sekisho.core.errors import StreamBroken, UpstreamProtocolError
from sekisho.upstream.http import read_all
from sekisho.upstream.unpack import Unpacked


class Packed:
    """An HttpReply that says its chunks and an encoding."""

    status = 200

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def header(self, name: str) -> str | None:
        return dict(self.headers()).get(name)

    def headers(self) -> list[tuple[str, str]]:
        return [("content-encoding", "gzip"), ("content-length", "7"), ("request-id", "r-1")]

    async def read_chunk(self) -> bytes | None:
        return self.chunks.pop(0) if self.chunks else None


def headless(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZip ": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
}
BODY = random.Random(7).randbytes(600_000) + b"a" * 900_000


@pytest.mark.parametrize("encoding", PACK, ids=["gzip", "x-gzip", "deflate", "identity", "empty"])
@pytest.mark.parametrize("size", [1 << 24, 65_536])
async def test_what_was_packed_comes_out(encoding: str, size: int) -> None:
    data = PACK[encoding](BODY)
    reply = Unpacked(Packed(*(data[at : at + size] for at in range(0, len(data), size))), encoding)
    assert await read_all(reply, 1 << 24) == BODY


async def test_deflate_without_a_head_and_gzip_in_parts_come_out() -> None:
    assert await read_all(Unpacked(Packed(headless(BODY)), "deflate"), 1 << 24) == BODY
    assert await read_all(Unpacked(Packed(gzip.compress(b"a") + gzip.compress(b"b")), "gzip"), 10) == b"ab"


async def test_each_event_comes_out_when_it_came() -> None:
    packer = zlib.compressobj(wbits=31)
    one = packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    two = packer.compress(b"data: 2\n\n") + packer.flush()
    reply = Unpacked(Packed(one, two), "gzip")
    assert [await reply.read_chunk() for _ in range(3)] == [b"data: 1\n\n", b"data: 2\n\n", None]


async def test_a_bomb_comes_out_in_pieces_and_is_left_at_the_limit() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    packed = gzip.compress(bytes(64 << 20))
    assert len(await read_all(Unpacked(Packed(packed), "gzip"), 4 << 20)) == (4 << 20) + 1
    other.cancel()
    assert turns >= 16


async def test_headers_of_the_packed_body_are_not_shown() -> None:
    reply = Unpacked(Packed(), "gzip")
    assert reply.headers() == [("request-id", "r-1")]
    assert (reply.header("content-length"), reply.header("request-id"), reply.status) == (None, "r-1", 200)


@pytest.mark.parametrize(
    ("encoding", "data", "error", "said"),
    [
        ("br", b"x", UpstreamProtocolError, r"'br'.*gzip and deflate can be read"),
        ("gzip", b"no zip", UpstreamProtocolError, "says that it is 'gzip', and is not"),
        ("deflate", b"no zip", UpstreamProtocolError, "says that it is 'deflate', and is not"),
        ("gzip", gzip.compress(b"cut")[:-3], StreamBroken, "ends in the middle"),
    ],
    ids=["brotli", "no-gzip", "no-deflate", "cut"],
)
async def test_what_cannot_be_read_says_why(encoding: str, data: bytes, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        await read_all(Unpacked(Packed(data), encoding), 100)
