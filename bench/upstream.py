"""A scripted provider on a bare event loop, cheap enough not to be what is measured.

In: any request; its path names the dialect, its `model` (in the path, with Bedrock) the script. `bench-once` answers at
once, `bench-COUNTxMILLISECONDS` streams that many pieces so far apart. Out: the dialect's bytes. Each streamed piece
carries the moment it left (`t=NANOSECONDS;`, the machine's monotonic clock), which any translation keeps.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from typing import cast

import uvloop

from bench.framing import Event, timed
from bench.scripts import SCRIPTS, Script

HEAD_END = b"\r\n\r\n"
MODEL = re.compile(rb'(?:"model":\s*"|/model/[\w.-]*?)bench-(?:(\d+)x(\d+)|once)')
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def whole(answer: Event) -> bytes:
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


WHOLE = {path: whole(script.answer) for path, script in SCRIPTS.items()}


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


class Scripted(asyncio.Protocol):
    """One connection: requests one after another, each answered by its script."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        for head, body in self.requests():
            self.answer(head, body)

    def requests(self) -> Iterator[tuple[bytes, bytes]]:
        """The complete requests in the buffer."""
        while (end := self.buffer.find(HEAD_END)) >= 0:
            start = end + len(HEAD_END)
            length = LENGTH.search(self.buffer, 0, end + 2)
            if not length and CHUNKED.search(self.buffer, 0, end + 2):
                last = self.buffer.find(b"\r\n" + LAST_CHUNK, start)
                stop = last + 2 + len(LAST_CHUNK) if last >= 0 else sys.maxsize
            else:
                stop = start + (int(length.group(1)) if length else 0)
            if len(self.buffer) < stop:
                return
            head, body = bytes(self.buffer[:end]), bytes(self.buffer[start:stop])
            del self.buffer[:stop]
            yield head, body

    def answer(self, head: bytes, body: bytes) -> None:
        request_line = head.split(b"\r\n", 1)[0]
        path = next((path for path in SCRIPTS if path in request_line), b"")
        pace = MODEL.search(request_line) or MODEL.search(body)
        if not path or not pace:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        elif pace.group(1):
            task = asyncio.ensure_future(self.stream(SCRIPTS[path], int(pace.group(1)), int(pace.group(2)) / 1_000))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self.transport.write(WHOLE[path])

    async def stream(self, script: Script, count: int, gap_seconds: float) -> None:
        head = STREAM_HEAD % script.stream_type.encode()
        self.transport.write(head + chunk(b"".join(map(script.framing, script.start))))
        piece = timed(script.framing, script.piece)
        loop = asyncio.get_running_loop()
        began = loop.time()
        text = []
        for number in range(1, count + 1):
            await asyncio.sleep(max(0.0, began + number * gap_seconds - loop.time()))
            if self.transport.is_closing():
                return
            now = b"%d" % time.monotonic_ns()
            self.transport.write(chunk(piece(now)))
            text.append(f"t={now.decode()};")
        end = b"".join(map(script.framing, script.end("".join(text), count)))
        self.transport.write(chunk(end + script.closing) + LAST_CHUNK)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Scripted, "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
