from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
import zstandard

from sekisho.api.llm.body import BodyBudget, CallerHungUp, IncomingBody
from sekisho.core.errors import BodyTooLarge, MalformedRequest, Overloaded

TEXT = b'{"model":"m"}' * 50


async def read(*pieces: bytes | None, limit: int = 10_000, **headers: str) -> bytes:
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": i + 1 < len(pieces)}
        if piece is not None
        else {"type": "http.disconnect"}
        for i, piece in enumerate(pieces)
    ]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop(0)

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await IncomingBody(receive, named, limit, BodyBudget()).read()


async def test_pieces_make_a_body() -> None:
    assert await read(b"ab", b"", b"c") == b"abc"
    assert await read(b"") == b""


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT)),
        ("ZSTD", zstandard.compress(TEXT[:13]) + zstandard.compress(TEXT[13:])),
        ("identity", TEXT),
    ],
    ids=["gzip", "deflate", "zstd", "two frames", "identity"],  # what is packed holds the time
)
async def test_compressed_bodies_are_read(encoding: str, packed: bytes) -> None:
    assert await read(packed, content_encoding=encoding) == TEXT


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)],
    ids=["gzip", "deflate", "zstd"],
)
async def test_a_large_body_is_unpacked_in_slices_while_others_are_served(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = random.Random(1).randbytes(700_000) + bytes(7_300_000)
    served = 0

    def serve() -> None:
        nonlocal served
        served += 1
        again.append(asyncio.get_running_loop().call_soon(serve))

    again = [asyncio.get_running_loop().call_soon(serve)]
    assert await read(pack(body), limit=8_000_000, content_encoding=encoding) == body
    again[-1].cancel()
    assert served >= 8_000_000 // 262_144


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br", "gzip, gzip"])
async def test_what_is_not_what_it_says_is_refused(encoding: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        await read(b"not compressed", content_encoding=encoding)
    assert refused.value.info.param == "content-encoding"


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [
        ((b"x" * 60, b"x" * 60), {}),
        ((b"x",), {"content_length": "101"}),
        ((gzip.compress(b"0" * 1_000_000),), {"content_encoding": "gzip"}),
        ((zstandard.compress(b"0" * 1_000_000),), {"content_encoding": "zstd"}),
    ],
)
async def test_what_is_too_large_is_refused(pieces: tuple[bytes, ...], headers: dict[str, str]) -> None:
    with pytest.raises(BodyTooLarge, match="100"):
        await read(*pieces, limit=100 if "content_encoding" not in headers else 1_100, **headers)


async def test_a_caller_may_hang_up_in_the_middle() -> None:
    with pytest.raises(CallerHungUp):
        await read(b"ab", None)


def test_bodies_in_flight_are_bounded() -> None:
    budget = BodyBudget(10)
    budget.take(6)
    with pytest.raises(Overloaded):
        budget.take(5)
    budget.give_back(6)
    budget.take(10)
    assert budget.held_bytes == 10
