from __future__ import annotations

from sekisho.store.away import StoreAway


def test_it_passes_by_waiting() -> None:
    info = StoreAway("away").info
    assert (info.status, info.retry_after_seconds, info.message) == (503, 1.0, "away")
