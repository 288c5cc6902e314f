"""Many observations as few figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.client import Seen


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@dataclass(frozen=True)
class Load:
    """What one load did: answers (or streamed pieces), failures, and how long each took."""

    count: int
    failed: int
    p50_us: float
    p99_us: float
    merged: int = 0
    within_2_ms: float = 1.0


def of_requests(seen: Seen) -> Load:
    taken = [value / 1_000 for value in seen.latencies_ns]
    return Load(len(taken), seen.failed, percentile(taken, 0.5), percentile(taken, 0.99))


def of_streams(seen: Seen) -> Load:
    """Per piece: the delay between leaving the provider and reaching the caller."""
    delays = [value / 1_000 for value in seen.delays_ns]
    prompt = len([value for value in delays if value <= 2_000]) / max(1, len(delays))
    return Load(
        count=len(delays),
        failed=seen.failed,
        p50_us=percentile(delays, 0.5),
        p99_us=percentile(delays, 0.99),
        merged=seen.merged,
        within_2_ms=prompt,
    )
