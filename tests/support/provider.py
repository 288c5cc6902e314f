"""The scripted provider in a thread of the test process, so that a test can look into its book.

In: defaults for its script. Out: a running FakeProvider with its URL.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sekisho.providers.fake.app import FakeProvider
from sekisho.providers.fake.book import Bill
from sekisho.providers.fake.script import Script
from sekisho.providers.fake.server import make_server


class RunningProvider:
    """A scripted provider that answers on `url`."""

    def __init__(self, app: FakeProvider, port: int) -> None:
        self.app = app
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def bills(self, call_id: str) -> list[Bill]:
        """The attempts made at a call, in order."""
        return self.app.book.calls.get(call_id, [])


@contextmanager
def provider(defaults: Script | None = None) -> Iterator[RunningProvider]:
    """Start it on a free port; requests that come before it is up wait in the queue."""
    app = FakeProvider(defaults)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(4096)
        server = make_server(app, "127.0.0.1", 0)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield RunningProvider(app, listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(timeout=5)
