"""What binds one call beside its key: the end user in whose name it is made, and its tags, where they are declared.

Flows in: names from a call. Flows out: `Scope`s. Must stay true: names that have been asked for cost no query, also
when nothing is declared of them; a change of one is known here as soon as a key's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy.engine import Connection

from sekisho.identity.lru import Lru
from sekisho.identity.scopes import Kind, Scope, scope_of_row
from sekisho.store.bindings import Columns, call_bindings
from sekisho.store.db import Store
from sekisho.store.limits import decode_limits

#: Names held at once, declared or not.
KNOWN_NAMES = 20_000
_Name = tuple[str, str]
_Found = tuple[Columns | None, list[Columns]]


class CallScopes:
    """(kind, name) -> Scope. `of_call` is called on the event loop for every call that has such names."""

    def __init__(self, db: Store) -> None:
        self._db = db
        #: An empty tuple: nothing is declared.
        self._known = Lru[_Name, tuple[Scope, ...]](KNOWN_NAMES)
        self._changes = 0

    async def of_call(self, end_user: str | None, tags: Sequence[str]) -> tuple[Scope, ...]:
        """The declared ones of these. Raises StoreAway."""
        names = [("end_user", end_user)] if end_user else []
        names += [("tag", tag) for tag in dict.fromkeys(tags)]
        held = {name: self._known.get(name) for name in names}
        if any(scopes is None for scopes in held.values()):
            held |= await self._learn([name for name in names if held[name] is None])
        return tuple(scope for name in names for scope in held[name] or ())

    def forget(self, kind: str, name: str) -> None:
        """A listener of the feed of changes."""
        if kind in {"end_user", "tag"}:
            self._changes += 1
            self._known.drop((kind, name))
        elif kind == "budget":
            self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._changes += 1
        self._known.clear()

    async def _learn(self, names: list[_Name]) -> dict[_Name, tuple[Scope, ...] | None]:
        end_user = next((name for kind, name in names if kind == "end_user"), None)
        tags = [name for kind, name in names if kind == "tag"]

        def read(connection: Connection) -> _Found:
            return call_bindings(connection, end_user, tags)

        changes = self._changes
        found = self._db.read_now(read) if self._db.local else await asyncio.wrap_future(self._db.read(read))
        learnt: dict[_Name, tuple[Scope, ...] | None] = dict.fromkeys(names, ())
        for row in _rows(found):
            learnt[(row["kind"], row["id"])] = (_scope(row),)
        if changes == self._changes:
            for name, scopes in learnt.items():
                self._known.put(name, scopes or ())
        return learnt


def _rows(found: _Found) -> Iterable[Columns]:
    end_user, tags = found
    return tags if end_user is None else (end_user, *tags)


def _scope(row: Columns) -> Scope:
    kind: Kind = "end_user" if row["kind"] == "end_user" else "tag"
    return scope_of_row(kind, row["alias"] or row["id"], row, decode_limits(row["shared"]))
