"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by time and an index on them stays local."""

from __future__ import annotations

import os
import time
import uuid


def new_uuid7() -> str:
    """A fresh UUIDv7 in its 36-character form."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (random >> 68 & 0xFFF) << 64
        | 0b10 << 62
        | random & (1 << 62) - 1
    )
    return str(uuid.UUID(int=value))
