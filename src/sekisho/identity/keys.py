"""Virtual keys: from a token to the principal behind it.

Flows in: tokens that callers show. Flows out: Principals. Must stay true: a known
key costs no query, an unknown one a single indexed query, however many ask for it; a change acts at once in this
process and within a second in the others (changes.py); the token itself is kept nowhere, only its SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from sekisho.core.clock import Clock
from sekisho.core.errors import CallerError, ErrorClass
from sekisho.core.secret import Secret
from sekisho.identity.lru import Lru
from sekisho.identity.remembered import Flight, Flights, Remembered, remember
from sekisho.identity.scopes import Scope, depends_on, lists, residency_of, role_of, scopes_of, tags_of
from sekisho.store.bindings import Binding, binding_of_key, binding_of_secret
from sekisho.store.db import Store

#: The user that LiteLLM books the master key's acts on.
MASTER_USER_ID = "default_user_id"
PREFIX = "sk-"
#: Entropy of a made key: 32 url-safe characters.
KEY_BYTES = 24
#: Principals held at once (about 2 kB each).
KNOWN_KEYS = 50_000
#: Unknown tokens remembered, so that a client with a wrong key does not query on each try.
UNKNOWN_KEYS = 10_000
#: How long an unknown token stays unknown without asking again: another process may have made it since.
UNKNOWN_SECONDS = 1.0


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. Empty `models` mean all; see `may_use`. `expires_us` is epoch µs UTC, None for never.

    `key_hash` names the key for as long as it lives (`keys.token`). `scopes` are all that bind it, its own first.
    `role` is its user's, "" without one. `residency` are the rules of its team and organisation, each of which holds.
    `is_vouched`: no key of ours was shown, the operator's own function says who it is, by which `role` and for which
    `end_user`.
    """

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
    scopes: tuple[Scope, ...] = ()
    role: str = ""
    organization_id: str | None = None
    project_id: str | None = None
    residency: tuple[dict[str, Any], ...] = ()
    end_user: str | None = None
    is_vouched: bool = False


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
    """The model that this key means by `model`: by its own alias, then by its team's."""
    name = principal.aliases.get(model, model)
    for scope in principal.scopes:
        if scope.kind == "team":
            name = scope.aliases.get(name, name)
    return name


def may_use(principal: Principal, model: str) -> bool:
    """Whether the key, and everything that binds it, admits the model named `model`."""
    return denied_by(principal, model) is None


def denied_by(principal: Principal, model: str) -> Scope | None:
    """The scope whose list of models does not admit `model`; None where all do.

    A list admits a model under the name that reaches its scope: the key's own under the name asked for or what the
    key means by it; a team's, and those beside it, under that or what the team means by it; an organisation's and a
    tag's only under what it is in the end, so that nobody widens their list by an alias of his own.
    """
    if principal.is_master:
        return None
    asked = principal.aliases.get(model, model)
    if principal.models and not lists(principal.models, {model, asked}):
        return Scope(kind="key", id=principal.key_hash)
    meant: str | None = None
    for scope in principal.scopes:
        if scope.models and scope.kind != "key":
            meant = meant or resolved_model(principal, model)
            names = {meant} if scope.kind in _OUTER else {asked, meant}
            if not lists(scope.models, names):
                return scope
    return None


#: Scopes above those whose administrators write aliases.
_OUTER = frozenset({"organization", "tag", "end_user", "gateway"})


class KeyRing:
    """Token -> Principal. `seek` is called on the event loop for every request.

    The names in its caches: the hash of a secret, and `=` before the hash that names a key.
    """

    def __init__(
        self,
        db: Store,
        clock: Clock,
        master_key: Secret,
        *,
        known_max: int = KNOWN_KEYS,
        unknown_max: int = UNKNOWN_KEYS,
    ) -> None:
        self._db = db
        self._clock = clock
        self._master = Principal(
            key_hash=token_hash(master_key.reveal()),
            key_name="master key",
            user_id=MASTER_USER_ID,
            is_master=True,
            role="proxy_admin",
        )
        self._known = Remembered[Principal](known_max)
        self._unknown_max = unknown_max
        self._unknown_until_us: dict[str, int] = {}
        self._asked = Flights[Principal | None]()
        self._scopes = Lru[tuple[str, str], Scope](known_max)

    @property
    def master(self) -> Principal:
        """Who shows the master key."""
        return self._master

    async def seek(self, token: str) -> Principal | None:
        """Whose token it is, expired and blocked ones too; None for nobody's. Raises StoreAway."""
        name = token_hash(token)
        if hmac.compare_digest(name, self._master.key_hash):
            return self._master
        return self._known.get(name) or await self._learn(name)

    async def seek_hash(self, key_hash: str) -> Principal | None:
        """The principal of the key of this name (`keys.token`). Raises StoreAway."""
        name = f"={key_hash}"
        return self._known.get(name) or await self._learn(name)

    def find(self, token: str) -> Principal | None:
        """As `seek`; where the database is not at hand, only for what `seek` has found just now."""
        name = token_hash(token)
        if hmac.compare_digest(name, self._master.key_hash):
            return self._master
        return self._known.get(name) or self._look_up(name)

    def by_hash(self, key_hash: str) -> Principal | None:
        """As `seek_hash`, with the bound of `find`."""
        name = f"={key_hash}"
        return self._known.get(name) or self._look_up(name)

    def drop(self, token: str) -> None:
        """The key of this name, or the secret of this hash, was made, changed or deleted: ask again."""
        self.forget("key", token)

    def forget(self, kind: str, name: str) -> None:
        """A listener of the feed of changes: what depends on this is asked for again."""
        if kind == "key":
            self._unknown_until_us.pop(name, None)
            self._unknown_until_us.pop(f"={name}", None)
        self._known.drop((kind, name))
        self._asked.spoil((kind, name))

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._unknown_until_us.clear()
        self._asked.spoil(None)

    async def _learn(self, name: str) -> Principal | None:
        """The database at hand is asked at once; another one once for all who ask for the same name."""
        if self._db.local or self._is_unknown(name):
            return self._look_up(name)
        return await self._asked.share(name, lambda flight: self._load(name, flight))

    async def _load(self, name: str, flight: Flight) -> Principal | None:
        binding = await asyncio.wrap_future(self._db.read(lambda connection: _read(connection, name)))
        return self._remember(name, binding, flight)

    def _look_up(self, name: str) -> Principal | None:
        if self._is_unknown(name):
            return None
        return self._remember(name, self._db.read_now(lambda connection: _read(connection, name)), Flight())

    def _is_unknown(self, name: str) -> bool:
        now_us = self._clock.monotonic_us()
        return self._unknown_until_us.get(name, now_us) > now_us

    def _remember(self, name: str, binding: Binding | None, flight: Flight) -> Principal | None:
        """What was read is kept, unless something that it depends on was changed while it was read."""
        if binding is None:
            if not flight.spoilt_by({("key", name.removeprefix("="))}):
                self._unknown_until_us.pop(name, None)
                until_us = self._clock.monotonic_us() + round(UNKNOWN_SECONDS * 1_000_000)
                remember(self._unknown_until_us, name, until_us, self._unknown_max)
            return None
        principal, needs = principal_of(binding, self._scopes), depends_on(binding)
        self._unknown_until_us.pop(name, None)
        if not flight.spoilt_by(needs):
            self._known.put(name, principal, needs)
        return principal


def principal_of(binding: Binding, shared: Lru[tuple[str, str], Scope] | None = None) -> Principal:
    """What the hot path needs of a stored key. Equal scopes of several keys become one value, by `shared`."""
    row = binding.key
    ends = [end_us for end_us in (row.expires_us, binding.shown_until_us) if end_us is not None]
    return Principal(
        key_hash=row.token,
        key_name=row.key_name,
        key_alias=row.key_alias,
        user_id=row.user_id,
        team_id=row.team_id,
        models=row.models,
        aliases=row.aliases,
        blocked=row.blocked,
        expires_us=min(ends, default=None),
        metadata=row.metadata,
        tags=tags_of(binding),
        allowed_routes=row.allowed_routes,
        scopes=tuple(_one_for_all(scope, shared) for scope in scopes_of(binding)),
        role=role_of(binding),
        organization_id=row.organization_id or binding.parts.get("team", {}).get("organization_id"),
        project_id=row.project_id,
        residency=residency_of(binding),
    )


def _one_for_all(scope: Scope, shared: Lru[tuple[str, str], Scope] | None) -> Scope:
    if shared is None or scope.kind == "key":
        return scope
    present = shared.get((scope.kind, scope.id))
    if present == scope and present is not None:
        return present
    shared.put((scope.kind, scope.id), scope)
    return scope


def _read(connection: Connection, name: str) -> Binding | None:
    return binding_of_key(connection, name[1:]) if name.startswith("=") else binding_of_secret(connection, name)
