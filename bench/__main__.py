"""`make bench`: every case, a table, bench/results/latest.json and docs/benchmarks.md. Exit 1 where a limit is missed.

`--quick` takes one short round and writes nothing; `--only TEXT` takes the cases with that text in their name.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from bench import report
from bench.cases import CASES, Case
from bench.measure import Figure, Row, alone, measure, median
from bench.process import LOAD_CORE
from bench.servers import gateway, nginx, provider


def run(
    chosen: list[Case], folder: Path, *, rounds: int, seconds: float, figures: bool
) -> tuple[list[Row], list[Figure]]:
    with provider(folder) as upstream:
        found = alone(folder, upstream) if figures else []
        with nginx(folder, upstream) as (floor_port, floor), gateway(folder / "gateway", upstream) as gate:
            rows = []
            for case in chosen:
                sys.stderr.write(f"{case.name} …\n")
                ports = (upstream, floor_port)
                rows.append(median([measure(case, ports, floor, gate, seconds) for _ in range(rounds)]))
    return rows, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round, nothing written")
    parser.add_argument("--only", metavar="TEXT", help="the cases with this text in their name, nothing written")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load in each round")
    options = parser.parse_args()
    os.sched_setaffinity(0, LOAD_CORE)
    chosen = [case for case in CASES if not options.only or options.only in case.name]
    rounds, seconds = (1, 2.0) if options.quick else (options.rounds, options.seconds)
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder:
        rows, figures = run(chosen, Path(folder), rounds=rounds, seconds=seconds, figures=not options.only)
    Console(width=None if sys.stdout.isatty() else 160).print(Markdown(report.page(rows, figures)))
    if not options.quick and not options.only:
        report.write(rows, figures)
    held = [*(row.holds for row in rows), *(figure.holds for figure in figures)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
