"""Virtual keys made, changed and deleted as the management API does it, for tests of who uses them."""

from __future__ import annotations

import secrets
from typing import Any

from sekisho.core.clock import FakeClock
from sekisho.identity.keys import KeyRing, token_hash
from sekisho.store.db import Store
from sekisho.store.directory import KEYS
from sekisho.store.edit import Edit


class KeyDesk:
    """In the database first, then in the ring."""

    def __init__(self, db: Store, ring: KeyRing) -> None:
        self._db = db
        self._ring = ring

    def make(self, key: str | None = None, **fields: Any) -> str:
        """A key of these fields of a `KeyRow`."""
        key = key or f"sk-{secrets.token_hex(8)}"
        row = {"token": token_hash(key), "key_name": "sk-...", **fields}
        self._run(key, lambda edit: edit.add(KEYS, **row))
        return key

    def change(self, key: str, **fields: Any) -> None:
        """Set these fields."""
        self._run(key, lambda edit: edit.change(KEYS, self._row(edit, key), fields))

    def delete(self, key: str) -> None:
        """The key is gone."""
        self._run(key, lambda edit: edit.remove(KEYS, self._row(edit, key)))

    def _row(self, edit: Edit, key: str) -> Any:
        return KEYS.get(edit.connection, token_hash(key))

    def _run(self, key: str, work: Any) -> None:
        now_us = FakeClock().now_us()
        self._db.write(lambda connection: work(Edit(connection, None, now_us))).result()
        self._ring.drop(token_hash(key))
