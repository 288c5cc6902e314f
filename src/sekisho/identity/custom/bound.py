"""Who the company's own function says is calling, as a Principal that everything binds which binds a stored key.

Flows in: what the function said. Flows out: a Principal. Must stay true: whoever is said to be the same again costs no
query; what changes of a team, user, project or organisation acts at once, as for keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from sqlalchemy.engine import Connection

from sekisho.core.errors import CallerError
from sekisho.identity.custom.answer import MalformedAnswer, Said
from sekisho.identity.custom.rows import (
    beside_records,
    epoch_us,
    key_row,
    limits_of_end_user,
    rates_of_user,
)
from sekisho.identity.keys import Principal, principal_of
from sekisho.identity.remembered import Remembered
from sekisho.identity.scopes import Scope, depends_on
from sekisho.plugins.authentication import UserRole
from sekisho.store.bindings import Binding, binding_of_nobody
from sekisho.store.db import Store
from sekisho.store.limits import NO_LIMITS, Limits

#: Callers held at once (about 3 kB each).
KNOWN_CALLERS = 20_000
#: (duration, time zone): raises CallerError for one that does not exist.
CheckDuration = Callable[[str, str], None]


class _Held(msgspec.Struct, frozen=True):
    said: Said
    principal: Principal


class BoundCallers:
    """One a process. `check_duration` says whether a budget's period exists."""

    def __init__(self, db: Store, check_duration: CheckDuration) -> None:
        self._db = db
        self._check_duration = check_duration
        self._known = Remembered[_Held](KNOWN_CALLERS)
        self._changes = 0

    async def principal(self, said: Said, shown: str) -> Principal:
        """Who calls; `shown` is the hash of what they showed. Raises MalformedAnswer, StoreAway."""
        lasting = msgspec.structs.replace(said, expires=None)  # often so long from now: another one each time
        row = key_row(lasting, shown)
        held = self._known.get(row.token)
        if held is None or held.said != lasting:
            self._check(row.limits)
            changes = self._changes
            found = await self._read(lambda connection: binding_of_nobody(connection, row))
            binding = beside_records(found, lasting)
            held = _Held(lasting, _principal(binding, lasting))
            if changes == self._changes:
                self._known.put(row.token, held, depends_on(binding))
        return msgspec.structs.replace(held.principal, expires_us=epoch_us(said.expires))

    def forget(self, kind: str, name: str) -> None:
        """A listener of the feed of changes."""
        self._changes += 1
        self._known.drop((kind, name))

    def clear(self) -> None:
        """Forget everybody."""
        self._changes += 1
        self._known.clear()

    async def _read(self, read: Callable[[Connection], Binding]) -> Binding:
        return self._db.read_now(read) if self._db.local else await asyncio.wrap_future(self._db.read(read))

    def _check(self, limits: Limits) -> None:
        windows = [limits.budget_duration, *(window.budget_duration for window in limits.model_max_budget.values())]
        try:
            for duration in filter(None, windows):
                self._check_duration(duration, limits.time_zone)
        except CallerError as error:
            raise MalformedAnswer(error.info.message) from None


def _principal(binding: Binding, said: Said) -> Principal:
    principal = principal_of(binding)
    scopes = list(principal.scopes)
    rates, of_end_user = rates_of_user(said), limits_of_end_user(said)
    in_team = said.team_id is not None and not any(scope.kind == "user" for scope in scopes)
    if in_team and said.user_id is not None and rates != NO_LIMITS:
        scopes.append(Scope(kind="user", id=said.user_id, name=said.user_email or said.user_id, limits=rates))
    if said.end_user_id is not None and of_end_user != NO_LIMITS:
        scopes.append(Scope(kind="end_user", id=said.end_user_id, name=said.end_user_id, limits=of_end_user))
    return msgspec.structs.replace(
        principal, scopes=tuple(scopes), role=_role(said), end_user=said.end_user_id, is_vouched=True
    )


def _role(said: Said) -> str:
    """An organisation's administrator is one by what is on record of the organisation."""
    return UserRole.INTERNAL_USER if said.user_role == UserRole.ORG_ADMIN else said.user_role or ""
