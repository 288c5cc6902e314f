"""The notices by which every process learns what it has to forget.

Flows in: a Connection; (kind, id) of what a transaction changed. Flows out: what others changed since. Must stay true:
a notice is written by the transaction that makes the change, so it is seen exactly when the change is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.engine import Connection

from sekisho.store.domain import changes

#: Notices read at once.
PAGE = 1_000


class Change(msgspec.Struct, frozen=True):
    """A notice. Numbers rise in the order in which transactions began to write, not in which they ended."""

    seq: int
    kind: str
    id: str


def note_changes(connection: Connection, changed: Iterable[tuple[str, str]], at_us: int) -> None:
    """Tell every process that these (kind, id)s are no longer what they were."""
    rows = [{"at_us": at_us, "kind": kind, "id": name} for kind, name in changed]
    if rows:
        connection.execute(insert(changes), rows)


def last_change(connection: Connection) -> int:
    """The highest number so far; 0 for none."""
    return int(connection.execute(select(func.coalesce(func.max(changes.c.seq), 0))).scalar_one())


def changes_since(connection: Connection, seq: int, missing: Collection[int] = ()) -> list[Change]:
    """The first `PAGE` notices numbered above `seq`, and those of `missing` that are there now, in order."""
    query = select(changes.c.seq, changes.c.kind, changes.c.id)
    wanted = changes.c.seq > seq if not missing else or_(changes.c.seq > seq, changes.c.seq.in_(sorted(missing)))
    found = connection.execute(query.where(wanted).order_by(changes.c.seq).limit(PAGE))
    return [Change(*row) for row in found]


def drop_changes(connection: Connection, before_us: int) -> None:
    """Delete the notices that every process has seen or will never ask for."""
    connection.execute(delete(changes).where(changes.c.at_us < before_us))
