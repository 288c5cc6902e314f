"""A TCP port that nobody uses at the moment."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Chosen by the system; given up again, so another process may take it in between (rare)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
