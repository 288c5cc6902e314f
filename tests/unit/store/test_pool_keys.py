from __future__ import annotations

from sekisho.store.db import Store
from sekisho.store.directory import POOLS
from sekisho.store.edit import Edit
from sekisho.store.pool_keys import keys_of_pools, set_keys
from tests.support.ledger import NOW_US, add_key


def test_a_pool_has_exactly_the_keys_it_was_given(db: Store) -> None:
    for token in ("a", "b", "c"):
        add_key(db, token)
    db.write(lambda connection: Edit(connection, None, NOW_US).add(POOLS, pool_id="p")).result()

    def given(*tokens: str) -> set[str]:
        return db.write(lambda connection: set_keys(connection, "p", tokens)).result()

    assert given("a", "b") == {"a", "b"}
    assert given("b", "c") == {"a", "c"}
    assert given("b", "c") == set()
    assert db.read_now(lambda connection: keys_of_pools(connection, ["p", "q"])) == {"p": ["b", "c"], "q": []}
