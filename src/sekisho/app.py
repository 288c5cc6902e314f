"""The composition root: with parts.py the only place that names concrete stores, clocks and clients.

Flows in: settings. Flows out: the ASGI application. Must stay true: everything is built here and passed down; a reload
builds a new Gateway whole and swaps it, or keeps the old one.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sekisho.api.admin import PREFIXES
from sekisho.api.llm.endpoint import Endpoint
from sekisho.config.change import reload_settings
from sekisho.config.load import load_to_serve
from sekisho.config.model import Settings
from sekisho.config.problems import ConfigError
from sekisho.core.clock import SystemClock
from sekisho.core.envelope import PREVIOUS_ROOT_KEYS, ROOT_KEY, Envelope
from sekisho.core.errors import OperatorError
from sekisho.exchange.answer import Receive, Send
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.limiting import Limiting
from sekisho.exchange.quotes import Quotes
from sekisho.exchange.reserve import NOTHING, taken_by
from sekisho.exchange.tables import rate_table, retry_table, silence_seconds, timeout_table, window_table
from sekisho.identity.access_keys import AccessKeyRing, AccessKeyService, take_over
from sekisho.identity.call_scopes import CallScopes
from sekisho.identity.changes import ChangeFeed
from sekisho.identity.credential import Callers
from sekisho.identity.custom.bound import BoundCallers
from sekisho.identity.custom.configured import callers_of
from sekisho.identity.keys import KeyRing
from sekisho.ledger.closing import Closing
from sekisho.ledger.journal import Journal, recover_abandoned
from sekisho.ledger.prices import PriceBook
from sekisho.ledger.retention import Retention
from sekisho.ledger.rows import CallRow
from sekisho.limits.estimate import Estimator
from sekisho.limits.periods import check_duration
from sekisho.limits.rulebook import Rulebook
from sekisho.limits.soft import SoftBudgets
from sekisho.parts import LedgerSums, everybody_of, fetch_of, kept_of, limiter_of, router_of
from sekisho.providers.auth.ahead import prepare_all
from sekisho.providers.deployment import Deployment
from sekisho.providers.stored import StoredModels
from sekisho.routing.memory import Memory
from sekisho.store.migrate import ensure_schema
from sekisho.store.open import open_store
from sekisho.upstream.client import ReqwestTransport
from sekisho.upstream.http import Transport
from sekisho.upstream.plain_client import PlainTransport, is_plain
from sekisho.wire.registry import BY_NAME

log = logging.getLogger("sekisho")

#: With any of these, calls to plain addresses may go through a proxy.
PROXIES = frozenset({"http_proxy", "all_proxy"})
#: How long calls that were cut off by a stop may take to be settled.
_SETTLE_SECONDS = 5.0
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Application:
    """The gateway as an ASGI application with a lifespan."""

    def __init__(
        self, config: Path, environ: Mapping[str, str], data_dir: Path, share: tuple[int, int] = (0, 1)
    ) -> None:
        """`share` is the number of this worker and of how many. Raises OperatorError (ConfigError among them) when it
        cannot be built.
        """
        self._config = config
        self._environ = environ
        self._clock = SystemClock()
        settings, master_key = load_to_serve(config, environ)
        self._envelope = Envelope(environ.get(ROOT_KEY), environ.get(PREVIOUS_ROOT_KEYS))
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = open_store(settings, data_dir)
        ensure_schema(self._db, alone=share[1] == 1)
        self._db.write(lambda connection: take_over(connection, self._envelope)).result()
        self._journal = Journal(data_dir, self._db, self._clock, worker=str(share[0]))
        left: list[tuple[str, CallRow | None]] = []
        self._abandoned, self._left = left, 0
        #: What is done for all workers is done by the first.
        self._first = share[0] == 0
        if self._first:
            self._left = recover_abandoned(data_dir, share[1], self._db, self._clock, lambda *one: left.append(one))
        self._prices = PriceBook.load()
        self._keys = KeyRing(self._db, self._clock, master_key)
        self._access_keys = AccessKeyRing(self._db, self._keys, self._envelope, self._clock)
        self._call_scopes = CallScopes(self._db)
        self._bound = BoundCallers(self._db, check_duration)
        self._stored = StoredModels(self._db, self._envelope, self._rebuild)
        if settings.general.store_model_in_db:
            self._stored.load()
        heard = self._access_keys.heard, self._stored.heard
        self._listeners = (self._keys.forget, self._call_scopes.forget, self._bound.forget, *heard)
        self._feed = ChangeFeed(self._db, self._clock, self._listeners, self._forget_all)
        self._routing = Memory(self._clock)
        sums = LedgerSums(self._db, self._journal)
        self._limiter = limiter_of(settings, self._clock, sums.spent, sums.flushed, self._journal.hold)
        self._estimator = Estimator()
        self._soft = SoftBudgets(self._limiter, self._clock)
        self._rulebook = Rulebook()
        self._transports: dict[tuple[str, float, float, bool], Transport] = {}
        #: pyreqwest minds the environment's proxy settings.
        self._proxied = not PROXIES.isdisjoint(name.lower() for name in environ)
        self._ready = False
        self.settings = settings
        self._gateway = self._build(settings, self._callers(settings))
        self._endpoint = Endpoint(
            lambda: self._gateway,
            lambda: self.settings.body_limit_bytes,
            lambda: self._ready,
            urlsplit(environ.get("PROXY_BASE_URL", "")).netloc or None,
        )
        self._background: set[asyncio.Task[None]] = set()
        self._admin: Asgi | None = None

    def _callers(self, settings: Settings) -> Callers:
        """Who recognises callers. Raises OperatorError."""
        return callers_of(settings, self._config, (self._keys, self._access_keys), self._bound, self._clock)

    def _build(self, settings: Settings, callers: Callers) -> Gateway:
        settings = self._stored.beside(settings)
        rates = rate_table(self._prices)
        return Gateway(
            router=router_of(settings, rates, self._routing),
            callers=callers,
            access_keys=self._access_keys,
            call_scopes=self._call_scopes,
            journal=self._journal,
            rates=rates,
            timeouts=timeout_table(settings),
            transport=functools.partial(
                self._transport, settings.sekisho.timeouts.connect_seconds, silence_seconds(settings)
            ),
            retries=retry_table(settings),
            fetch=fetch_of(settings),
            cache_marks=settings.sekisho.cache_marks,
            limiting=Limiting(
                limiter=self._limiter,
                estimator=self._estimator,
                rulebook=self._rulebook,
                soft=self._soft,
                window=window_table(self._prices),
                everybody=everybody_of(settings),
                floor_tokens=settings.sekisho.limits.output_floor_tokens,
                priceless=settings.sekisho.unknown_price,
                budget_status=settings.sekisho.limits.budget_status,
            ),
            dialects=BY_NAME,
            clock=self._clock,
        )

    def _rebuild(self) -> None:
        """Calls from now on see the stored models as they are; those that run go on with what they began with."""
        try:
            self._gateway = self._build(self.settings, self._gateway.callers)
        except OperatorError as error:
            log.warning("the stored models were not taken, the former stay: %s", error)

    def _forget_all(self) -> None:
        """Nobody is known any more: what changed while the database was away cannot be learnt."""
        for ring in (self._keys, self._access_keys, self._call_scopes, self._bound):
            ring.clear()

    def _settle_recovered(self, call_id: str, row: CallRow | None) -> None:
        """What a call of an earlier run has reserved is given back, but for what it took."""
        self._limiter.settle_recovered(call_id, NOTHING if row is None else taken_by(row))

    def _transport(self, connect_seconds: float, silence_seconds: float, deployment: Deployment) -> Transport:
        """One pool a provider, as long as a reload does not change its timeouts; and one for its plain addresses."""
        plain = is_plain(deployment.base_url) and not self._proxied
        key = (deployment.provider.name, connect_seconds, silence_seconds, plain)
        transport = self._transports.get(key)
        if transport is None:
            fresh = PlainTransport(connect_seconds) if plain else ReqwestTransport(connect_seconds, silence_seconds)
            transport = self._transports[key] = fresh
        return transport

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve the lifespan, the agents' paths, or the management API."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._endpoint.socket(scope, receive, send)
        elif scope["path"].startswith(PREFIXES) or (scope["method"] == "PATCH" and scope["path"].endswith("/update")):
            await (self._admin or await self._management())(scope, receive, send)
        else:
            await self._endpoint(scope, receive, send)

    async def _management(self) -> Asgi:
        """The management API, imported when it is first asked for: a gateway that only relays stays small.

        In a thread, for the import takes a quarter of a second, in which streams would stand still.
        """
        admin = await asyncio.to_thread(importlib.import_module, "sekisho.api.admin.app")
        services = admin.AdminServices(
            access_keys=AccessKeyService(self._db, self._access_keys, self._envelope, self._clock),
            ring=self._keys,
            db=self._db,
            desk=admin.Desk(self._db, self._clock, self._listeners),
            limiter=self._limiter,
            quotes=Quotes(lambda: self._gateway),
            models=self._stored if self.settings.general.store_model_in_db else None,
            declared_models=lambda: {one.info.id or "" for one in self.settings.model_list},
            journal=self._journal,
            clock=self._clock,
            callers=lambda: self._gateway.callers,
        )
        built: Asgi = admin.build_admin(services)
        self._admin = built
        return built

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                await self._start()
                await send({"type": "lifespan.startup.complete"})
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        await self._feed.begin()
        for call_id, row in self._abandoned:
            self._settle_recovered(call_id, row)
        recovered = self._left + self._journal.recover(self._settle_recovered)
        if recovered:
            log.warning("%d calls of an earlier run were recovered into the ledger", recovered)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        for work in (self._feed.run(), self._soft.run(), self._journal.run()):
            self._in_background(work)
        if self._first:
            self._in_background(Closing(self._db, self._clock).run())
            self._in_background(Retention(self._db, self._clock, lambda: kept_of(self.settings)).run())
        self._ready = True
        self._prepare()

    def _prepare(self) -> None:
        """Ask for the credentials of every provider now, so that no developer's first call waits for them."""
        self._in_background(prepare_all(self._gateway.router.deployments))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def about_to_end(self) -> None:
        """Readiness says no from now on; whoever calls all the same is served."""
        self._ready = False

    async def _stop(self) -> None:
        self.about_to_end()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._endpoint.calls_over(_SETTLE_SECONDS)
        self._gateway.callers.close()
        for transport in self._transports.values():
            await transport.close()
        await self._limiter.close()
        self._journal.close()
        self._db.close()

    def reload(self) -> None:
        """Read the configuration again: whole, or the old one stays. The master key and the store need a restart."""
        try:
            fresh = reload_settings(self._config, self._environ, self.settings)
            gateway = self._build(fresh.settings, self._callers(fresh.settings))
        except ConfigError as error:
            log.warning(
                "the configuration was not reloaded, the old one stays: %s", "; ".join(map(str, error.problems))
            )
        except OperatorError as error:
            log.warning("the configuration was not reloaded, the old one stays: %s", error)
        else:
            self._gateway.callers.close()
            self.settings, self._gateway = fresh.settings, gateway
            self._prepare()
            log.warning("the configuration was reloaded; changed: %s", ", ".join(fresh.changed) or "nothing")
            for key in fresh.needs_restart:
                log.warning("%s takes effect after a restart", key)
