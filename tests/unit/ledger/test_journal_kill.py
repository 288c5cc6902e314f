"""A real process, really killed: SIGKILL at random points of its work, then a new process recovers."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.ledger import add_key, open_database, open_journal, spend_of, stored_calls

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import random, sys
from pathlib import Path
from tests.support.ledger import intent, open_database, open_journal, row

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)
db = open_database(folder)
journal = open_journal(folder, db, segment_bytes=chance.choice([2_000, 20_000, 4_000_000]))
begun = []
while True:
    if not begun or chance.random() < 0.5:
        call = intent(key_hash="k", estimate_nano_usd=1)
        journal.intent(call)
        begun.append(call.call_id)
        print("begun", call.call_id, flush=True)
    else:
        call_id = begun.pop(chance.randrange(len(begun)))
        journal.settle(row(call_id=call_id, key_hash="k", cost_nano_usd=1_000))
        print("settled", call_id, flush=True)
    if chance.random() < 0.01:
        journal.flush().result(timeout=30)
"""


def killed_run(folder: Path, seed: int, lines: int) -> tuple[set[str], set[str]]:
    """What a worker said it began and settled before it was killed, after that many lines."""
    said: dict[str, set[str]] = {"begun": set(), "settled": set()}
    command = [sys.executable, "-c", WORKER, str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout, start=1):
            if number == lines:
                process.kill()
            what, _, call_id = line.strip().partition(" ")
            if len(call_id) == 36:
                said[what].add(call_id)
    return said["begun"], said["settled"]


@pytest.mark.parametrize("seed", range(6))
def test_no_call_is_lost_and_none_is_booked_twice(tmp_path: Path, seed: int) -> None:
    db = open_database(tmp_path)
    add_key(db, "k")
    db.close()
    chance = random.Random(seed)
    begun: set[str] = set()
    settled: set[str] = set()
    for life in range(2):
        began, ended = killed_run(tmp_path, seed * 10 + life, chance.randrange(1, 3_000))
        begun |= began
        settled |= ended
    db = open_database(tmp_path)
    open_journal(tmp_path, db).close()
    rows = stored_calls(db)
    status = {row["call_id"]: row["status"] for row in rows}
    assert begun <= status.keys()
    assert {status[call_id] for call_id in settled} <= {"success"}
    assert Counter(status.values()).keys() <= {"success", "incomplete"}
    assert spend_of(db, "k") == sum(row["cost_nano_usd"] for row in rows)
    db.close()
