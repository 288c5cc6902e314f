"""What an administrator changes, in one transaction with its audit entries and the feed of changes.

Flows in: rows and fields. Flows out: rows as they are now. Must stay true: no row of the directory is added, changed
or removed without an audit entry (who, before, after) and a line in `changes`, by which every replica learns of it
within a second; a secret column is in neither. What somebody else has changed since it was read is not written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, insert
from sqlalchemy.engine import Connection

from sekisho.core.errors import CallerError
from sekisho.core.ids import new_uuid7
from sekisho.store.changes import note_changes
from sekisho.store.domain import audit_changes
from sekisho.store.entities import Entities

R = TypeVar("R", bound=msgspec.Struct)
REMOVED_AT_ONCE = 500


class Raced(CallerError):
    """Another transaction has changed the row since this one read it. Begun again, it reads what there is now."""

    def __init__(self) -> None:
        super().__init__("Somebody else has changed this at the same time: try again.", status=409)


class Edit:
    """One transaction of `actor`'s at `now_us` (epoch µs UTC). `touched` are the (kind, id)s that it has changed."""

    def __init__(self, connection: Connection, actor: str | None, now_us: int) -> None:
        self.connection = connection
        self.actor = actor
        self.now_us = now_us
        self.touched: list[tuple[str, str]] = []

    def add(self, entities: Entities[R], **fields: Any) -> R:
        """A new row of these fields, the actor's unless they say whose. Raises IntegrityError when its name, or another
        unique column, is taken.
        """
        row = entities.row(**{"created_by": self.actor} | fields, created_us=self.now_us, **self._stamps())
        entities.insert(self.connection, row)
        self.record(entities, "created", None, row)
        return row

    def add_all(self, entities: Entities[R], rows: Sequence[R]) -> None:
        """New rows as they are, made elsewhere: in three statements. Raises IntegrityError as `add` does."""
        entities.insert_all(self.connection, rows)
        entries = [self._entry(entities, "created", None, row) for row in rows]
        self.connection.execute(insert(audit_changes), entries)
        touched = [(entities.kind, entry["object_id"]) for entry in entries]
        note_changes(self.connection, touched, self.now_us)
        self.touched += touched

    def change(self, entities: Entities[R], present: R, fields: dict[str, Any], action: str = "updated") -> R:
        """The row with these fields set; `action` is LiteLLM's word for it. Raises Raced."""
        fields = fields | self._stamps(present)
        if not entities.update(self.connection, present, fields):
            raise Raced
        row = msgspec.structs.replace(present, **fields)
        self.record(entities, action, present, row)
        return row

    def remove(self, entities: Entities[R], present: R) -> None:
        """The row is gone. Raises Raced."""
        if not entities.delete(self.connection, present):
            raise Raced
        self.record(entities, "deleted", present, None)

    def remove_all(self, entities: Entities[Any], condition: ColumnElement[bool]) -> None:
        """Every row that meets the condition is gone, one by one, as the audit wants it. Raises Raced."""
        while rows := entities.find(self.connection, condition, limit=REMOVED_AT_ONCE):
            for row in rows:
                self.remove(entities, row)

    def note(self, kind: str, name: str) -> None:
        """Every replica forgets what it holds of this, which has changed otherwise than by a row of its own."""
        note_changes(self.connection, [(kind, name)], self.now_us)
        self.touched.append((kind, name))

    def _stamps(self, present: Any = None) -> dict[str, Any]:
        """Each change of a row is later than the one before: by this `Entities` tells that there was one."""
        now_us = self.now_us if present is None else max(self.now_us, present.updated_us + 1)
        return {"updated_us": now_us, "updated_by": self.actor}

    def record(self, entities: Entities[R], action: str, before: R | None, after: R | None) -> None:
        """A change of a row, made by what writes it itself: into the audit, and told to every replica."""
        entry = self._entry(entities, action, before, after)
        self.connection.execute(insert(audit_changes).values(entry))
        self.note(entities.kind, entry["object_id"])

    def _entry(self, entities: Entities[R], action: str, before: R | None, after: R | None) -> dict[str, Any]:
        named = after if after is not None else before
        return {
            "change_id": new_uuid7(),
            "at_us": self.now_us,
            "actor": self.actor or "",
            "action": action,
            "object_kind": entities.kind,
            "object_id": "" if named is None else "/".join(entities.ident(named)),
            "before": None if before is None else entities.told(before),
            "after": None if after is None else entities.told(after),
        }
