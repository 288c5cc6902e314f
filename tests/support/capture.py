"""A server that keeps each request as it came from the socket and answers with an empty object.

In: requests of real clients, from any thread. Out: `SignedRequest`s, with nothing decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sekisho.identity.sigv4 import SignedRequest


class Capture:
    """Where it listens, and what it got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[SignedRequest] = []


@contextmanager
def capturing() -> Iterator[Capture]:
    """The server, on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            target = self.requestline.split(" ")[1]
            path, _, query = target.partition("?")
            headers = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in self.headers.items()]
            capture.requests.append(
                SignedRequest(
                    method=self.command,
                    raw_path=path.encode("latin-1"),
                    query_string=query.encode("latin-1"),
                    headers=headers,
                    body=body,
                )
            )
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    capture = Capture(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield capture
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
