"""Queries on the virtual keys. Flows in: a Connection and plain values. Flows out: `KeyRow`s.

Must stay true: what identifies a key here is its SHA-256, never the key; every list has a limit; portable SQL only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, union_all
from sqlalchemy.engine import Connection, RowMapping

from sekisho.store.limits import NO_LIMITS, Limits, decode_limits
from sekisho.store.schema import key_tokens, keys


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


def get_key(connection: Connection, token: str) -> KeyRow | None:
    """The key with this hash: one look-up in the primary index."""
    found = connection.execute(select(keys).where(keys.c.token == token)).mappings().one_or_none()
    return None if found is None else key_of_columns(found)


def key_names(connection: Connection, tokens: Sequence[str]) -> dict[str, str]:
    """Hash -> `keys.token`, of those that open a key or have opened it before it was rotated."""
    own = select(keys.c.token, keys.c.token.label("key_token")).where(keys.c.token.in_(tokens))
    others = select(key_tokens.c.token, key_tokens.c.key_token).where(key_tokens.c.token.in_(tokens))
    return {row.token: row.key_token for row in connection.execute(union_all(own, others))}


def alias_is_taken(connection: Connection, alias: str, but_not_by: str | None = None) -> bool:
    """Whether another key has this alias."""
    owner = connection.execute(select(keys.c.token).where(keys.c.key_alias == alias)).scalar_one_or_none()
    return owner is not None and owner != but_not_by


def key_of_columns(found: Mapping[str, Any] | RowMapping) -> KeyRow:
    """A row as it stands in the table."""
    decoded = {name: msgspec.json.decode(found[name], type=kind) for name, kind in _JSON_COLUMNS.items()}
    return KeyRow(**(dict(found) | decoded | {"limits": decode_limits(found["limits"])}))
