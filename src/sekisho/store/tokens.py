"""The hashes that open a key: its first one, and those that rotation gave it.

Flows in: a Connection and hashes. Flows out: keys. Must stay true: a key keeps the name it was made with (its first
hash); at most one hash is the present one, the former ones work until their time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.engine import Connection

from sekisho.store.directory import KEYS
from sekisho.store.keys import KeyRow
from sekisho.store.schema import key_tokens


def find_key(connection: Connection, token: str) -> KeyRow | None:
    """The key that this hash opens, or opened: administrators name a key by any of them."""
    row = KEYS.get(connection, token)
    if row is not None:
        return row
    found = connection.execute(select(key_tokens.c.key_token).where(key_tokens.c.token == token)).scalar_one_or_none()
    return None if found is None else KEYS.get(connection, found)


def is_taken(connection: Connection, token: str) -> bool:
    """Whether this hash opens a key, or did."""
    return find_key(connection, token) is not None


def rotate(connection: Connection, row: KeyRow, token: str, *, now_us: int, until_us: int) -> dict[str, Any]:
    """Let `token` open the key, its former hash until `until_us`. Returns the columns of the key to set."""
    former = row.current_token
    stale = key_tokens.c.until_us <= now_us
    connection.execute(delete(key_tokens).where(key_tokens.c.key_token == row.token, stale))
    if former is not None:
        connection.execute(update(key_tokens).where(key_tokens.c.token == former).values(until_us=until_us))
    connection.execute(insert(key_tokens).values(token=token, key_token=row.token, until_us=None, created_us=now_us))
    columns: dict[str, Any] = {
        "current_token": token,
        "rotation_count": row.rotation_count + 1,
        "last_rotation_us": now_us,
    }
    return columns if former is not None else columns | {"grace_until_us": until_us}


def tokens_of_key(connection: Connection, token: str, now_us: int) -> list[str]:
    """Every hash that opens the key of this name now, beside its first."""
    works = or_(key_tokens.c.until_us.is_(None), key_tokens.c.until_us > now_us)
    query = select(key_tokens.c.token).where(key_tokens.c.key_token == token, works).limit(100)
    return list(connection.execute(query).scalars())
