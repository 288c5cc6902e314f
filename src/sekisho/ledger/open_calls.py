"""The calls that stand in the spools of a data directory, read beside the gateways that write them.

Flows in: the data directory. Flows out: those that are open, with their intents, and those that are over. Must stay
true: nothing is locked and nothing changed; a segment that leaves meanwhile has carried what is open into the next.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sekisho.ledger.rows import CallRow, Intent, decode_record
from sekisho.store.spool import read_segment


class Spooled(msgspec.Struct):
    """By call id. What is over is on its way to the database, or there already."""

    opened: dict[str, Intent]
    over: set[str]


def spooled_calls(data_dir: Path) -> Spooled:
    """Of every worker."""
    found = Spooled({}, set())
    for folder in sorted((data_dir / "spool").glob("*")):
        one = _of(folder)
        found.opened |= one.opened
        found.over |= one.over
    return found


def _of(folder: Path) -> Spooled:
    while True:
        found = Spooled({}, set())
        try:
            for segment in sorted(folder.glob("*.log")):
                for record in map(decode_record, read_segment(segment)):
                    if isinstance(record, CallRow):
                        found.opened.pop(record.call_id, None)
                        found.over.add(record.call_id)
                    elif isinstance(record, Intent):
                        found.opened[record.call_id] = record
        except FileNotFoundError:
            continue
        return found
