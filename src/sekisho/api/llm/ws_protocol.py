"""The server's WebSocket protocol, with the bounds that uvicorn's own lacks.

Must stay true: a message is not larger than a body may be; a client who answers no ping, takes nothing or does not
close is cut off in the end, for closing alone would wait for it for ever; a turn in flight may end when the gateway is
stopped. Messages are not compressed: they would cost more than the chunks of a stream themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from sekisho.api.llm.websocket import STOPPING
from sekisho.core import bounds

#: For the close to be answered, and what was written to be taken.
GRACE_SECONDS = 10.0
#: The likely reason: `websockets` takes shorter lines and fewer of them than the parser of HTTP.
_UNREADABLE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol over `websockets`, which does no I/O of its own."""

    #: See `patient_socket`.
    limit_bytes: Callable[[], int] = staticmethod(lambda: bounds.BODY_BYTES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["config"].ws_max_size = self.limit_bytes()  # a reload may have changed it
        super().__init__(*args, **kwargs)

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket; first the head of the handshake, whole, as HTTP has read it."""
        super().data_received(data)
        if not self.handshake_initiated:  # it was not understood, and nobody else would say so
            self.transport.write(_UNREADABLE)
            self.transport.close()

    def shutdown(self) -> None:
        """The gateway is being stopped."""
        if self.handshake_complete and not self.close_sent:
            told: Any = {"type": STOPPING}
            self.queue.put_nowait(told)
        else:
            super().shutdown()

    def keepalive_timeout(self) -> None:
        """A ping was not answered."""
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Nothing more is said on this connection."""
        super().on_task_complete(task)
        self.loop.call_later(GRACE_SECONDS, self.transport.abort)

    async def send(self, message: Any) -> None:
        """ASGI's `send`."""
        if self.close_sent and message["type"] in {"websocket.send", "websocket.close"}:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message["more_body"]:
            self.handshake_complete = True  # refused: uvicorn would log each as an error of ours


def patient_socket(limit_bytes: Callable[[], int]) -> type[BoundedWebSocketProtocol]:
    """The protocol for a gateway whose bodies may be so large at present."""
    return type("SocketProtocol", (BoundedWebSocketProtocol,), {"limit_bytes": staticmethod(limit_bytes)})
