"""Access-key pairs that stand for a virtual key, for programs that sign their requests as AWS's SDKs do (SigV4).

Flows in: the access key id that a request names, changes that administrators ask for. Flows out: the secret to check
the signature with, and the principal. Must stay true: as in keys.py, a known pair costs no query, an unknown one a
single indexed query, and a change of the pair or of its virtual key acts at once; a secret is shown when it is made,
then only sealed at rest, and in memory as a `Secret`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from concurrent.futures import Future

import msgspec
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from sekisho.core.clock import Clock
from sekisho.core.envelope import ROOT_KEY, CannotOpen, Envelope
from sekisho.core.errors import CallerError, ErrorClass, MalformedRequest
from sekisho.core.secret import Secret
from sekisho.identity.keys import KeyRing, Principal, UnknownKey, hash_of
from sekisho.identity.lru import Lru
from sekisho.identity.remembered import Flight, Flights
from sekisho.store import access_keys as stored
from sekisho.store.access_keys import AccessKeyRow
from sekisho.store.db import Store
from sekisho.store.directory import ACCESS_KEYS
from sekisho.store.edit import Edit
from sekisho.store.tokens import find_key

log = logging.getLogger("sekisho.identity")

#: What a secret is sealed for.
PURPOSE = "aws-access-key"
#: Ours begin like none of AWS's, and are as long as theirs (20).
PREFIX = "SKSH"
#: What can be an id at all, ours or one that a program has had before (AWS: AccessKeyId, 16 to 128 characters).
_ID = re.compile("[A-Z0-9]{16,128}")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#: Entropy of a secret: 40 url-safe characters.
SECRET_BYTES = 30
#: Pairs held at once, and ids remembered as unknown, for so long.
KNOWN_PAIRS = 50_000
UNKNOWN_IDS = 10_000
UNKNOWN_US = 1_000_000
#: How exact "last used" is: a pair in steady use costs one write in so long.
USED_EVERY_US = 60_000_000


class AccessKey(msgspec.Struct, frozen=True):
    """A pair and who signs with it. The principal is blocked, or has expired, when its key or the pair is or has."""

    access_key_id: str
    secret: Secret
    principal: Principal


class NoSecretsStored(CallerError):
    """The gateway has no root secret, so that it can store no pair."""

    error_class = ErrorClass.UNSUPPORTED_FEATURE

    def __init__(self) -> None:
        message = f"This gateway cannot store access keys: its operator has to set {ROOT_KEY} first."
        super().__init__(message, code=ROOT_KEY)


class UnknownAccessKey(CallerError):
    """No such pair."""

    error_class = ErrorClass.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("This access key does not exist: name one by its id (SKSH…).", param="access_key_id")


class AccessKeyTaken(CallerError):
    """A pair of this id exists."""

    def __init__(self) -> None:
        super().__init__("An access key of this id exists already: delete it first.", param="access_key_id")


class _Pair(msgspec.Struct, frozen=True):
    key_hash: str
    secret: Secret
    blocked: bool
    until_us: int | None


class AccessKeyRing:
    """Access key id -> AccessKey. `seek` is called on the event loop for every signed request."""

    def __init__(self, db: Store, keys: KeyRing, envelope: Envelope, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._envelope = envelope
        self._clock = clock
        self._known = Lru[str, _Pair](KNOWN_PAIRS)
        self._unknown_until_us = Lru[str, int](UNKNOWN_IDS)
        self._used_us = Lru[str, int](KNOWN_PAIRS)
        self._asked = Flights[_Pair | None]()

    async def seek(self, access_key_id: str) -> AccessKey | None:
        """The pair of this id, expired and blocked ones too; None when there is none.

        Raises StoreAway, and OperatorError when its secret cannot be opened with the present root keys.
        """
        pair = self._known.get(access_key_id)
        if pair is None and (self._db.local or self._cannot_be(access_key_id)):
            pair = self._look_up(access_key_id)
        elif pair is None:
            pair = await self._asked.share(access_key_id, lambda flight: self._load(access_key_id, flight))
        principal = None if pair is None else await self._keys.seek_hash(pair.key_hash)
        return self._pair(access_key_id, pair, principal)

    def find(self, access_key_id: str) -> AccessKey | None:
        """As `seek`; where the database is not at hand, only for what `seek` has found just now."""
        pair = self._known.get(access_key_id) or self._look_up(access_key_id)
        principal = None if pair is None else self._keys.by_hash(pair.key_hash)
        return self._pair(access_key_id, pair, principal)

    def _pair(self, access_key_id: str, pair: _Pair | None, principal: Principal | None) -> AccessKey | None:
        if pair is None or principal is None:
            self._known.drop(access_key_id)  # its key was deleted, and it with it
            return None
        if pair.blocked and not principal.blocked:
            principal = msgspec.structs.replace(principal, blocked=True)
        if pair.until_us is not None:
            ends_us = pair.until_us if principal.expires_us is None else min(pair.until_us, principal.expires_us)
            principal = msgspec.structs.replace(principal, expires_us=ends_us)
        return AccessKey(access_key_id, pair.secret, principal)

    def secret_of(self, access_key_id: str) -> Secret | None:
        """The secret of the pair, for `sigv4.verify`. Raises as `find`."""
        found = self.find(access_key_id)
        return None if found is None else found.secret

    def used(self, access_key_id: str) -> None:
        """A signature of this pair was good. Remembered in the background, to the minute."""
        now_us = self._clock.now_us()
        if now_us - (self._used_us.get(access_key_id) or 0) < USED_EVERY_US:
            return
        self._used_us.put(access_key_id, now_us)
        written = self._db.write(lambda connection: stored.set_last_used(connection, access_key_id, now_us))
        written.add_done_callback(_note_failure)

    def forget(self, access_key_id: str) -> None:
        """It was made, changed or deleted: ask again."""
        self._known.drop(access_key_id)
        self._unknown_until_us.drop(access_key_id)
        self._asked.spoil(("access_key", access_key_id))

    def heard(self, kind: str, name: str) -> None:
        """A listener of the feed of changes."""
        if kind == "access_key":
            self.forget(name)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._unknown_until_us.clear()
        self._asked.spoil(None)

    def _cannot_be(self, access_key_id: str) -> bool:
        now_us = self._clock.monotonic_us()
        return not _ID.fullmatch(access_key_id) or (self._unknown_until_us.get(access_key_id) or now_us) > now_us

    async def _load(self, access_key_id: str, flight: Flight) -> _Pair | None:
        row = await asyncio.wrap_future(
            self._db.read(lambda connection: stored.get_access_key(connection, access_key_id))
        )
        return self._remember(access_key_id, row, flight)

    def _look_up(self, access_key_id: str) -> _Pair | None:
        """Synchronous, so two callers with the same id cannot ask twice."""
        if self._cannot_be(access_key_id):
            return None
        row = self._db.read_now(lambda connection: stored.get_access_key(connection, access_key_id))
        return self._remember(access_key_id, row, Flight())

    def _remember(self, access_key_id: str, row: AccessKeyRow | None, flight: Flight) -> _Pair | None:
        old = flight.spoilt_by({("access_key", access_key_id)})
        if row is None:
            if not old:
                self._unknown_until_us.put(access_key_id, self._clock.monotonic_us() + UNKNOWN_US)
            return None
        pair = _Pair(row.key_hash, self._envelope.open(row.secret, PURPOSE, access_key_id), row.blocked, row.until_us)
        if not old:
            self._known.put(access_key_id, pair)
        return pair


def _new_pair() -> tuple[str, Secret]:
    access_key_id = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return access_key_id, Secret(secrets.token_urlsafe(SECRET_BYTES))


class AccessKeyService:
    """What administrators do to pairs: in the database first, then in the ring, before the answer goes out."""

    def __init__(self, db: Store, ring: AccessKeyRing, envelope: Envelope, clock: Clock) -> None:
        self._db = db
        self._ring = ring
        self._envelope = envelope
        self._clock = clock

    async def issue(
        self, key: str, by: str | None, own: tuple[str, Secret] | None = None
    ) -> tuple[AccessKeyRow, Secret]:
        """Make a pair for a virtual key, named by itself or by its hash; the secret is given this once. `own` is a
        pair that the key's programs have already.

        Raises NoSecretsStored, UnknownKey for a key that is not there (the master key has no row), MalformedRequest
        for an own id that can be none, AccessKeyTaken.
        """
        if not self._envelope.ready:
            raise NoSecretsStored
        access_key_id, secret = own or _new_pair()
        if not _ID.fullmatch(access_key_id):
            raise MalformedRequest("access_key_id must be 16 to 128 capital letters and digits.", param="access_key_id")
        now_us = self._clock.now_us()

        def add(connection: Connection) -> AccessKeyRow:
            owner = find_key(connection, hash_of(key))
            if owner is None:
                raise UnknownKey("This virtual key does not exist: name it by itself (sk-…) or its hash.", param="key")
            row = AccessKeyRow(
                access_key_id=access_key_id,
                key_hash=owner.token,
                secret=self._envelope.seal(secret, PURPOSE, access_key_id),
                root_id=self._envelope.root_id,
                created_us=now_us,
                created_by=by,
            )
            stored.insert_access_key(connection, row)
            Edit(connection, by, now_us).record(ACCESS_KEYS, "created", None, row)
            return row

        try:
            row = await asyncio.wrap_future(self._db.write(add))
        except IntegrityError:
            raise AccessKeyTaken from None
        self._ring.forget(access_key_id)
        return row, secret

    async def set_blocked(self, access_key_id: str, by: str | None, *, blocked: bool) -> AccessKeyRow:
        """Refuse the pair's signatures from now on, or take them again. Raises UnknownAccessKey."""
        now_us = self._clock.now_us()

        def change(connection: Connection) -> AccessKeyRow:
            before = stored.get_access_key(connection, access_key_id)
            after = stored.set_blocked(connection, access_key_id, blocked=blocked)
            if after is None:
                raise UnknownAccessKey
            action = "blocked" if blocked else "unblocked"
            Edit(connection, by, now_us).record(ACCESS_KEYS, action, before, after)
            return after

        row = await asyncio.wrap_future(self._db.write(change))
        self._ring.forget(access_key_id)
        return row

    async def delete(self, access_key_id: str, by: str | None) -> None:
        """The pair is gone from now on. Raises UnknownAccessKey."""
        now_us = self._clock.now_us()

        def remove(connection: Connection) -> None:
            before = stored.get_access_key(connection, access_key_id)
            if before is None:
                raise UnknownAccessKey
            stored.delete_access_key(connection, access_key_id)
            Edit(connection, by, now_us).record(ACCESS_KEYS, "deleted", before, None)

        await asyncio.wrap_future(self._db.write(remove))
        self._ring.forget(access_key_id)

    async def page(self, key: str | None, *, limit: int, offset: int) -> tuple[list[AccessKeyRow], int]:
        """(one page of a virtual key's pairs, or of all; how many there are), the newest first."""

        def read(connection: Connection) -> tuple[list[AccessKeyRow], int]:
            owner = find_key(connection, hash_of(key)) if key else None
            if key and owner is None:
                return [], 0
            key_hash = None if owner is None else owner.token
            rows = stored.list_access_keys(connection, key_hash, limit=limit, offset=offset)
            return rows, stored.count_access_keys(connection, key_hash)

        return await asyncio.wrap_future(self._db.read(read))


def take_over(connection: Connection, envelope: Envelope) -> None:
    """At the start: wrap every stored secret's data key with the present root key, so that the former can be let go.

    A secret whose root key is not there stays as it is; the log names the root key, and how many wait for it.
    """
    present = envelope.root_id if envelope.ready else ""
    moved, lost = 0, dict[str, int]()
    for row in stored.not_sealed_under(connection, present):
        try:
            sealed = envelope.rewrap(row.secret, PURPOSE, row.access_key_id) if present else None
        except CannotOpen:
            sealed = None
        if sealed is None:
            lost[row.root_id] = lost.get(row.root_id, 0) + 1
            continue
        stored.set_secret(connection, row.access_key_id, sealed, present)
        moved += 1
    if moved:
        log.warning("%d access keys are now under the present %s; former ones can be removed", moved, ROOT_KEY)
    if present and not lost:
        for row in stored.list_access_keys(connection, None, limit=1, offset=0):
            envelope.open(
                row.secret, PURPOSE, row.access_key_id
            )  # loads the library, before a stream would wait for it
    for root_id, count in lost.items():
        log.warning("%d access keys do not work: they were stored under the root key '%s'", count, root_id)


def _note_failure(written: Future[None]) -> None:
    """The time of last use is worth a line in the log, not the call."""
    if (error := written.exception()) is not None:
        log.warning("the time of an access key's last use was not stored: %s", type(error).__name__)
