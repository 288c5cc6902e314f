"""A read of spend shows the calls that ended before it: they are written first."""

from __future__ import annotations

import asyncio

from sekisho.ledger.journal import Journal

#: How long a read waits for the ledger; after that it shows what is there.
FLUSH_SECONDS = 5.0


async def flushed(journal: Journal, within_seconds: float = FLUSH_SECONDS) -> None:
    """Wait until every call settled before now is in the database."""
    await asyncio.wait({asyncio.wrap_future(journal.flush())}, timeout=within_seconds)
