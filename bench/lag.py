"""`python -m bench.lag`: how late the event loop runs while 1 MB bodies come in beside 200 live streams.

Half of the streams and half of the bodies are translated, the others pass. Out: figures of the middle round; exit 1
where more than one of a hundred moments (lag_probe.py) had to wait for the loop for more than 10 ms, not counting what
other programs on the machine took meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import bodies
from bench.cases import CHAT, MESSAGES
from bench.client import Seen, Target, connect, drive, for_seconds
from bench.process import LOAD_CORE
from bench.servers import Gateway, gateway, provider

LIMIT_MS = 10.0
BODY_BYTES = 1_000_000
STREAMS = 200
PIECES_APART_SECONDS = 0.2
#: Path, way of serving it.
STREAMED = ((CHAT, "openai"), (MESSAGES, "chat"))
LARGE = ((MESSAGES, "anthropic"), (MESSAGES, "chat"), (CHAT, "openai"), (CHAT, "anthropic"))


@dataclass(frozen=True)
class Found:
    """What one run saw. Times in ms."""

    lag_p99: float
    lag_max: float
    own_p50: float
    own_p99: float
    own_max: float
    piece_p99: float
    large_p50: float
    large: int
    streams: int
    failed: int


def at(part: float, values: list[int]) -> float:
    """A percentile in ms of sorted ns."""
    return values[min(len(values) - 1, int(len(values) * part))] / 1e6 if values else 0.0


async def load(gate: Gateway, seconds: float, every_seconds: float) -> tuple[Seen, Seen, tuple[int, int]]:
    """(the streams, the large calls, from when to when both were on)."""
    running = asyncio.gather(*(_stream(gate, number, for_seconds(seconds)) for number in range(STREAMS)))
    await asyncio.sleep(1.0)  # the streams have begun
    begin_ns = time.monotonic_ns()
    large = await _large(gate, seconds - 1.0, every_seconds)
    end_ns = time.monotonic_ns()
    return _together(await running), large, (begin_ns, end_ns)


async def _large(gate: Gateway, seconds: float, every_seconds: float) -> Seen:
    """A large call every so often, each kind on a connection of its own."""
    seen, proceed = Seen(), for_seconds(seconds)

    async def keep_asking(path: str, way: str, number: int) -> None:
        request = Target(gate.port, path, gate.key, bodies.agent(path, f"bench-once-{way}", BODY_BYTES)).request()
        [caller] = await connect(Target(gate.port, path, gate.key, b""), 1, seen)
        await asyncio.sleep(every_seconds * number)
        while proceed():
            due = time.monotonic() + every_seconds * len(LARGE)
            if not await caller.ask(request):
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        caller.transport.close()

    await asyncio.gather(*(keep_asking(path, way, number) for number, (path, way) in enumerate(LARGE)))
    return seen


async def _stream(gate: Gateway, number: int, proceed: Callable[[], bool]) -> Seen:
    """One stream after another on one connection, each connection at a moment of its own."""
    path, way = STREAMED[number % len(STREAMED)]
    body = bodies.streamed(bodies.small(path, f"bench-30x200-{way}"))
    await asyncio.sleep(PIECES_APART_SECONDS * number / STREAMS)
    return await drive(Target(gate.port, path, gate.key, body), 1, proceed)


def _together(parts: list[Seen]) -> Seen:
    whole = Seen()
    for part in parts:
        whole.latencies_ns += part.latencies_ns
        whole.delays_ns += part.delays_ns
        whole.failed += part.failed
    return whole


def run(folder: Path, seconds: float, every_seconds: float) -> Found:
    folder.mkdir()
    moments = folder / "moments"
    program = (sys.executable, "-m", "bench.lag_probe", str(moments))
    with provider(folder) as upstream, gateway(folder / "gateway", upstream, program) as gate:
        streams, large, (begin_ns, end_ns) = uvloop.run(load(gate, seconds, every_seconds))
    lines = (tuple(map(int, line.split())) for line in moments.read_text().splitlines())
    during = [(late, own) for due, late, own in lines if begin_ns <= due <= end_ns]
    lags, owns = sorted(late for late, _ in during), sorted(own for _, own in during)
    return Found(
        lag_p99=at(0.99, lags),
        lag_max=at(1.0, lags),
        own_p50=at(0.5, owns),
        own_p99=at(0.99, owns),
        own_max=at(1.0, owns),
        piece_p99=at(0.99, sorted(streams.delays_ns)),
        large_p50=at(0.5, sorted(large.latencies_ns)),
        large=len(large.latencies_ns),
        streams=len(streams.latencies_ns),
        failed=streams.failed + large.failed,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="the one in the middle counts")
    parser.add_argument("--seconds", type=float, default=10.0, help="of load in each round")
    parser.add_argument("--every", type=float, default=0.1, metavar="SECONDS", help="between two bodies; 0: no pause")
    options = parser.parse_args()
    os.sched_setaffinity(0, LOAD_CORE)
    with tempfile.TemporaryDirectory(prefix="sekisho-lag-") as folder:
        rounds = [run(Path(folder) / str(one), options.seconds, options.every) for one in range(options.rounds)]
    found = sorted(rounds, key=lambda one: one.own_p99)[len(rounds) // 2]
    sys.stdout.write(
        f"{found.large} bodies of 1 MB (p50 {found.large_p50:.1f} ms), {found.streams} streams ended, "
        f"{found.failed} failed\n"
        f"loop lag p50 {found.own_p50:.2f} ms, p99 {found.own_p99:.2f} ms (limit {LIMIT_MS:g}), "
        f"longest {found.own_max:.1f} ms\n"
        f"with other programs on the machine: p99 {found.lag_p99:.2f} ms, longest {found.lag_max:.1f} ms; "
        f"a streamed piece p99 {found.piece_p99:.1f} ms after it left the provider\n"
    )
    return 0 if found.large and not found.failed and found.own_p99 <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
