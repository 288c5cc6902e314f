"""What a gateway looks up of a deployment on every call: prices, timeouts, retries; worked out once each.

Flows in: settings and the price book. Flows out: functions of a deployment. Must stay true: a table belongs to the
settings that it was made of; a reload makes new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sekisho.canonical.usage import Usage
from sekisho.config.model import Settings
from sekisho.exchange.watchdog import Timeouts
from sekisho.ledger.prices import PriceBook, Rates
from sekisho.providers.deployment import Deployment

_T = TypeVar("_T")
_REMEMBERED = 4096
#: A call by which prices are compared.
_TYPICAL = Usage(input_tokens=100_000, output_tokens=20_000)


def price_table(rates: Callable[[Deployment], Rates | None]) -> Callable[[Deployment], float | None]:
    """Deployment -> what a typical call costs there, in nano-USD: five tokens of prompt to one of answer."""

    def price(deployment: Deployment) -> float | None:
        known = rates(deployment)
        return None if known is None else known.cost_nano_usd(_TYPICAL)

    return price


def silence_seconds(settings: Settings) -> float:
    """Longer than any phase in which a provider may be silent."""
    streams = [entry.params.stream_timeout_seconds or 0.0 for entry in settings.model_list]
    return max(settings.first_byte_seconds, settings.sekisho.timeouts.between_chunks_seconds, *streams, 0.0) + 1.0


def rate_table(prices: PriceBook) -> Callable[[Deployment], Rates | None]:
    """Deployment -> its rates, resolved once each."""
    known: dict[tuple[str, str], Rates | None] = {}

    def rates(deployment: Deployment) -> Rates | None:
        key = (deployment.id, deployment.model)
        if key not in known:
            if len(known) >= _REMEMBERED:  # a wildcard makes a deployment of every name that callers think of
                known.clear()
            model = deployment.known_model
            entry = deployment.entry
            dated = [(each.from_us, each.costs) for each in entry.info.prices]
            known[key] = prices.resolve(
                deployment.provider.price_key, model, entry.params.costs, deployment.host, dated
            )
        return known[key]

    return rates


def window_table(prices: PriceBook) -> Callable[[Deployment], int | None]:
    """Deployment -> tokens of the longest prompt that its model takes, None where nobody says, looked up once each."""
    known: dict[tuple[str, str], int | None] = {}

    def window(deployment: Deployment) -> int | None:
        key = (deployment.id, deployment.model)
        if key not in known:
            if len(known) >= _REMEMBERED:
                known.clear()
            declared = deployment.entry.info.max_input_tokens
            found = prices.window(deployment.provider.price_key, deployment.known_model)
            known[key] = found if declared is None else declared
        return known[key]

    return window


def timeout_table(settings: Settings) -> Callable[[Deployment], Timeouts]:
    """Deployment -> its timeouts, worked out once each."""
    known: dict[str, Timeouts] = {}
    common = settings.sekisho.timeouts

    def timeouts(deployment: Deployment) -> Timeouts:
        if deployment.id not in known:
            params = deployment.entry.params
            known[deployment.id] = Timeouts(
                connect_seconds=common.connect_seconds,
                first_byte_seconds=settings.first_byte_seconds,
                first_event_seconds=_first(params.stream_timeout_seconds, settings.first_byte_seconds),
                between_chunks_seconds=common.between_chunks_seconds,
                total_seconds=_first(params.timeout_seconds, settings.total_seconds),
                caller_stalled_seconds=common.caller_stalled_seconds,
                ping_after_seconds=settings.sekisho.ping_after_seconds,
            )
        return known[deployment.id]

    return timeouts


def retry_table(settings: Settings) -> Callable[[Deployment], int]:
    """Deployment -> how often a call to it is tried again."""
    return lambda deployment: _first(deployment.entry.params.num_retries, settings.num_retries)


def _first(value: _T | None, otherwise: _T) -> _T:
    return otherwise if value is None else value
