"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by time and an index on them stays local."""

from __future__ import annotations

import itertools
import os
import time

#: Counts on from a random start (RFC 9562, section 6.2, method 1): the kernel's randomness for every id cost a fifth
#: of what a small call costs here. An id is no secret.
_counter = itertools.count(int.from_bytes(os.urandom(9), "big"))
_MILLISECOND_BITS, _UPPER_BITS, _LOWER_BITS = (1 << 48) - 1, (1 << 12) - 1, (1 << 62) - 1


def new_uuid7() -> str:
    """A fresh UUIDv7 in its 36-character form."""
    count = next(_counter)
    upper = (time.time_ns() // 1_000_000 & _MILLISECOND_BITS) << 16 | 0x7000 | (count >> 62 & _UPPER_BITS)
    text = f"{upper << 64 | 0b10 << 62 | count & _LOWER_BITS:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
