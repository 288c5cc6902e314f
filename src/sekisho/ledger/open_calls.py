"""The calls that the spools of a data directory announce as open, read beside the gateways that write them.

Flows in: the data directory. Flows out: calls without a row, with their intents. Must stay true: nothing is locked and
nothing changed; a segment that leaves meanwhile has carried what it announced into the next.
"""

from __future__ import annotations

from pathlib import Path

from sekisho.ledger.rows import CallRow, Intent, decode_record
from sekisho.store.spool import read_segment


def open_calls(data_dir: Path) -> dict[str, Intent]:
    """Call id -> its intent."""
    opened: dict[str, Intent] = {}
    for folder in sorted((data_dir / "spool").glob("*")):
        opened |= _opened(folder)
    return opened


def _opened(folder: Path) -> dict[str, Intent]:
    while True:
        opened: dict[str, Intent] = {}
        try:
            for segment in sorted(folder.glob("*.log")):
                for record in map(decode_record, read_segment(segment)):
                    if isinstance(record, CallRow):
                        opened.pop(record.call_id, None)
                    elif isinstance(record, Intent):
                        opened[record.call_id] = record
        except FileNotFoundError:
            continue
        return opened
