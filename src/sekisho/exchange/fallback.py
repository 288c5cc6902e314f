"""The deployments of a plan, in turn, until one accepts the call. Only before anything was shown to the caller.

Must stay true: what the caller did wrong is not tried elsewhere, what one provider has no word for is; each attempt
starts from the caller's original body; the error that comes out is the last provider's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from sekisho.core.errors import ErrorClass, SekishoError, UnsupportedFeature, UpstreamError, UpstreamRefused
from sekisho.exchange.attempt import Attempt, open_attempt, timeout_or_cancelled
from sekisho.exchange.call import Call, read_ask
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.watchdog import Watchdog
from sekisho.providers.deployment import Deployment

#: Another deployment, or the same one later, may well do better.
_PASSING = frozenset(
    {
        ErrorClass.RATE_LIMITED,
        ErrorClass.QUOTA_EXHAUSTED,
        ErrorClass.OVERLOADED,
        ErrorClass.UPSTREAM_ERROR,
        ErrorClass.UPSTREAM_TIMEOUT,
        ErrorClass.UPSTREAM_CREDENTIAL,
    }
)
_WAIT_SECONDS_MAX = 8.0


async def open_in_turn(call: Call, plan: tuple[Deployment, ...], gateway: Gateway, dog: Watchdog) -> Attempt:
    """The first attempt that a provider accepts. Raises the last failure."""
    failure: SekishoError = UpstreamError("The plan of this call is empty.")
    unfit: list[Deployment] = []
    for deployment, wait_seconds in _tries(plan, gateway, unfit):
        if wait_seconds:
            await _wait(dog, max(wait_seconds, min(failure.info.retry_after_seconds or 0.0, _WAIT_SECONDS_MAX)))
        if call.answer.gone:  # a drained call goes on without its caller, but is not begun again
            raise asyncio.CancelledError
        try:
            return await _open_in_its_dialect(call, deployment, gateway, dog)
        except UpstreamError as error:
            failure = error
            if error.info.error_class not in _PASSING or dog.total_over:
                raise
        except UnsupportedFeature as error:
            unfit.append(deployment)
            failure = failure if call.attempts else error
    raise failure


def _tries(
    plan: tuple[Deployment, ...], gateway: Gateway, unfit: Sequence[Deployment] = ()
) -> Iterator[tuple[Deployment, float]]:
    """Each deployment once, then as many more tries as the configuration allows, each after a pause in seconds, of
    those that have not turned out `unfit` by then.
    """
    for deployment in plan:
        yield deployment, 0.0
    fit = [deployment for deployment in plan if deployment not in unfit]
    for retry in range(gateway.retries(plan[0]) if fit else 0):
        yield fit[(retry + 1) % len(fit)], min(0.25 * 2**retry, _WAIT_SECONDS_MAX)


async def _wait(dog: Watchdog, seconds: float) -> None:
    dog.enter("total", seconds + 60)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        raise timeout_or_cancelled(dog) from None


async def _open_in_its_dialect(call: Call, deployment: Deployment, gateway: Gateway, dog: Watchdog) -> Attempt:
    """Open; a refusal that tells how to do better is followed once.

    Where the server turns out not to have this one of OpenAI's two APIs, the other is used, and remembered. Where
    the history holds what this provider cannot take back (another provider's thoughts), it is left out.
    """
    try:
        return await open_attempt(call, deployment, gateway, dog)
    except UpstreamRefused as error:
        if call.operation == "generate" and _lacks_the_api(error):
            if not gateway.router.learn_unserved(deployment, call.upstream_dialect):
                raise
            return await _open_in_the_other_api(call, deployment, gateway, dog)
        if call.upstream_dialect != call.dialect.name or (mended := call.dialect.mend(call.body, error.info)) is None:
            raise
    return await _open_mended(call, mended, deployment, gateway, dog)


async def _open_in_the_other_api(call: Call, deployment: Deployment, gateway: Gateway, dog: Watchdog) -> Attempt:
    try:
        return await open_attempt(call, deployment, gateway, dog)
    except UpstreamRefused as error:
        if _lacks_the_api(error):
            gateway.router.forget_unserved(deployment)
        raise


async def _open_mended(call: Call, mended: bytes, deployment: Deployment, gateway: Gateway, dog: Watchdog) -> Attempt:
    original = call.body, call.ask
    call.body, call.ask = mended, read_ask(mended)
    try:
        return await open_attempt(call, deployment, gateway, dog)
    except UpstreamError:
        call.body, call.ask = original  # the next provider may well take it as it is
        raise


def _lacks_the_api(error: UpstreamRefused) -> bool:
    """The path is unknown to the server (not: the model). OpenAI says for a model of the other API that it 'is only
    supported in v1/responses'.
    """
    status, message = error.info.status, error.info.message.lower()
    if status in (405, 501):
        return True
    return status == 404 and (
        "v1/responses" in message
        or "v1/chat/completions" in message
        or (error.info.code != "model_not_found" and "model" not in message)
    )
