"""Queries on the virtual keys. Flows in: a Connection and plain values. Flows out: `KeyRow`s.

Must stay true: what identifies a key here is its SHA-256, never the key; every list has a limit; portable SQL only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, delete, func, insert, select, union_all, update
from sqlalchemy.engine import Connection, RowMapping

from sekisho.store.limits import NO_LIMITS, Limits, decode_limits
from sekisho.store.schema import key_tokens, keys

#: What a list of keys may be sorted by, in LiteLLM's names.
SORTABLE = {
    "created_at": keys.c.created_us,
    "updated_at": keys.c.updated_us,
    "spend": keys.c.spend_nano_usd,
    "key_alias": keys.c.key_alias,
    "user_id": keys.c.user_id,
    "team_id": keys.c.team_id,
}


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual key as stored. `token` is its SHA-256 in hex; times are epoch µs UTC; money is nano-USD.

    Empty `models` or `allowed_routes` mean all; `expires_us` None means never.
    """

    token: str
    key_name: str
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    models: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    allowed_routes: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    blocked: bool = False
    expires_us: int | None = None
    spend_nano_usd: int = 0
    created_us: int
    created_by: str | None = None
    updated_us: int
    updated_by: str | None = None
    last_active_us: int | None = None
    limits: Limits = NO_LIMITS
    organization_id: str | None = None
    project_id: str | None = None
    budget_id: str | None = None
    key_type: str = "default"
    current_token: str | None = None
    grace_until_us: int | None = None
    rotation_interval: str | None = None
    rotation_count: int = 0
    last_rotation_us: int | None = None
    next_rotation_us: int | None = None


#: Columns that hold JSON text, and what stands in it.
_JSON_COLUMNS: dict[str, Any] = {
    "models": tuple[str, ...],
    "aliases": dict[str, str],
    "allowed_routes": tuple[str, ...],
    "metadata": dict[str, Any],
    "limits": Limits,
}


class KeyFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys: all given conditions together. `key_alias` is a part of the alias."""

    user_id: str | None = None
    team_id: str | None = None
    token: str | None = None
    key_alias: str | None = None


def get_key(connection: Connection, token: str) -> KeyRow | None:
    """The key with this hash: one look-up in the primary index."""
    found = connection.execute(select(keys).where(keys.c.token == token)).mappings().one_or_none()
    return None if found is None else key_of_columns(found)


def key_names(connection: Connection, tokens: Sequence[str]) -> dict[str, str]:
    """Hash -> `keys.token`, of those that open a key or have opened it before it was rotated."""
    own = select(keys.c.token, keys.c.token.label("key_token")).where(keys.c.token.in_(tokens))
    others = select(key_tokens.c.token, key_tokens.c.key_token).where(key_tokens.c.token.in_(tokens))
    return {row.token: row.key_token for row in connection.execute(union_all(own, others))}


def insert_key(connection: Connection, row: KeyRow) -> None:
    """Add a key. Raises IntegrityError when its hash or alias is taken."""
    columns = {name: getattr(row, name) for name in KeyRow.__struct_fields__}
    connection.execute(insert(keys).values(_encoded(columns)))


def update_key(connection: Connection, token: str, changes: dict[str, Any]) -> KeyRow | None:
    """Set the given fields and return the whole row, or None when there is no such key."""
    connection.execute(update(keys).where(keys.c.token == token).values(_encoded(changes)))
    return get_key(connection, token)


def delete_keys(connection: Connection, tokens: Sequence[str]) -> None:
    """Remove these keys; their rows in the ledger stay."""
    connection.execute(delete(keys).where(keys.c.token.in_(tokens)))


def tokens_of(connection: Connection, tokens: Sequence[str], aliases: Sequence[str]) -> dict[str, str]:
    """Hash or alias -> hash, of those that exist."""
    named = keys.c.token.in_(tokens) | keys.c.key_alias.in_(aliases)
    found: dict[str, str] = {}
    for row in connection.execute(select(keys.c.token, keys.c.key_alias).where(named)):
        found[row.token] = row.token
        if row.key_alias is not None:
            found[row.key_alias] = row.token
    return found


def alias_is_taken(connection: Connection, alias: str, but_not_by: str | None = None) -> bool:
    """Whether another key has this alias."""
    owner = connection.execute(select(keys.c.token).where(keys.c.key_alias == alias)).scalar_one_or_none()
    return owner is not None and owner != but_not_by


def list_keys(
    connection: Connection, wanted: KeyFilter, *, limit: int, offset: int, sort_by: str, ascending: bool
) -> list[KeyRow]:
    """One page of the keys that match."""
    column = SORTABLE[sort_by]
    order = (column.asc(), keys.c.token.asc()) if ascending else (column.desc(), keys.c.token.desc())
    query = _filtered(select(keys), wanted).order_by(*order).limit(limit).offset(offset)
    return [key_of_columns(found) for found in connection.execute(query).mappings()]


def count_keys(connection: Connection, wanted: KeyFilter) -> int:
    """How many keys match."""
    return int(connection.execute(_filtered(select(func.count()).select_from(keys), wanted)).scalar_one())


def _filtered(query: Select[Any], wanted: KeyFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [
        keys.c[name] == value
        for name in ("user_id", "team_id", "token")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.key_alias is not None:
        conditions.append(keys.c.key_alias.contains(wanted.key_alias, autoescape=True))
    return query.where(*conditions)


def key_of_columns(found: Mapping[str, Any] | RowMapping) -> KeyRow:
    """A row as it stands in the table."""
    decoded = {name: msgspec.json.decode(found[name], type=kind) for name, kind in _JSON_COLUMNS.items()}
    return KeyRow(**(dict(found) | decoded | {"limits": decode_limits(found["limits"])}))


def _encoded(columns: dict[str, Any]) -> dict[str, Any]:
    """JSON columns as text."""
    return {
        name: msgspec.json.encode(value).decode() if name in _JSON_COLUMNS else value for name, value in columns.items()
    }
