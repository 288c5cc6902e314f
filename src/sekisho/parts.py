"""What the application is built of, each by its settings.

Flows in: settings, and what stands already. Flows out: router, limiter, fetcher, and what binds all calls. Must stay
true: clients of stores that the settings do not name are not imported.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from decimal import Decimal

from sekisho.config.model import Settings
from sekisho.config.values import duration_seconds
from sekisho.core.clock import Clock
from sekisho.core.errors import CallerError, OperatorError
from sekisho.core.money import NANO_PER_USD
from sekisho.exchange.media import Fetch
from sekisho.exchange.tables import price_table
from sekisho.identity.scopes import Scope
from sekisho.ledger.journal import Journal
from sekisho.ledger.prices import Rates
from sekisho.ledger.retention import Kept
from sekisho.limits.limiter import Limiter, Seed
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.periods import period_at
from sekisho.limits.rule import Rule
from sekisho.providers.deployment import Deployment, resolve_all
from sekisho.routing.memory import Memory
from sekisho.routing.router import Router, no_price
from sekisho.routing.rules import rules_of
from sekisho.store.away import StoreAway
from sekisho.store.db import Store
from sekisho.store.limits import Limits
from sekisho.store.spent import spent_nano_usd
from sekisho.store.url import parse_url
from sekisho.upstream.fetch import Fetcher, FetchLimits
from sekisho.upstream.guard import Guard


class LedgerSums:
    """What was spent, as the ledger has it, with the rows that are on their way to it."""

    def __init__(self, db: Store, journal: Journal, wait_seconds: float = 5.0) -> None:
        """A call whose budget was not counted yet waits `wait_seconds` for the ledger at most."""
        self._db = db
        self._journal = journal
        self._wait_seconds = wait_seconds

    async def spent(self, rule: Rule, starts_us: int, ends_us: int) -> int:
        """What was spent under a rule, in nano-USD. Raises StoreAway."""
        name, kind, model = rule.scope_id, rule.scope_kind, rule.model
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self.flushed()
                return await asyncio.wrap_future(
                    self._db.read(
                        lambda connection: spent_nano_usd(
                            connection, kind, name, model, starts_us=starts_us, ends_us=ends_us
                        )
                    )
                )
        except TimeoutError:
            raise StoreAway("What may still be spent cannot be known now: the ledger is away.") from None

    async def flushed(self) -> None:
        """All that was settled here is in the ledger's database when this returns."""
        await asyncio.wrap_future(self._journal.flush())


def router_of(
    settings: Settings, rates: Callable[[Deployment], Rates | None] | None = None, memory: Memory | None = None
) -> Router:
    """The model list of `settings`, indexed, under its rules. Raises OperatorError."""
    names = settings.router.model_group_alias
    aliases = {name: alias.model for name, alias in names.items()}
    hidden = frozenset(name for name, alias in names.items() if alias.hidden)
    return Router(
        resolve_all(settings),
        aliases,
        settings.router.default_model,
        hidden,
        rules=rules_of(settings),
        memory=memory,
        price=price_table(rates) if rates is not None else no_price,
    )


def kept_of(settings: Settings) -> Kept | None:
    """How long calls stay; None for ever."""
    general = settings.general
    if general.calls_kept is None:
        return None
    return Kept(duration_seconds(general.calls_kept), duration_seconds(general.calls_kept_interval))


def everybody_of(settings: Settings) -> tuple[Scope, ...]:
    """What binds all calls together. Raises OperatorError for a period or time zone that does not exist."""
    own = settings.litellm
    if own.max_budget is None:
        return ()
    try:
        period_at(own.budget_duration or "", own.timezone, 0)
    except CallerError as error:
        raise OperatorError(f"litellm_settings: {error}") from error
    limits = Limits(
        max_budget_nano_usd=round(Decimal(str(own.max_budget)) * NANO_PER_USD),
        budget_duration=own.budget_duration,
        time_zone=own.timezone,
    )
    return (Scope(kind="gateway", id="", limits=limits),)


def limiter_of(
    settings: Settings, clock: Clock, seed: Seed, flushed: Callable[[], Awaitable[None]], hold: Callable[[str], None]
) -> Limiter:
    """Where limits are counted: in Valkey where the settings name one, in PostgreSQL where the ledger is there, else in
    this process. Raises OperatorError when the client is not installed.
    """
    shared, database = settings.redis_url, settings.database_url
    try:  # some MB that only those pay who share their limits
        if shared is not None:
            valkey = importlib.import_module("sekisho.limits.valkey")
            counted: Limiter = valkey.valkey_limiter(shared.reveal(), clock, seed=seed, flushed=flushed, hold=hold)
        elif database is not None:
            postgres = importlib.import_module("sekisho.limits.postgres")
            counted = postgres.postgres_limiter(parse_url(database), clock, seed=seed, flushed=flushed, hold=hold)
        else:
            counted = MemoryLimiter(clock, seed)
    except ModuleNotFoundError as error:
        raise OperatorError(f"Limits need the package '{error.name}': make setup EXTRAS='postgres valkey'") from error
    return counted


def fetch_of(settings: Settings) -> Fetch | None:
    """How images and documents by URL are fetched; None where the operator wants none fetched."""
    media = settings.sekisho.media
    if not media.fetch:
        return None
    limits = FetchLimits(file_bytes=round(media.max_mb * 1024 * 1024), seconds=media.timeout_seconds)
    return Fetcher(Guard(media.allowed_hosts), limits).fetch
