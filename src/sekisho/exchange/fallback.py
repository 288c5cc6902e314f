"""The deployments of a plan, in turn, until one takes the call; then the models that stand in. Only before anything of
an answer was shown to the caller.

Flows in: a call and its plan. Flows out: an open Attempt whose first content is at hand. Must stay true: each attempt
starts from the caller's original body; routing hears of every outcome; the error that comes out is the last provider's.
Which deployment is next, and whether one is: exchange/tries.py.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from sekisho.core.errors import (
    LimitReached,
    SekishoError,
    UnsupportedFeature,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
)
from sekisho.exchange.attempt import Attempt, open_attempt, timeout_or_cancelled
from sekisho.exchange.call import Call, read_ask
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.tries import Tries
from sekisho.exchange.watchdog import Watchdog
from sekisho.exchange.wish import sets_time
from sekisho.providers.deployment import Deployment
from sekisho.routing.affinity import response_id_in
from sekisho.routing.board import Flight
from sekisho.routing.plan import Plan

#: Keys by which a request names a guardrail, a file, a cache, a conversation. Inside a text their quotes are escaped.
_NAMED: Final = re.compile(
    rb'"(?:guardrailConfig|guardrailIdentifier|amazon-bedrock-guardrailConfig|s3Location|cached_?[cC]ontent'
    rb'|file_?[uU]ri|file_id|previous_response_id|conversation|container|vector_store_ids|connector_id)"\s*:'
)
_NAMED_IN_HEADER: Final = "x-amzn-bedrock-guardrail"


async def open_in_turn(call: Call, plan: Plan, gateway: Gateway, dog: Watchdog) -> Attempt:
    """The first attempt that a provider takes. Raises the last failure."""
    tries = Tries(call, plan, gateway, dog)
    for one in tries:
        if one.pause_seconds:
            await _wait(dog, one.pause_seconds)
        if call.answer.gone:  # a drained call goes on without its caller, but is not begun again
            raise asyncio.CancelledError
        flight = gateway.router.begin(one.deployment, one.plan, call.wished)
        try:
            attempt = await _open_in_its_dialect(call, one.deployment, gateway, dog)
        except (UpstreamError, UnsupportedFeature, LimitReached) as error:
            _note_failure(call, flight, gateway, error)
            tries.failed(one, error)
        except asyncio.CancelledError:  # before anything was sent
            gateway.router.left(flight)
            raise timeout_or_cancelled(dog) from None
        except BaseException:
            gateway.router.left(flight)
            raise
        else:
            attempt.flight = flight
            gateway.router.answered(flight, one.plan)
            _note_response(call, attempt, one.plan, gateway)
            return attempt
    raise tries.failure


def _note_failure(
    call: Call, flight: Flight, gateway: Gateway, error: UpstreamError | UnsupportedFeature | LimitReached
) -> None:
    if not isinstance(error, UpstreamError):
        gateway.router.left(flight)
        return
    if isinstance(error, UpstreamTimeout) and sets_time(call):
        gateway.router.left(flight)  # in a time that the caller chose: it proves nothing against the provider
        return
    model_only = isinstance(error, UpstreamRefused) and error.answered == 403
    if model_only and _names_its_own(call):
        gateway.router.left(flight)  # of one caller's choice nothing follows for the others
        return
    gateway.router.failed(flight, error.info, model_only=model_only)


def _names_its_own(call: Call) -> bool:
    """Whether a call names things at the provider that may be forbidden while the model is not."""
    return any(name.startswith(_NAMED_IN_HEADER) for name in call.headers) or _NAMED.search(call.body) is not None


def _note_response(call: Call, attempt: Attempt, plan: Plan, gateway: Gateway) -> None:
    """Remember who stores this answer for the next call of the conversation."""
    both = call.dialect.name, attempt.upstream.name
    if plan.shared and both == ("openai-responses", "openai-responses"):
        made = response_id_in(attempt.body or b"".join(attempt.held))
        if made is not None:
            gateway.router.made(attempt.flight, plan, call.wished, made)


def report(call: Call, attempt: Attempt, gateway: Gateway, error: SekishoError | None) -> None:
    """Tell routing how the answer ended after it had begun."""
    facts, failed = call.facts, call.passage.failed if call.passage is not None else None
    if isinstance(error, UpstreamError):
        failed = error.info
    if failed is not None:
        gateway.router.failed(attempt.flight, failed)
    elif facts is not None and facts.finished:
        usage = facts.usage
        tokens = usage.total_tokens if usage is not None else None
        gateway.router.succeeded(attempt.flight, tokens, usage.output_tokens if usage is not None else 0)
    else:
        gateway.router.left(attempt.flight)


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
                gateway.router.forget_unserved(deployment)  # what seemed to be lacking before may be there after all
                raise
            return await _open_in_the_other_api(call, deployment, gateway, dog)
        same = gateway.dialects[call.upstream_dialect].shares_body_with(call.dialect)
        if not same or (mended := call.dialect.mend(call.body, error.info)) is None:
            raise
    return await _open_without(call, mended, deployment, gateway, dog)


async def _open_in_the_other_api(call: Call, deployment: Deployment, gateway: Gateway, dog: Watchdog) -> Attempt:
    """Only an answer in the other proves that the first is lacking: a proxy in between may have answered for both."""
    try:
        return await open_attempt(call, deployment, gateway, dog)
    except BaseException:
        gateway.router.forget_unserved(deployment)
        raise


async def _open_without(call: Call, mended: bytes, deployment: Deployment, gateway: Gateway, dog: Watchdog) -> Attempt:
    original = call.body, call.ask, call.canonical
    call.body, call.ask, call.canonical = mended, read_ask(mended, call.path), None
    try:
        return await open_attempt(call, deployment, gateway, dog)
    except UpstreamError:
        call.body, call.ask, call.canonical = original  # the next provider may well take it as it is
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
