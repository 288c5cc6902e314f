from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sekisho.app import Application
from sekisho.exchange.passage import SameDialect
from sekisho.providers.fake.script import Script
from tests.architecture.tree import PACKAGE, ROOT
from tests.support.gateway import MASTER_KEY, config_for
from tests.support.provider import provider

Message = MutableMapping[str, Any]
# As ARCHITECTURE.md says it: the most that may be, not what happens to be.
CEILINGS = re.compile(r"at most (\d+) of our files and (\d+) of our functions' calls, and (\d+) for each further chunk")

#: Beside the files: the pieces of the answer, as they were read. Chunks that come together are one.
PIECES = "pieces"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Calls of our own functions in this thread, by file. A coroutine that goes on after a wait was called before: how
    often one waits is the network's.
    """
    calls: Counter[str] = Counter()
    seen: set[FrameType] = set()

    def see(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)) and frame not in seen:
            seen.add(frame)
            calls[frame.f_code.co_filename.removeprefix(f"{PACKAGE}/")] += 1
            calls[PIECES] += frame.f_code is SameDialect.feed.__code__

    sys.setprofile(see)
    try:
        yield calls
    finally:
        sys.setprofile(None)


async def ask(app: Application, chunks: int) -> list[Message]:
    """One streamed call, as the server hands it over; the application's messages."""
    question = {"role": "user", "content": f"[fake: chunks={chunks} delay_ms=2]"}
    body = {"model": "claude-test", "max_tokens": 100, "stream": True, "messages": [question]}
    headers = {"x-api-key": MASTER_KEY, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    scope: Message = {
        "type": "http",
        "method": "POST",
        "path": "/v1/messages",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Message] = []
    still_there: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    unread = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> Message:
        return unread.pop() if unread else await still_there

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@contextmanager
def application(folder: Path) -> Iterator[Application]:
    with provider(Script()) as upstream:
        config = folder / "config.yaml"
        config.write_text(json.dumps(config_for(upstream.url)))
        yield Application(config, {"LITELLM_MASTER_KEY": MASTER_KEY}, folder / "data")


async def test_one_request_stays_within_what_the_map_says(tmp_path: Path) -> None:
    ceilings = CEILINGS.search(" ".join((ROOT / "ARCHITECTURE.md").read_text().split()))
    assert ceilings, "ARCHITECTURE.md says what one request may cost in files and calls"
    files_max, calls_max, calls_per_chunk_max = map(int, ceilings.groups())
    with application(tmp_path) as app:
        await ask(app, chunks=1)
        with counted() as few:
            answer = await ask(app, chunks=10)
        with counted() as many:
            await ask(app, chunks=60)
    assert answer[0]["status"] == 200
    pieces_few, pieces_many = few.pop(PIECES), many.pop(PIECES)
    per_piece = (many.total() - few.total()) / (pieces_many - pieces_few)
    calls = few.total() - pieces_few * per_piece
    found = f"{len(few)} files, {calls:.0f} calls, {per_piece:.1f} a chunk: {few}"
    assert len(few) <= files_max, found
    assert calls <= calls_max, found
    assert per_piece <= calls_per_chunk_max, found
