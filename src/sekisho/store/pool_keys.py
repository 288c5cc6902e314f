"""Which keys share a pool's limits. Flows in: a Connection, names of pools and keys. Flows out: hashes of keys."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.store.schema import pool_keys

#: Keys of one pool.
KEYS_MAX = 1_000


def keys_of_pools(connection: Connection, pool_ids: Sequence[str]) -> dict[str, list[str]]:
    """Pool -> the names of its keys (`keys.token`), in order."""
    found: dict[str, list[str]] = {pool_id: [] for pool_id in pool_ids}
    query = select(pool_keys.c.pool_id, pool_keys.c.key_hash).where(pool_keys.c.pool_id.in_(list(pool_ids)))
    for pool_id, key_hash in connection.execute(query.order_by(pool_keys.c.pool_id, pool_keys.c.key_hash)):
        found[pool_id].append(key_hash)
    return found
