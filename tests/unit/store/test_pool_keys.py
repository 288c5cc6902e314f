from __future__ import annotations

from sekisho.store.db import Store
from sekisho.store.directory import POOL_KEYS, POOLS, PoolKeyRow
from sekisho.store.edit import Edit
from sekisho.store.pool_keys import keys_of_pools
from tests.support.ledger import NOW_US, add_key


def test_pools_are_read_with_their_keys_in_order(db: Store) -> None:
    for token in ("a", "b", "c"):
        add_key(db, token)
    rows = [PoolKeyRow(key_hash=token, pool_id="p") for token in ("c", "b")]

    def make(edit: Edit) -> None:
        edit.add(POOLS, pool_id="p")
        edit.add_all(POOL_KEYS, rows)

    db.write(lambda connection: make(Edit(connection, None, NOW_US))).result()
    assert db.read_now(lambda connection: keys_of_pools(connection, ["p", "q"])) == {"p": ["b", "c"], "q": []}
