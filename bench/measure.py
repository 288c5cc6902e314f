"""One case, or one figure of memory or start-up, measured.

In: running servers. Out: rows of plain numbers. A case asks the provider directly, nginx and the gateway one right
after the other, so that a busy machine is busy for all three; of several rounds the median counts.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import cases, client, summary, wrk
from bench.cases import Case
from bench.client import Target
from bench.process import Server
from bench.servers import Gateway, gateway
from bench.summary import Load


@dataclass(frozen=True)
class Cost:
    """One load on one server: CPU for each request, or for each streamed piece, and what the caller saw."""

    cpu_us: float
    load: Load


@dataclass(frozen=True)
class Row:
    """One case in one round."""

    case: Case
    direct: Load
    nginx: Cost
    gateway: Cost

    @property
    def ratio(self) -> float:
        return self.gateway.cpu_us / self.nginx.cpu_us

    @property
    def added_p50_ms(self) -> float:
        """What the gateway adds to asking the provider directly."""
        return (self.gateway.load.p50_us - self.direct.p50_us) / 1_000

    @property
    def holds(self) -> bool:
        added = self.case.added_p50_limit_ms
        return (
            self.gateway.load.failed == 0
            and (self.case.limit is None or self.ratio <= self.case.limit)
            and (added is None or self.added_p50_ms <= added)
        )


@dataclass(frozen=True)
class Figure:
    """One number beside its limit."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


def load(case: Case, target: Target, seconds: float) -> Load:
    if case.streams:
        seen = uvloop.run(client.drive(target, case.connections, client.for_seconds(seconds)))
        return summary.of_streams(seen)
    if wrk.installed():
        with tempfile.TemporaryDirectory() as folder:
            return wrk.drive(target, case.connections, seconds, Path(folder))
    return summary.of_requests(uvloop.run(client.drive(target, case.connections, client.for_seconds(seconds))))


def cost(case: Case, target: Target, server: Server, seconds: float) -> Cost:
    load(case, target, min(1.0, seconds))
    before = server.cpu_ns()
    done = load(case, target, seconds)
    if not done.count:
        raise RuntimeError(f"{case.name}: not one answer on port {target.port}")
    return Cost((server.cpu_ns() - before) / 1_000 / done.count, done)


def measure(case: Case, ports: tuple[int, int], floor: Server, gate: Gateway, seconds: float) -> Row:
    """One round of one case; `ports` are the provider's and nginx's."""

    def target(port: int) -> Target:
        return Target(port, case.path, gate.key, case.body)

    return Row(
        case=case,
        direct=load(case, target(ports[0]), seconds / 2),
        nginx=cost(case, target(ports[1]), floor, seconds),
        gateway=cost(case, target(gate.port), gate.server, seconds),
    )


def median(rows: list[Row]) -> Row:
    """By the figure that the case is held to."""
    by_latency = rows[0].case.added_p50_limit_ms is not None
    ordered = sorted(rows, key=lambda row: row.added_p50_ms if by_latency else row.ratio)
    return ordered[len(ordered) // 2]


async def _peak(gate: Gateway) -> tuple[int, client.Seen]:
    """The most memory while all the streams run at once, once each."""
    target = Target(gate.port, cases.MANY_STREAMS_PATH, gate.key, cases.MANY_STREAMS_BODY)
    running = asyncio.ensure_future(client.drive_once(target, cases.MANY_STREAMS))
    most = 0
    while not running.done():
        most = max(most, gate.server.memory_bytes())
        await asyncio.wait({running}, timeout=0.1)
    return most, running.result()


def alone(folder: Path, upstream: int) -> list[Figure]:
    """Start-up, idle memory and many streams, each on a gateway that has done nothing before."""
    starts = []
    for number in range(3):
        with gateway(folder / f"start-{number}", upstream) as gate:
            starts.append(gate.first_answer_seconds)
            idle = gate.server.memory_bytes()
            if number == 2:
                most, seen = uvloop.run(_peak(gate))
    if seen.failed:
        raise RuntimeError(f"{seen.failed} of {cases.MANY_STREAMS} streams failed")
    body_kb = len(cases.MANY_STREAMS_BODY) // 1_000
    return [
        Figure("`serve` to first answer", sorted(starts)[1], cases.FIRST_ANSWER_LIMIT_SECONDS, "s"),
        Figure("idle memory", idle / 1e6, cases.IDLE_MEMORY_LIMIT_MB, "MB"),
        Figure(f"{cases.MANY_STREAMS} streams with {body_kb} kB bodies", most / 1e6, cases.MANY_STREAMS_LIMIT_MB, "MB"),
    ]
