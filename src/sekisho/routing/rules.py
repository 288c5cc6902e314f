"""The operator's word on routing, put together from the sections of the file.

Flows in: settings. Flows out: `Rules`, which every part of routing reads. Must stay true: `router_settings` holds over
the same key of `litellm_settings`; nothing here changes while calls run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from sekisho.config.model import Settings
from sekisho.config.sections import AllowedFails, Fallbacks, Residency, RetryPolicy, StrategyArguments
from sekisho.core.errors import ErrorClass
from sekisho.routing.breaker import Cooldown

_COOLDOWN_SECONDS: Final = 5.0
#: LiteLLM's kinds of failure, by ours.
_KIND: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.UPSTREAM_CREDENTIAL: "authentication",
    ErrorClass.UPSTREAM_TIMEOUT: "timeout",
    ErrorClass.RATE_LIMITED: "rate_limit",
    ErrorClass.QUOTA_EXHAUSTED: "rate_limit",
    ErrorClass.UPSTREAM_ERROR: "internal_server_error",
    ErrorClass.OVERLOADED: "internal_server_error",
    ErrorClass.CONTENT_POLICY: "content_policy",
    ErrorClass.INVALID_REQUEST: "bad_request",
}
Names = Mapping[str, tuple[str, ...]]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How deployments are chosen, left out and followed by others. Durations in seconds."""

    strategy: str = "simple-shuffle"
    arguments: StrategyArguments = StrategyArguments()
    filters_tags: bool = False
    any_tag: bool = True
    cooldown: Cooldown = Cooldown()
    fallbacks: Names = {}
    long_fallbacks: Names = {}
    policy_fallbacks: Names = {}
    default_fallbacks: tuple[str, ...] = ()
    max_fallbacks: int = 5
    residency: Residency | None = None
    callers_may: frozenset[str] = frozenset()
    affinity_seconds: float = 3600.0
    retry_policy: RetryPolicy = RetryPolicy()
    group_retry_policy: Mapping[str, RetryPolicy] = {}
    shortest_pause_seconds: float = 0.0

    def after(self, name: str, kind: ErrorClass) -> tuple[str, ...]:
        """The models to go to when `name` has failed in this way."""
        particular: Names = {}
        if kind is ErrorClass.CONTEXT_TOO_LONG:
            particular = self.long_fallbacks
        elif kind is ErrorClass.CONTENT_POLICY:
            particular = self.policy_fallbacks
        for named in (particular, self.fallbacks):
            if (found := named.get(name, named.get("*"))) is not None:
                return found
        return self.default_fallbacks

    def retries(self, name: str, kind: ErrorClass, otherwise: int) -> int:
        """Further attempts after a failure of this class; `otherwise` where no policy speaks of it."""
        word = _KIND.get(kind)
        for policy in (self.group_retry_policy.get(name), self.retry_policy):
            count = getattr(policy, word, None) if word is not None else None
            if count is not None:
                return int(count)
        return otherwise


def rules_of(settings: Settings) -> Rules:
    """The rules of a configuration."""
    router, litellm, own = settings.router, settings.litellm, settings.sekisho
    allowed = router.allowed_fails if router.allowed_fails is not None else litellm.allowed_fails
    return Rules(
        strategy=router.routing_strategy,
        arguments=router.routing_strategy_args,
        filters_tags=router.enable_tag_filtering,
        any_tag=router.tag_filtering_match_any,
        cooldown=Cooldown(
            enabled=not router.disable_cooldowns,
            seconds=router.cooldown_seconds or litellm.cooldown_seconds or _COOLDOWN_SECONDS,
            allowed_fails=allowed,
            allowed_by_class=_by_class(router.allowed_fails_policy),
        ),
        fallbacks=_flat(router.fallbacks or litellm.fallbacks),
        long_fallbacks=_flat(router.context_window_fallbacks or litellm.context_window_fallbacks),
        policy_fallbacks=_flat(router.content_policy_fallbacks or litellm.content_policy_fallbacks),
        default_fallbacks=router.default_fallbacks or litellm.default_fallbacks,
        max_fallbacks=router.max_fallbacks,
        residency=own.residency if own.residency != Residency() else None,
        callers_may=frozenset(own.routing.callers_may),
        affinity_seconds=router.affinity_seconds,
        retry_policy=router.retry_policy,
        group_retry_policy=router.model_group_retry_policy,
        shortest_pause_seconds=router.retry_after_seconds,
    )


def _flat(fallbacks: Fallbacks) -> dict[str, tuple[str, ...]]:
    """The first entry for a name holds."""
    return {name: tuple(names) for entry in reversed(fallbacks) for name, names in entry.items()}


def _by_class(policy: AllowedFails) -> dict[ErrorClass, int]:
    counts = {kind: getattr(policy, word, None) for kind, word in _KIND.items()}
    return {kind: count for kind, count in counts.items() if count is not None}
