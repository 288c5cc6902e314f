"""THE file to read: the stations of a call, in their order.

recognise -> admit -> route -> reserve -> send -> relay -> settle and record. Each station returns a value; none calls
another. Reserve and send are of each attempt (exchange/attempt.py).
Must stay true: every exit passes `finally`, where the call is settled exactly once; the caller hears of every failure
in its own dialect, before or inside its stream; a failure of ours shows no detail.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from sekisho.core.errors import ErrorClass, ErrorInfo, OperatorError, SekishoError, UpstreamRefused
from sekisho.exchange.call import Call, read_ask
from sekisho.exchange.count import COUNTS, answer_count
from sekisho.exchange.fallback import open_in_turn, report
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.meter import row_of
from sekisho.exchange.named import bind_named
from sekisho.exchange.relay import passed_headers, relay, stream_headers
from sekisho.exchange.reserve import settle
from sekisho.exchange.warm_up import OPERATION as WARM_UP
from sekisho.exchange.warm_up import answer_warm_up
from sekisho.exchange.watchdog import Watchdog, own_task
from sekisho.exchange.wish import timeouts_of, wish_of
from sekisho.identity.client import recognise
from sekisho.identity.keys import resolved_model
from sekisho.policy.admit import admit
from sekisho.routing.plan import Plan
from sekisho.wire.registry import spoken
from sekisho.wire.sse import COMMENT_PING, SSE_TYPE

log = logging.getLogger("sekisho.exchange")

CALLER_GONE = ErrorInfo(error_class=ErrorClass.CLIENT_CLOSED, message="The caller hung up.", status=499)
GENERIC = ErrorInfo(
    error_class=ErrorClass.INTERNAL,
    message="The gateway could not serve this call. Its operator finds the reason by the request id.",
    status=500,
)
#: How long a caller may take to take the news of a failure, and of a stop of the gateway.
TELL_SECONDS = 60.0
TELL_STOP_SECONDS = 2.0


async def run(call: Call, gateway: Gateway, receive: Callable[[], Awaitable[bytes]] | None = None) -> None:
    """Carry one call through the stations. `receive` is for a body that is still on its way. Raises nothing."""
    try:
        call.principal = await gateway.callers.recognise(call.headers, call.scope, receive)
        if receive is not None:  # only now: of a stranger's body nothing is held or unpacked
            call.body = await receive()
        await gateway.turns.take(len(call.body))
        call.ask = read_ask(call.body, call.path)
        call.dialect = spoken(call.dialect, call.ask.body, call.ask.model)
        call.client = recognise(call.headers, call.dialect.name, call.ask.body)
        await bind_named(call, gateway)
        admit(call.admitted, call.ask.model, gateway.clock.now_us())
        call.wish = wish_of(call, gateway)
        plan = gateway.router.plan(resolved_model(call.admitted, call.ask.model), call.wish)
        if call.operation == WARM_UP:
            await answer_warm_up(call)
        elif call.operation in COUNTS:
            await answer_count(call, plan, gateway)
        else:
            await _send_and_relay(call, plan, gateway)
    except SekishoError as error:
        await _tell(call, error)
    except Exception as error:  # a defect of ours: the caller gets an answer, the ledger its row, the log the place
        await _tell(call, _defect(error))
    except asyncio.CancelledError:
        call.error = CALLER_GONE
        if not call.answer.gone:  # raised on, it would only be printed
            await _tell(call, SekishoError("The gateway is being stopped.", status=503), TELL_STOP_SECONDS)
    finally:
        row = row_of(call, gateway)
        gateway.journal.settle(row)
        settle(call, row, gateway.limiting)


async def _send_and_relay(call: Call, plan: Plan, gateway: Gateway) -> None:
    timeouts = timeouts_of(call, plan.lead, gateway)
    task = own_task()
    dog = Watchdog(task, timeouts.total_seconds, timeouts.caller_stalled_seconds)
    _stay_in_touch(call, task, dog, timeouts.ping_after_seconds)
    try:
        attempt = await open_in_turn(call, plan, gateway, dog)
        failure: SekishoError | None = None
        try:
            await relay(call, attempt, gateway, dog)
        except SekishoError as error:
            failure = error
            raise
        finally:
            report(call, attempt, gateway, failure)
            await attempt.close()
        if call.answer.gone and call.answer.finished:  # it was read to its end for nobody
            call.error = CALLER_GONE
    finally:
        dog.stop()
        call.answer.when_gone(None)  # what is still to be said may be cut off, not interrupted


def _defect(error: Exception) -> OperatorError:
    """An unforeseen exception as ours. Its text may quote a prompt, so only its type and place are kept."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_qualname}:{place.tb_lineno}" if place is not None else "?"
    return OperatorError(f"unexpected {type(error).__name__} in {where}")


def _stay_in_touch(call: Call, task: asyncio.Task[Any], dog: Watchdog, ping_after_seconds: float) -> None:
    """Notice a caller who hangs up, and let one who waits for a stream know that it is not forgotten."""

    def gone() -> None:
        # A whole answer is made and billed whether it is waited for or not: it is read, for its exact usage.
        wanted = call.deployment is not None and call.reached_provider and (call.deployment.drained or not call.streams)
        if not wanted:
            task.cancel()

    call.answer.when_gone(gone)
    if call.streams and call.dialect.stream_type == SSE_TYPE:  # other framings have no word for it
        dog.ping_every(ping_after_seconds, lambda: call.answer.in_background(_ping(call)))


async def _ping(call: Call) -> None:
    if call.answer.gone or call.answer.finished or (call.passage is not None and call.passage.mid_event):
        return
    if not call.answer.started:
        await call.answer.begin(200, stream_headers(call.dialect))
    await call.answer.write(COMMENT_PING)


async def _tell(call: Call, error: SekishoError, within_seconds: float | None = None) -> None:
    """Say what went wrong, in the caller's dialect, where it can still be heard. A caller who takes nothing is left."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TELL_SECONDS if within_seconds is None else within_seconds):
            await _say(call, error)


async def _say(call: Call, error: SekishoError) -> None:
    info = call.error = CALLER_GONE if call.answer.gone else error.info
    if isinstance(error, OperatorError):
        log.error("call %s failed: %s", call.request_id, info.message)
        info = GENERIC
    if call.answer.gone or call.answer.finished or info.error_class is ErrorClass.CLIENT_CLOSED:
        return
    if call.answer.started:
        passage = call.passage
        event = passage.fail(info) if passage else call.dialect.render_error_event(info, call.request_id)
        await call.answer.finish(event)
        return
    status, body = call.dialect.render_error(info, call.request_id)
    headers = [(b"content-type", b"application/json"), *call.dialect.error_headers(info)]
    if isinstance(error, UpstreamRefused):
        headers += passed_headers(list(error.headers))
        if error.body is not None:
            status, body = info.status, error.body
    names = {name for name, _ in headers}
    if info.retry_after_seconds is not None and b"retry-after" not in names:
        headers.append((b"retry-after", b"%d" % max(1, round(info.retry_after_seconds))))
    if call.attempts > 1 or info.error_class is ErrorClass.BUDGET_EXCEEDED:  # to try again at once is of no use
        headers = [(name, value) for name, value in headers if name != b"x-should-retry"]
        headers.append((b"x-should-retry", b"false"))
    await call.answer.whole(status, headers, body)
