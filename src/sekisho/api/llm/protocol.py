"""The HTTP server's protocol, with a bound on the head of a request (uvicorn's own has none for httptools).

Must stay true: a head that does not end within bounds.HEADER_BYTES (and one read beyond it) is answered 431 and cut.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sekisho.core import bounds

_ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 35\r\n"
    b"connection: close\r\n\r\nThe request's headers are too large"
)


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol; counts the bytes of an unfinished head."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > bounds.HEADER_BYTES:
                self.transport.write(_ANSWER)
                self.transport.close()
                return
        super().data_received(data)
