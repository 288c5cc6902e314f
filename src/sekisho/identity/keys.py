"""Virtual keys: from a token to the principal behind it, and the making and unmaking of keys.

Flows in: tokens that callers show, changes that administrators ask for. Flows out: Principals. Must stay true: a known
key costs no query, an unknown one a single indexed query; a change acts at once in this process and a key made by
another is seen within a second; the token itself is kept nowhere, only its SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy.engine import Connection

from sekisho.core.clock import Clock
from sekisho.core.errors import CallerError, ErrorClass, MalformedRequest
from sekisho.core.secret import Secret
from sekisho.store import keys as stored
from sekisho.store.db import Database
from sekisho.store.keys import KeyFilter, KeyRow

K = TypeVar("K")
V = TypeVar("V")

#: The user that LiteLLM books the master key's acts on.
MASTER_USER_ID = "default_user_id"
PREFIX = "sk-"
#: Entropy of a made key: 32 url-safe characters.
KEY_BYTES = 24
#: Principals held at once (about 1 kB each).
KNOWN_KEYS = 50_000
#: Unknown tokens remembered, so that a client with a wrong key does not query on each try.
UNKNOWN_KEYS = 10_000
#: How long an unknown token stays unknown without asking again: another process may have made it since.
UNKNOWN_SECONDS = 1.0

#: Special names in a key's `models`.
ALL_MODELS = frozenset({"all-proxy-models", "all-team-models", "*"})
NO_MODELS = "no-default-models"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. Empty `models` mean all; see `may_use`. `expires_us` is epoch µs UTC, None for never."""

    key_hash: str
    key_name: str = ""
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    models: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    blocked: bool = False
    expires_us: int | None = None
    is_master: bool = False
    metadata: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    allowed_routes: tuple[str, ...] = ()


class UnknownKey(CallerError):
    """No such key in the store."""

    error_class = ErrorClass.NOT_FOUND


def token_hash(token: str) -> str:
    """The SHA-256 of a token, in hex: the name of a key everywhere but in its holder's hands."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def hash_of(key: str) -> str:
    """Administrators name a key by itself or by its hash."""
    return token_hash(key) if key.startswith(PREFIX) else key.lower()


def resolved_model(principal: Principal, model: str) -> str:
    """The model that this key means by `model`."""
    return principal.aliases.get(model, model)


def may_use(principal: Principal, model: str) -> bool:
    """Whether the key may call the model named `model`.

    No list means every model. Names in the list match exactly, or as wildcards (`openai/*`); an alias of the key
    admits its target. `all-team-models` admits all, as a team without a list does. `no-default-models` admits nothing
    by itself.
    """
    if principal.is_master or not principal.models:
        return True
    if not ALL_MODELS.isdisjoint(principal.models):
        return True
    names = {model, resolved_model(principal, model)}
    return any(pattern != NO_MODELS and _matches(pattern, name) for pattern in principal.models for name in names)


class KeyRing:
    """Token -> Principal. `find` is called on the event loop for every request."""

    def __init__(self, db: Database, clock: Clock, master_key: Secret) -> None:
        self._db = db
        self._clock = clock
        self._master = Principal(
            key_hash=token_hash(master_key.reveal()), key_name="master key", user_id=MASTER_USER_ID, is_master=True
        )
        self._known: dict[str, Principal] = {}
        self._unknown_until_us: dict[str, int] = {}

    @property
    def master(self) -> Principal:
        """Who shows the master key."""
        return self._master

    def find(self, token: str) -> Principal | None:
        """Whose token it is, expired and blocked ones too; None for nobody's."""
        name = token_hash(token)
        if hmac.compare_digest(name, self._master.key_hash):
            return self._master
        return self.by_hash(name)

    def by_hash(self, name: str) -> Principal | None:
        """The principal of the virtual key with this hash, expired and blocked ones too; None when there is none."""
        return self._known.get(name) or self._look_up(name)

    def put(self, row: KeyRow) -> None:
        """From now on this is what the key is."""
        self._unknown_until_us.pop(row.token, None)
        self._known.pop(row.token, None)
        _remember(self._known, row.token, principal_of(row), KNOWN_KEYS)

    def drop(self, token: str) -> None:
        """From now on there is no such key."""
        self._known.pop(token, None)

    def _look_up(self, name: str) -> Principal | None:
        """Synchronous, so two callers with the same new key cannot ask twice."""
        now_us = self._clock.monotonic_us()
        if self._unknown_until_us.get(name, now_us) > now_us:
            return None
        row = self._db.read_now(lambda connection: stored.get_key(connection, name))
        if row is None:
            self._unknown_until_us.pop(name, None)
            _remember(self._unknown_until_us, name, now_us + round(UNKNOWN_SECONDS * 1_000_000), UNKNOWN_KEYS)
            return None
        self.put(row)
        return self._known[name]


class KeyService:
    """What administrators do to keys: in the database first, then in the ring, before the answer goes out."""

    def __init__(self, db: Database, ring: KeyRing, clock: Clock) -> None:
        self._db = db
        self._ring = ring
        self._clock = clock

    async def generate(self, key: str | None, fields: dict[str, Any], by: str | None) -> tuple[str, KeyRow]:
        """Make a key of these `KeyRow` fields; `key` is the caller's own choice of it. Returns it and its row.

        Raises MalformedRequest when the key or its alias is taken, or the key does not begin with sk-.
        """
        if key is not None and (not key.startswith(PREFIX) or len(key) == len(PREFIX)):
            raise MalformedRequest(f"'key' must begin with '{PREFIX}': choose another, or leave it out.", param="key")
        key = key or PREFIX + secrets.token_urlsafe(KEY_BYTES)
        now_us = self._clock.now_us()
        stamps = {"created_us": now_us, "created_by": by, "updated_us": now_us, "updated_by": by}
        row = KeyRow(token=token_hash(key), key_name=f"{PREFIX}...{key[-4:]}", **(stamps | fields))
        if row.token == self._ring.master.key_hash:
            raise MalformedRequest("'key' is taken: choose another, or leave it out.", param="key")

        def add(connection: Connection) -> None:
            if stored.get_key(connection, row.token) is not None:
                raise MalformedRequest("'key' is taken: choose another, or leave it out.", param="key")
            _check_alias(connection, row.key_alias, None)
            stored.insert_key(connection, row)

        await asyncio.wrap_future(self._db.write(add))
        self._ring.put(row)
        return key, row

    async def update(self, key: str, change: Callable[[KeyRow], dict[str, Any]], by: str | None) -> KeyRow:
        """Set the `KeyRow` fields that `change` makes of the present row. `key` is the key itself or its hash.

        Raises UnknownKey, and MalformedRequest when another key has the alias.
        """
        token = hash_of(key)
        stamps = {"updated_us": self._clock.now_us(), "updated_by": by}

        def write(connection: Connection) -> KeyRow:
            present = stored.get_key(connection, token)
            if present is None:
                raise _unknown()
            fields = change(present)
            _check_alias(connection, fields.get("key_alias"), token)
            return stored.update_key(connection, token, fields | stamps) or present

        row = await asyncio.wrap_future(self._db.write(write))
        self._ring.put(row)
        return row

    async def delete(self, named_keys: Sequence[str], aliases: Sequence[str]) -> list[str]:
        """Delete keys by themselves, by hash or by alias: all, or none where one is unknown. Returns what was named."""
        wanted = {name: hash_of(name) for name in named_keys}

        def remove(connection: Connection) -> list[str]:
            found = stored.tokens_of(connection, list(wanted.values()), aliases)
            missing = sum(name not in found for name in (*wanted.values(), *aliases))
            if missing:
                raise UnknownKey(f"{missing} of the named keys do not exist; none was deleted.", param="keys")
            tokens = sorted({*wanted.values(), *(found[alias] for alias in aliases)})
            stored.delete_keys(connection, tokens)
            return tokens

        for token in await asyncio.wrap_future(self._db.write(remove)):
            self._ring.drop(token)
        return [*named_keys, *aliases]

    async def get(self, token: str) -> KeyRow:
        """The key with this hash, its spend as of now. Raises UnknownKey."""
        row = await asyncio.wrap_future(self._db.read(lambda connection: stored.get_key(connection, token)))
        if row is None:
            raise _unknown()
        return row

    async def page(
        self, wanted: KeyFilter, *, limit: int, offset: int, sort_by: str, ascending: bool
    ) -> tuple[list[KeyRow], int]:
        """(one page of the keys that match, how many match)."""

        def read(connection: Connection) -> tuple[list[KeyRow], int]:
            rows = stored.list_keys(
                connection, wanted, limit=limit, offset=offset, sort_by=sort_by, ascending=ascending
            )
            return rows, stored.count_keys(connection, wanted)

        return await asyncio.wrap_future(self._db.read(read))


def principal_of(row: KeyRow) -> Principal:
    """What the hot path needs of a stored key."""
    tags = row.metadata.get("tags")
    return Principal(
        key_hash=row.token,
        key_name=row.key_name,
        key_alias=row.key_alias,
        user_id=row.user_id,
        team_id=row.team_id,
        models=row.models,
        aliases=row.aliases,
        blocked=row.blocked,
        expires_us=row.expires_us,
        metadata=row.metadata,
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        allowed_routes=row.allowed_routes,
    )


def _matches(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL) is not None


def _remember(cache: dict[K, V], key: K, value: V, bound: int) -> None:
    """Add to a bounded cache; the entry that came first makes room."""
    if len(cache) >= bound:
        del cache[next(iter(cache))]
    cache[key] = value


def _check_alias(connection: Connection, alias: str | None, token: str | None) -> None:
    if alias is not None and stored.alias_is_taken(connection, alias, token):
        raise MalformedRequest(f"Another key has the alias '{alias}': choose another key_alias.", param="key_alias")


def _unknown() -> UnknownKey:
    return UnknownKey("This key does not exist: name a key by itself (sk-…) or by its hash.", param="key")
