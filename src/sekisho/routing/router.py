"""A requested model name -> the deployments to try, in turn; and what became of each try.

Flows in: the configured deployments and rules; a call's wish; the outcome of every attempt. Flows out: a plan. Must
stay true: a plan for a name with one deployment and no rules is a lookup; a model that stands in for another is planned
in the same way, so that every rule holds for it too; what calls teach is in `Memory`, which a reload keeps.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import msgspec

from sekisho.core.clock import SystemClock
from sekisho.core.errors import ErrorClass, ErrorInfo
from sekisho.providers.deployment import Deployment
from sekisho.routing.affinity import made_response
from sekisho.routing.board import Flight
from sekisho.routing.breaker import Cooldown
from sekisho.routing.chooser import ALONE, Chooser
from sekisho.routing.eligible import allowed, eligible, stand_ins
from sekisho.routing.index import Group, Index
from sekisho.routing.memory import Memory
from sekisho.routing.plan import DEPLOYMENT_HEADER, RESIDENCY_KEY, Plan, Wish
from sekisho.routing.residency import allows
from sekisho.routing.rules import Rules
from sekisho.routing.strategies import Chance, Price

#: What servers taught of so many models; a wildcard serves every name that callers think of.
_REMEMBERED: Final = 4096
_chance = random.SystemRandom().random


def no_price(_deployment: Deployment) -> None:
    """For strategies that do not ask for one."""


class Router:
    """The model list and the rules. Immutable after construction, except for what servers taught it."""

    def __init__(
        self,
        deployments: Group,
        aliases: Mapping[str, str],
        default_model: str | None = None,
        hidden: frozenset[str] = frozenset(),
        *,
        rules: Rules | None = None,
        memory: Memory | None = None,
        price: Price = no_price,
        chance: Chance = _chance,
    ) -> None:
        self._index = Index(deployments, aliases, default_model, hidden)
        self.deployments = deployments
        self.aliases = self._index.aliases
        self.rules = rules or Rules()
        self._memory = memory or Memory(SystemClock())
        self._memory.board.keep(deployments)
        self._memory.affinity.keep_for(self.rules.affinity_seconds)
        self._chooser = Chooser(self.rules, self._memory, price, chance)
        self._cooldowns = {one.id: self._cooldown(one) for one in deployments}
        #: The plans that depend on nothing but the name.
        self._alone = {name: plan for name, group in self._index.exact.items() if (plan := self._made(name, group))}
        #: (deployment id, model) -> dialects that its server answered it does not have for that model.
        self._unserved: dict[tuple[str, str], frozenset[str]] = {}

    def plan(self, requested: str, wish: Wish) -> Plan:
        """The deployments for a requested model, in the order to try them.

        Raises UnknownModel; Forbidden where rules leave none; Overloaded (all cool down) or RATE_LIMITED (all have
        taken what they may) with the earliest time to try again, where no other model stands in.
        """
        plan = self._alone.get(self.aliases.get(requested, requested))
        if plan is not None and not (
            wish.stand_ins
            or DEPLOYMENT_HEADER in wish.headers
            or wish.principal.residency
            or RESIDENCY_KEY in wish.principal.metadata
        ):
            return plan
        name, group = self._index.find(requested)
        may, others = eligible(name, group, wish, self.rules)
        return self._chooser.choose(name, may, others, wish)

    def _made(self, name: str, group: Group) -> Plan | None:
        """The plan of a name that one deployment serves to everybody, whatever its health."""
        usable = [one for one in group if one.unusable is None]
        if len(usable) != 1 or self.rules.filters_tags or stand_ins(name, ErrorClass.OVERLOADED, self.rules):
            return None
        [one] = usable
        params = one.entry.params
        if params.rpm is not None or params.tpm is not None or not allows(self.rules.residency, one):
            return None
        return Plan(name=name, lead=one, deployments=(one,), why=ALONE, measured=False)

    def may(self, what: str, wish: Wish) -> bool:
        """Whether the caller may decide this (a word of `sekisho.routing.callers_may`)."""
        return allowed(what, wish, self.rules)

    def can_begin(self, deployment: Deployment) -> bool:
        """Whether a planned deployment may still be called: another call may have failed there since."""
        standing, now_us = self._memory.board.standing(deployment), self._memory.board.now_us()
        return standing.lets(now_us) or standing.mild(now_us)

    def begin(self, deployment: Deployment, plan: Plan, wish: Wish) -> Flight:
        """An attempt begins. Every flight ends in exactly one of succeeded, failed, left."""
        return self._memory.board.begin(deployment, wish.tokens, streams=wish.streams, measured=plan.measured)

    def answered(self, flight: Flight, plan: Plan) -> None:
        """The provider has taken the call: the first content of a stream is there, or a whole answer. From now on the
        conversation is at home there.
        """
        self._memory.board.answered(flight)
        if plan.conversation is not None:
            self._memory.affinity.bind(plan.conversation, flight.standing.deployment.id)

    def made(self, flight: Flight, plan: Plan, wish: Wish, response_id: str) -> None:
        """The provider stores its answer under this id."""
        self._memory.affinity.bind(made_response(plan.name, wish, response_id), flight.standing.deployment.id)

    def succeeded(self, flight: Flight, tokens: int | None, output_tokens: int) -> None:
        """The answer is over; `tokens` is all that the provider counted, None where it did not."""
        self._memory.board.succeeded(flight, tokens, output_tokens)

    def failed(self, flight: Flight, info: ErrorInfo, *, model_only: bool = False) -> None:
        """The attempt failed, before its first content or after. `model_only`: the refusal may be about this model
        alone, not about the credential (status 403).
        """
        rule = self._cooldowns.get(flight.standing.deployment.id, self.rules.cooldown)
        self._memory.board.failed(flight, info, rule, model_only=model_only)

    def left(self, flight: Flight) -> None:
        """The attempt ended without proving anything."""
        self._memory.board.left(flight)

    def stand_ins(self, plan: Plan, kind: ErrorClass, wish: Wish) -> tuple[str, ...]:
        """The models to go to when the deployments of a plan have failed in this way."""
        return stand_ins(plan.name, kind, self.rules, wish)

    def _cooldown(self, deployment: Deployment) -> Cooldown:
        seconds = deployment.entry.params.cooldown_seconds
        rule = self.rules.cooldown
        return rule if seconds is None else msgspec.structs.replace(rule, seconds=seconds)

    def model_names(self) -> list[str]:
        """Every name a caller may ask for, in the order of the file, aliases last, each once."""
        return self._index.model_names()

    def group(self, requested: str) -> Group:
        """The deployments of a name that can be used at all, whatever the rules. Raises UnknownModel."""
        return self._index.find(requested)[1]

    def unserved(self, deployment: Deployment) -> frozenset[str]:
        """The dialects that this deployment's server does not have, as far as it has told us.

        By model, for a wildcard serves many and one of them may be served in one dialect only.
        """
        return self._unserved.get((deployment.id, deployment.model), frozenset())

    def learn_unserved(self, deployment: Deployment, dialect: str) -> bool:
        """Remember it; False when no other dialect is left to try (then nothing is remembered)."""
        unserved = self.unserved(deployment) | {dialect}
        if deployment.pinned_dialect is not None or not set(deployment.dialects) - unserved:
            return False
        if len(self._unserved) >= _REMEMBERED:
            self._unserved.clear()
        self._unserved[deployment.id, deployment.model] = unserved
        return True

    def forget_unserved(self, deployment: Deployment) -> None:
        """It was no lack: something between us and the server answered for it."""
        self._unserved.pop((deployment.id, deployment.model), None)
