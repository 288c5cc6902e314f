"""Credentials that expire, kept fresh without anybody waiting for them twice.

Flows in: a function that fetches credentials (it may block: it runs in a thread). Flows out: the credentials.
Must stay true: one fetch at a time however many wait; a refresh begins well before the end, in the background; a
failed one keeps the old credentials while they are valid; nobody hammers a token service that fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import msgspec

from sekisho.core.clock import Clock
from sekisho.core.errors import ErrorClass, UpstreamError

T = TypeVar("T")

#: A refresh begins this long before the end, or a quarter of the lifetime if that is shorter.
REFRESH_SECONDS = 15 * 60
#: Credentials this near their end are not used any more, or a tenth of the lifetime: a request takes time to arrive.
MARGIN_SECONDS = 30
#: After a failure no further try is made for so long; who needs credentials meanwhile gets the same error.
RETRY_SECONDS = 2
#: Credentials younger than this are not fetched anew because somebody was refused: the refusal was of the ones before.
DOUBT_SECONDS = 5

#: Apart from the loop's own executor: a token service that hangs must not hold up other work in threads.
_THREADS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="credentials")

log = logging.getLogger(__name__)


class Lease(msgspec.Struct, Generic[T], frozen=True):
    """Credentials and when they end (epoch µs UTC; None: never)."""

    value: T
    expires_us: int | None


class _Held(msgspec.Struct, Generic[T], frozen=True):
    """A lease with the times at which something is to be done about it."""

    value: T
    fetched_us: int
    refresh_us: int | None
    end_us: int | None


class Fixed(Generic[T]):
    """Credentials that only the operator changes, with the methods of those that are fetched."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def ready(self) -> bool:
        """They always are."""
        return True

    async def prepare(self) -> None:
        """There is nothing to wait for."""

    def value(self) -> T:
        """The credentials."""
        return self._value

    def doubt(self) -> bool:
        """Another try would show the same."""
        return False


class Refreshed(Generic[T]):
    """Fetched credentials of one identity.

    `fetch` runs in a thread and raises UpstreamError (see `credential_error`) when there are none to be had; `name`
    says in the log whose they are, and holds no secret.
    """

    __slots__ = ("_clock", "_failed_until_us", "_failure", "_fetch", "_held", "_name", "_task")

    def __init__(self, name: str, fetch: Callable[[], Lease[T]], clock: Clock) -> None:
        self._name = name
        self._fetch = fetch
        self._clock = clock
        self._held: _Held[T] | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: UpstreamError | None = None
        self._failed_until_us = 0

    def ready(self) -> bool:
        """Whether valid credentials are at hand."""
        return self._valid(self._clock.now_us())

    async def prepare(self) -> None:
        """Valid credentials are at hand when this returns. Raises UpstreamError of class UPSTREAM_CREDENTIAL."""
        now_us = self._clock.now_us()
        held = self._held
        valid = self._valid(now_us)
        if held is not None and valid and (held.refresh_us is None or now_us < held.refresh_us):
            return
        if self._task is None and now_us >= self._failed_until_us:
            self._task = asyncio.create_task(self._refresh())
        if valid:
            return
        if self._task is not None:
            await asyncio.shield(self._task)  # one caller who hangs up takes nothing from the others
        if self._held is None or self._failure is not None:
            raise self._error()

    def value(self) -> T:
        """The credentials at hand. Raises UpstreamError when there are none: `prepare` comes first."""
        if self._held is None:
            raise self._error()
        return self._held.value

    def doubt(self) -> bool:
        """The provider refused the credentials before their end. True: call `prepare` and try once more."""
        if self._held is not None and self._clock.now_us() - self._held.fetched_us >= DOUBT_SECONDS * 1_000_000:
            self._held = None
        return True

    def _valid(self, now_us: int) -> bool:
        return self._held is not None and (self._held.end_us is None or now_us < self._held.end_us)

    def _error(self) -> UpstreamError:
        """A new exception each time: one that is raised again and again collects tracebacks."""
        if self._failure is None:
            return credential_error(f"There are no credentials for {self._name} yet: try again.")
        return credential_error(self._failure.info.message, self._failure.info.code)

    async def _refresh(self) -> None:
        try:
            lease = await asyncio.get_running_loop().run_in_executor(_THREADS, self._fetch)
        except UpstreamError as error:
            self._failure = error
            self._failed_until_us = self._clock.now_us() + RETRY_SECONDS * 1_000_000
            log.warning("credentials for %s were not renewed: %s", self._name, error)
        else:
            self._held = _held(lease, self._clock.now_us())
            self._failure = None
        finally:
            self._task = None


def credential_error(message: str, code: str | None = None) -> UpstreamError:
    """No credentials to be had: `message` says what the operator must do, and holds no secret."""
    return UpstreamError(message, code=code, error_class=ErrorClass.UPSTREAM_CREDENTIAL)


def _held(lease: Lease[T], now_us: int) -> _Held[T]:
    if lease.expires_us is None:
        return _Held(lease.value, now_us, None, None)
    lifetime_us = max(0, lease.expires_us - now_us)
    refresh_us = lease.expires_us - min(REFRESH_SECONDS * 1_000_000, lifetime_us // 4)
    end_us = lease.expires_us - min(MARGIN_SECONDS * 1_000_000, lifetime_us // 10)
    return _Held(lease.value, now_us, refresh_us, end_us)
