"""What the management API works with, and how a handler gets at it and at who asks.

Flows in: what app.py has built, a request. Flows out: services, the `Asker`. Must stay true: nothing here reaches the
data path but through what is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Protocol

import msgspec
from fastapi import Depends, Request

from sekisho.api.admin.access import Owner, Standing, check_may_touch
from sekisho.api.admin.desk import Desk
from sekisho.api.admin.permissions import Reach, Rule
from sekisho.core.clock import Clock
from sekisho.identity.access_keys import AccessKeyService
from sekisho.identity.credential import Callers
from sekisho.identity.keys import KeyRing
from sekisho.ledger.journal import Journal
from sekisho.ledger.quote import Quote
from sekisho.limits.limiter import Limiter
from sekisho.providers.stored import StoredModels
from sekisho.store.db import Database


class Quotes(Protocol):
    """Prices and sizes of what could be called (exchange/quotes.py)."""

    def of(self, model: str) -> Quote:
        """Raises UnknownModel."""

    def tokens(self, model: str, body: bytes) -> int:
        """Of a request's body, estimated from above. Raises UnknownModel."""


class Bounds(msgspec.Struct, frozen=True):
    """How much one answer holds: calls of a list without pages; groups of a report, with more of which keys are left
    out, and rows of a roll-up, with more of which keys are not tried, or neither teams and users.
    """

    calls: int = 5_000
    groups: int = 20_000
    rows_for_keys: int = 100_000
    rows: int = 200_000


class AdminServices(msgspec.Struct, frozen=True, kw_only=True):
    """Built once by app.py. `callers` are those of the moment: a reload may change how they are recognised. `models` is
    None where models come from the file alone; `declared_models` are the ids of the file's.
    """

    access_keys: AccessKeyService
    ring: KeyRing
    db: Database
    desk: Desk
    limiter: Limiter
    quotes: Quotes
    models: StoredModels | None = None
    declared_models: Callable[[], Collection[str]] = frozenset
    journal: Journal
    clock: Clock
    callers: Callable[[], Callers]
    bounds: Bounds = Bounds()


class Asker(msgspec.Struct, frozen=True):
    """Who asks, by which line of the table of permissions; `actor` is the name that the audit books it under."""

    standing: Standing
    rule: Rule
    actor: str

    @property
    def user_id(self) -> str | None:
        return self.standing.user_id

    @property
    def is_admin(self) -> bool:
        return self.standing.is_admin

    @property
    def sees_all(self) -> bool:
        return self.standing.sees_all

    def check(self, owner: Owner) -> Reach:
        """What ties the asker to this object. Raises Forbidden when nothing does that counts here."""
        return check_may_touch(self.standing, self.rule, owner)


def services_of(request: Request) -> AdminServices:
    """The services of the running application."""
    services: AdminServices = request.app.state.services
    return services


def asker_of(request: Request) -> Asker:
    """Who calls: the gate has let them in."""
    asker: Asker = request.state.asker
    return asker


Services = Annotated[AdminServices, Depends(services_of)]
Asked = Annotated[Asker, Depends(asker_of)]
