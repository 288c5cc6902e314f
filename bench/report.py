"""The figures of one run as JSON (bench/results/latest.json) and as a page (docs/benchmarks.md)."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import wrk
from bench.measure import Figure, Row
from bench.process import CORES

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "latest.json"
PAGE = ROOT / "docs" / "benchmarks.md"

PAGE_TEXT = """# What a request costs

Written by `make bench`; nothing here is typed in by hand. CPU is that of the whole process tree for each request, or
for each streamed piece, beside nginx forwarding the same bytes in the same run: the ratio survives a change of
machine, the microseconds do not. One worker on one core; load and provider share the other.

{machine}

## CPU

{cpu}

## Latency

What a caller waits for: the whole answer, or for streams the delay of each piece after it left the provider.
The provider alone is in the first column; the gateway's p50 less that is what it adds.

{latency}

## Memory and start-up

{figures}
"""


def machine() -> dict[str, Any]:
    """Where and on what this was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.stdout.strip(),
        "processor": model,
        "cores": len(CORES),
        "python": platform.python_version(),
        "load": "wrk, own client for streams" if wrk.installed() else "own client",
    }


def as_json(rows: Sequence[Row], figures: Sequence[Figure]) -> dict[str, Any]:
    return {
        "machine": machine(),
        "cases": [
            {
                "name": row.case.name,
                "unit": "piece" if row.case.streams else "request",
                "body_bytes": len(row.case.body),
                "connections": row.case.connections,
                "ratio": round(row.ratio, 2),
                "limit": row.case.limit,
                "added_p50_ms": round(row.added_p50_ms, 3),
                "added_p50_limit_ms": row.case.added_p50_limit_ms,
                "holds": row.holds,
                "direct": asdict(row.direct),
                "nginx": asdict(row.nginx),
                "gateway": asdict(row.gateway),
            }
            for row in rows
        ],
        "figures": [{**asdict(figure), "holds": figure.holds} for figure in figures],
    }


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are figures."""
    ruler = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *lines))


def verdict(holds: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "yes" if holds else "**no**"


def cpu_table(rows: Sequence[Row]) -> str:
    return table(
        ("work", "nginx µs", "gateway µs", "ratio", "limit", "holds"),
        [
            (
                row.case.name,
                f"{row.nginx.cpu_us:.1f}",
                f"{row.gateway.cpu_us:.1f}",
                f"{row.ratio:.2f}",
                "–" if row.case.limit is None else f"{row.case.limit}",
                "–" if row.case.limit is None else verdict(row.holds),
            )
            for row in rows
        ],
    )


def milliseconds(p50_us: float, p99_us: float) -> str:
    return f"{p50_us / 1_000:.2f} / {p99_us / 1_000:.2f}"


def latency_table(rows: Sequence[Row]) -> str:
    return table(
        ("p50 / p99 in ms", "direct", "nginx", "gateway", "added p50", "limit", "within 2 ms", "merged"),
        [
            (
                row.case.name,
                milliseconds(row.direct.p50_us, row.direct.p99_us),
                milliseconds(row.nginx.load.p50_us, row.nginx.load.p99_us),
                milliseconds(row.gateway.load.p50_us, row.gateway.load.p99_us),
                f"{row.added_p50_ms:.2f}",
                "–" if row.case.added_p50_limit_ms is None else f"{row.case.added_p50_limit_ms}",
                f"{row.gateway.load.within_2_ms:.1%}" if row.case.streams else "–",
                f"{row.gateway.load.merged} (nginx {row.nginx.load.merged})" if row.case.streams else "–",
            )
            for row in rows
        ],
    )


def figures_table(figures: Sequence[Figure]) -> str:
    return table(
        ("", "value", "limit", "holds"),
        [
            (figure.name, f"{figure.value:.2f} {figure.unit}", f"{figure.limit} {figure.unit}", verdict(figure.holds))
            for figure in figures
        ],
    )


def page(rows: Sequence[Row], figures: Sequence[Figure]) -> str:
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine().items())
    return PAGE_TEXT.format(
        machine=f"{facts[0].upper()}{facts[1:]}.",
        cpu=cpu_table(rows),
        latency=latency_table(rows),
        figures=figures_table(figures) if figures else "Not measured in this run.",
    )


def write(rows: Sequence[Row], figures: Sequence[Figure]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(as_json(rows, figures), indent=1) + "\n")
    PAGE.write_text(page(rows, figures))
