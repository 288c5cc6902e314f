"""What the management API works with, and how a handler gets at it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Depends, Request

from sekisho.core.clock import Clock
from sekisho.identity.access_keys import AccessKeyService
from sekisho.identity.keys import KeyRing, KeyService, Principal
from sekisho.ledger.journal import Journal
from sekisho.store.db import Database


class AdminServices(msgspec.Struct, frozen=True, kw_only=True):
    """Built once by app.py. `key_header` is the operator's own header for keys, lower-case."""

    keys: KeyService
    access_keys: AccessKeyService
    ring: KeyRing
    db: Database
    journal: Journal
    clock: Clock
    key_header: str | None = None


def services_of(request: Request) -> AdminServices:
    """The services of the running application."""
    services: AdminServices = request.app.state.services
    return services


def caller_of(request: Request) -> Principal:
    """Who calls: the gate has let them in."""
    caller: Principal = request.state.caller
    return caller


Services = Annotated[AdminServices, Depends(services_of)]
Caller = Annotated[Principal, Depends(caller_of)]
