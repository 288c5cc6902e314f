"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by time and an index on them stays local."""

from __future__ import annotations

import os
import time


def new_uuid7() -> str:
    """A fresh UUIDv7 in its 36-character form."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    text = f"{value | 0b10 << 62 | random & (1 << 62) - 1:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
