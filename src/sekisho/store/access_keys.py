"""Queries on the access keys that stand for virtual keys. Flows in: a Connection and plain values. Flows out: rows.

Must stay true: `secret` is sealed before it gets here; every list for people has a limit; portable SQL only.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, Update, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from sekisho.store.schema import access_keys


class AccessKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """An access key as stored: whose it is (SHA-256 of the virtual key), its sealed secret and under which root key.

    Times are epoch µs UTC; `last_used_us` None means never. It works until `until_us`, None: as long as its key.
    """

    access_key_id: str
    key_hash: str
    secret: str
    root_id: str
    blocked: bool = False
    created_us: int
    created_by: str | None = None
    last_used_us: int | None = None
    until_us: int | None = None


def get_access_key(connection: Connection, access_key_id: str) -> AccessKeyRow | None:
    """The access key of this id: one look-up in the primary index."""
    query = select(access_keys).where(access_keys.c.access_key_id == access_key_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else AccessKeyRow(**found)


def insert_access_key(connection: Connection, row: AccessKeyRow) -> None:
    """Add an access key. Raises IntegrityError when its id is taken or its virtual key does not exist."""
    connection.execute(insert(access_keys).values(msgspec.structs.asdict(row)))


def set_blocked(connection: Connection, access_key_id: str, *, blocked: bool) -> AccessKeyRow | None:
    """Block or unblock; the row as it is now, or None when there is no such access key."""
    connection.execute(_update(access_key_id).values(blocked=blocked))
    return get_access_key(connection, access_key_id)


def set_secret(connection: Connection, access_key_id: str, secret: str, root_id: str) -> None:
    """The same secret, sealed anew."""
    connection.execute(_update(access_key_id).values(secret=secret, root_id=root_id))


def set_last_used(connection: Connection, access_key_id: str, used_us: int) -> None:
    """When it was last used (epoch µs UTC)."""
    connection.execute(_update(access_key_id).values(last_used_us=used_us))


def delete_access_key(connection: Connection, access_key_id: str) -> bool:
    """Remove it; whether it was there."""
    done = connection.execute(delete(access_keys).where(access_keys.c.access_key_id == access_key_id))
    return bool(done.rowcount)


def list_access_keys(connection: Connection, key_hash: str | None, *, limit: int, offset: int) -> list[AccessKeyRow]:
    """One page of a virtual key's access keys, or of all, the newest first."""
    newest_first = (access_keys.c.created_us.desc(), access_keys.c.access_key_id.desc())
    query = select(access_keys).where(*_of(key_hash)).order_by(*newest_first).limit(limit).offset(offset)
    return [AccessKeyRow(**found) for found in connection.execute(query).mappings()]


def count_access_keys(connection: Connection, key_hash: str | None) -> int:
    """How many a virtual key has, or how many there are."""
    query = select(func.count()).select_from(access_keys).where(*_of(key_hash))
    return int(connection.execute(query).scalar_one())


def not_sealed_under(connection: Connection, root_id: str) -> list[AccessKeyRow]:
    """Those whose secret needs another root key, all of them."""
    query = select(access_keys).where(access_keys.c.root_id != root_id)
    return [AccessKeyRow(**found) for found in connection.execute(query).mappings()]


def _update(access_key_id: str) -> Update:
    return update(access_keys).where(access_keys.c.access_key_id == access_key_id)


def _of(key_hash: str | None) -> list[ColumnElement[bool]]:
    return [] if key_hash is None else [access_keys.c.key_hash == key_hash]
