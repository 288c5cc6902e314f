"""Which deployment a call is tried at next, and after which pause.

Flows in: a plan and how each try ended. Flows out: tries, one at a time. Must stay true: what the caller did wrong is
not tried elsewhere, what one provider has no word for is; a model that stands in is admitted and planned as if it had
been asked for; no pause is begun that outlasts the call's time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import msgspec

from sekisho.core.errors import ErrorClass, LimitReached, SekishoError, UnsupportedFeature, UpstreamError
from sekisho.exchange.call import Call
from sekisho.exchange.gateway import Gateway
from sekisho.exchange.watchdog import Watchdog
from sekisho.exchange.wish import retries_of
from sekisho.policy.admit import admit
from sekisho.providers.deployment import Deployment
from sekisho.routing.plan import Plan

#: Another deployment, or the same one later, may well do better.
_PASSING: Final = frozenset(
    {
        ErrorClass.RATE_LIMITED,
        ErrorClass.QUOTA_EXHAUSTED,
        ErrorClass.OVERLOADED,
        ErrorClass.UPSTREAM_ERROR,
        ErrorClass.UPSTREAM_TIMEOUT,
        ErrorClass.UPSTREAM_CREDENTIAL,
    }
)
#: Another model may do better; a deployment of the same one hardly.
_BY_MODEL: Final = frozenset({ErrorClass.CONTEXT_TOO_LONG, ErrorClass.CONTENT_POLICY})
_ELSEWHERE: Final = _PASSING | _BY_MODEL | {ErrorClass.NOT_FOUND, ErrorClass.UNSUPPORTED_FEATURE}
#: Where another model stands in, only these are tried again before it is asked: they pass in a moment.
_BRIEF: Final = frozenset({ErrorClass.OVERLOADED, ErrorClass.UPSTREAM_ERROR})
_FIRST_PAUSE_SECONDS: Final = 0.25
_PAUSE_SECONDS_MAX: Final = 8.0
_chance = random.SystemRandom().random


class Try(msgspec.Struct, frozen=True):
    """One attempt to be made."""

    plan: Plan
    deployment: Deployment
    pause_seconds: float = 0.0


class Tries:
    """The tries of one call. After each that failed `failed` is told, before the next is asked for."""

    def __init__(self, call: Call, plan: Plan, gateway: Gateway, dog: Watchdog) -> None:
        self._call = call
        self._plan = plan
        self._gateway = gateway
        self._router = gateway.router
        self._dog = dog
        self._seen = {plan.name}
        self._unfit: list[Deployment] = []
        self.failure: SekishoError = plan.refusal or UpstreamError("The plan of this call is empty.")

    def failed(self, one: Try, error: UpstreamError | UnsupportedFeature | LimitReached) -> None:
        """How a try ended. Raises `error` where trying elsewhere, or again, cannot help."""
        if not isinstance(error, UpstreamError):  # a cheaper deployment may have room, another provider the word
            self._unfit.append(one.deployment)
            self.failure = self.failure if self._call.attempts else error
            return
        self.failure = error
        kind = error.info.error_class
        helps = kind in _ELSEWHERE or self._router.rules.retries(one.plan.name, kind, 0) > 0
        if not helps or self._dog.total_over:
            raise error

    def __iter__(self) -> Iterator[Try]:
        """The plan's own deployments, then those of the models that stand in, then the plan's last resort."""
        names: list[str] = []
        plan: Plan | None = self._plan
        while plan is not None:
            yield from self._through(plan)
            names[:0] = self._stand_ins(plan)
            plan = self._next_plan(names)
        for deployment in self._plan.last_resort:
            yield Try(self._plan, deployment)

    def _through(self, plan: Plan) -> Iterator[Try]:
        """Each deployment once, then those that are fit again, each after a pause."""
        alone = len(plan.deployments) == 1
        for deployment in plan.deployments:
            if alone or self._router.can_begin(deployment):  # another call may have found out since
                yield Try(plan, deployment)
                if self.failure.info.error_class in _BY_MODEL:
                    break
        again = 0
        while again < self._retries(plan):
            now = self._now(plan)
            fit = [one for one in now if one not in self._unfit]
            fit = fit if len(now) == 1 else [one for one in fit if self._router.can_begin(one)]
            pause_seconds = self._pause(again)
            if not fit or pause_seconds is None:
                return
            again += 1
            yield Try(plan, fit[again % len(fit)], pause_seconds)

    def _now(self, plan: Plan) -> tuple[Deployment, ...]:
        """The plan's deployments as they stand now: one that cooled down when it was made may be back."""
        try:
            return self._router.plan(plan.name, self._call.wished).deployments or plan.deployments
        except SekishoError:
            return plan.deployments

    def _retries(self, plan: Plan) -> int:
        """How often the present failure is tried again under the same name."""
        kind = self.failure.info.error_class
        hasty = kind not in _BRIEF and bool(self._stand_ins(plan))
        otherwise = 0
        if kind in _PASSING and not hasty:
            otherwise = retries_of(self._call, plan.lead, self._gateway)
        return self._router.rules.retries(plan.name, kind, otherwise)

    def _pause(self, again: int) -> float | None:
        """Seconds before the next try, with jitter; None where waiting so long would be of no use."""
        asked = self.failure.info.retry_after_seconds or 0.0
        growing = min(_FIRST_PAUSE_SECONDS * 2**again, _PAUSE_SECONDS_MAX) * (0.5 + 0.5 * _chance())
        seconds = max(growing, asked, self._router.rules.shortest_pause_seconds)
        return None if asked > _PAUSE_SECONDS_MAX or seconds >= self._dog.left_seconds else seconds

    def _stand_ins(self, plan: Plan) -> tuple[str, ...]:
        """The models to go to after the present failure."""
        return self._router.stand_ins(plan, self.failure.info.error_class, self._call.wished)

    def _next_plan(self, names: list[str]) -> Plan | None:
        """The plan of the next name that this caller may call and that can be called; takes names from the list."""
        call, router = self._call, self._router
        while names and len(self._seen) <= router.rules.max_fallbacks:
            name = names.pop(0)
            if name in self._seen:
                continue
            self._seen.add(name)
            try:
                admit(call.admitted, name, self._gateway.clock.now_us())
                return router.plan(name, call.wished)
            except SekishoError:
                continue  # not for this caller, or not now: the failure to tell of is the provider's
        return None
