"""`make soak`: mixed load for as long as asked, watching what grows. By hand; results belong in docs/soak.md. With
`--fuzz` no load, but every codec against spoiled bodies (bench/fuzz.py).

Every minute one line: answers, failures, delay of streamed pieces, resident memory. Exit 1 where anything failed, or
where memory at the end is more than a tenth above what it was after the first tenth of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bench import bodies, summary
from bench.cases import CHAT, MESSAGES, RESPONSES
from bench.client import Seen, Target, drive, for_seconds
from bench.fuzz import fuzz
from bench.process import LOAD_CORE
from bench.servers import Gateway, gateway, provider

GROWTH_MAX = 1.1
# Path, way of serving it, connections, and whether a long conversation is asked or a short question.
MIX = (
    (CHAT, "openai", 8, False),
    (CHAT, "anthropic", 8, True),
    (MESSAGES, "anthropic", 8, True),
    (MESSAGES, "chat", 8, False),
    (RESPONSES, "openai", 8, True),
    (RESPONSES, "anthropic", 8, False),
)


def targets(gate: Gateway) -> list[tuple[Target, int]]:
    made = []
    for path, way, connections, long in MIX:
        body = (bodies.agent if long else bodies.small)(path, f"bench-100x5-{way}")
        made.append((Target(gate.port, path, gate.key, bodies.streamed(body)), connections))
    return made


async def mixed(gate: Gateway, seconds: float) -> Seen:
    """All of the mix at once; what was seen, together."""
    proceed = for_seconds(seconds)
    seen = await asyncio.gather(*(drive(target, connections, proceed) for target, connections in targets(gate)))
    together = Seen()
    for part in seen:
        together.latencies_ns += part.latencies_ns
        together.delays_ns += part.delays_ns
        together.merged += part.merged
        together.failed += part.failed
    return together


def soak(gate: Gateway, minutes: int) -> tuple[int, list[float]]:
    """Failures of the whole run, and the memory in MB after each minute."""
    failed, memory = 0, []
    for minute in range(1, minutes + 1):
        began = time.monotonic()
        seen = uvloop.run(mixed(gate, 60))
        figures = summary.of_streams(seen)
        failed += seen.failed
        memory.append(gate.server.memory_bytes() / 1e6)
        streams, taken = len(seen.latencies_ns), time.monotonic() - began
        sys.stdout.write(
            f"minute {minute}: {streams} streams in {taken:.0f} s, {seen.failed} failed, "
            f"piece p50 {figures.p50_us / 1_000:.2f} ms p99 {figures.p99_us / 1_000:.2f} ms, {memory[-1]:.0f} MB\n"
        )
        sys.stdout.flush()
    return failed, memory


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--fuzz", action="store_true", help="spoiled bodies against the codecs, in place of load")
    options = parser.parse_args()
    if options.fuzz:
        return fuzz(options.minutes, None, Path(tempfile.gettempdir()) / "sekisho-fuzz")
    minutes = options.minutes
    os.sched_setaffinity(0, LOAD_CORE)
    with tempfile.TemporaryDirectory(prefix="sekisho-soak-") as name:
        folder = Path(name)
        with provider(folder) as upstream, gateway(folder / "gateway", upstream) as gate:
            failed, memory = soak(gate, minutes)
    settled = memory[len(memory) // 10]
    sys.stdout.write(f"{failed} failed; memory from {settled:.0f} MB to {memory[-1]:.0f} MB\n")
    return 0 if not failed and memory[-1] <= settled * GROWTH_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
