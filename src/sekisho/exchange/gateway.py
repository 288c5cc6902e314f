"""Everything that the stations use, built once by app.py and swapped whole on reload.

Must stay true: frozen; a call keeps the Gateway it began with, so a reload never changes a call in flight.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sekisho.config.sections import CacheMarks
from sekisho.core.clock import Clock
from sekisho.exchange.limiting import Limiting
from sekisho.exchange.media import Fetch
from sekisho.exchange.turns import Turns
from sekisho.exchange.watchdog import Timeouts
from sekisho.identity.access_keys import AccessKeyRing
from sekisho.identity.call_scopes import CallScopes
from sekisho.identity.credential import Callers
from sekisho.ledger.journal import Journal
from sekisho.ledger.prices import Rates
from sekisho.providers.deployment import Deployment
from sekisho.routing.router import Router
from sekisho.upstream.http import Transport
from sekisho.wire.dialect import Dialect


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """What a call needs besides itself."""

    router: Router
    callers: Callers
    access_keys: AccessKeyRing
    call_scopes: CallScopes
    journal: Journal
    rates: Callable[[Deployment], Rates | None]
    timeouts: Callable[[Deployment], Timeouts]
    transport: Callable[[Deployment], Transport]
    retries: Callable[[Deployment], int]
    #: For images and documents by URL; None where the operator wants none fetched.
    fetch: Fetch | None
    limiting: Limiting
    dialects: dict[str, Dialect]
    clock: Clock
    #: Which prompt-cache marks requests get.
    cache_marks: tuple[CacheMarks, ...] = ()
    #: Large bodies are read and written in turns, so that no stream waits for several of them.
    turns: Turns = msgspec.field(default_factory=Turns)
