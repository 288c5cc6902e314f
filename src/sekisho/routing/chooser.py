"""Of the deployments that may serve a call, those that can now, in the order to try them.

Flows in: the deployments, how each stands, where the conversation is at home. Flows out: a plan. Must stay true: what
cools down or has no room is passed over while another can be called, what fails only now and then comes last; what a
name has but one of is never shut off by its own failures; a conversation pulls only where nothing speaks against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from sekisho.core.errors import ErrorClass, Overloaded, SekishoError
from sekisho.providers.deployment import Deployment
from sekisho.routing.affinity import Conversation, conversation_of, earlier_response
from sekisho.routing.board import Standing
from sekisho.routing.eligible import stand_ins
from sekisho.routing.memory import Memory
from sekisho.routing.plan import PassedOver, Plan, Wish
from sekisho.routing.rules import Rules
from sekisho.routing.strategies import Chance, Price, Sight, level, ranked

_MICRO: Final = 1_000_000
ALONE: Final = "the only deployment of this name"
AT_HOME: Final = "its prompt cache holds this conversation"
MADE_IT: Final = "it holds the response that this call continues"
_SEALED: Final = b'"encrypted_content"'


class _Look(NamedTuple):
    """A group at this moment: those in good standing, those left out that may be called all the same (`mild`), those
    that cannot be called, and the refusal where that is all of them.
    """

    ready: list[Standing]
    mild: list[Standing]
    resting: tuple[PassedOver, ...]
    refusal: SekishoError | None


class Chooser:
    """Chooses by one set of rules."""

    def __init__(self, rules: Rules, memory: Memory, price: Price, chance: Chance) -> None:
        self._rules = rules
        self._board = memory.board
        self._affinity = memory.affinity
        self._price = price
        self._chance = chance

    def choose(self, name: str, group: Sequence[Deployment], others: tuple[PassedOver, ...], wish: Wish) -> Plan:
        """The plan for a call. Raises Overloaded or RATE_LIMITED where no deployment can be called now and no other
        model stands in.
        """
        if len(group) == 1:
            return self._single(name, group[0], others, wish)
        earlier = earlier_response(name, wish)
        maker = self._affinity.find(earlier) if earlier is not None else None
        for one in group if maker is not None else ():
            if one.id == maker:
                return self._single(name, one, others, wish, stored=True)
        return self._among(name, group, others, wish)

    def _single(
        self, name: str, one: Deployment, others: tuple[PassedOver, ...], wish: Wish, *, stored: bool = False
    ) -> Plan:
        """The plan where only this one will do."""
        look = self._look_at(name, (one,), wish)
        ready, resting, refusal = look.ready + look.mild, look.resting, look.refusal
        cooling = isinstance(refusal, Overloaded)
        if refusal is not None and not self._way_out(name, wish):
            if not cooling:
                raise refusal
            ready, resting = [self._board.standing(one)], ()
        return Plan(
            name=name,
            lead=one,
            deployments=tuple(each.deployment for each in ready),
            why=MADE_IT if stored else ALONE,
            passed_over=others + resting,
            last_resort=(one,) if cooling and not ready else (),
            refusal=None if ready else refusal,
            conversation=conversation_of(name, wish) if stored else None,
            shared=stored,
        )

    def _among(self, name: str, group: Sequence[Deployment], others: tuple[PassedOver, ...], wish: Wish) -> Plan:
        """The plan where several will do."""
        conversation = conversation_of(name, wish)
        look = self._look_at(name, group, wish)
        if look.refusal is not None and not self._way_out(name, wish):
            raise look.refusal
        ready, mild, why = self._ranked(look.ready, wish), self._ranked(look.mild, wish), self._rules.strategy
        if len(ready) > 1 and conversation is not None and self._goes_home(ready, conversation, wish):
            why = AT_HOME
        deployments = tuple(one.deployment for one in ready + mild)
        return Plan(
            name=name,
            lead=deployments[0] if deployments else group[0],
            deployments=deployments,
            why=why,
            passed_over=others + look.resting,
            refusal=look.refusal,
            conversation=conversation,
            shared=True,
        )

    def _ranked(self, standings: list[Standing], wish: Wish) -> list[Standing]:
        if not standings[1:]:
            return standings
        now_us = self._board.now_us()
        sight = Sight(now_us=now_us, streams=wish.streams, arguments=self._rules.arguments, price=self._price)
        return ranked(standings, self._rules.strategy, sight, self._chance)

    def _way_out(self, name: str, wish: Wish) -> bool:
        return bool(stand_ins(name, ErrorClass.OVERLOADED, self._rules, wish))

    def _look_at(self, name: str, group: Sequence[Deployment], wish: Wish) -> _Look:
        """Who can be called now, and why the others cannot."""
        now_us = self._board.now_us()
        ready: list[Standing] = []
        mild: list[Standing] = []
        resting: list[PassedOver] = []
        back_us: list[int] = []
        cooling = False
        for one in group:
            standing, params = self._board.standing(one), one.entry.params
            lets = standing.lets(now_us)
            if not lets and not standing.mild(now_us):
                back_us.append(standing.back_us(now_us))
                resting.append(PassedOver(one, f"it cools down for {_seconds(back_us[-1], now_us)} s"))
                cooling = True
            elif not standing.minute.has_room(params.rpm, params.tpm, wish.tokens, now_us):
                back_us.append(standing.minute.ends_us())
                resting.append(PassedOver(one, f"its minute is full for {_seconds(back_us[-1], now_us)} s"))
            else:
                (ready if lets else mild).append(standing)
        callable_now = bool(ready or mild)
        refusal = None if callable_now else _refusal(name, _seconds(min(back_us), now_us), cooling=cooling)
        return _Look(ready, mild, tuple(resting), refusal)

    def _goes_home(self, ready: list[Standing], conversation: Conversation, wish: Wish) -> bool:
        """Put the conversation's deployment first, where it may be; whether it is first now."""
        at = self._affinity.find(conversation)
        home = next((one for one in ready if one.deployment.id == at), None)
        if home is None:
            return False
        best = ready[0]
        worse = home.doubtful(self._board.now_us()) or level(home.deployment) > level(best.deployment)
        if worse and not _sealed(wish):
            return False
        ready.remove(home)
        ready.insert(0, home)
        return True


def _sealed(wish: Wish) -> bool:
    """Whether the call gives thoughts back that only their maker can read."""
    given = wish.values.get("input")
    return given is not None and _SEALED in bytes(given)


def _seconds(until_us: int, now_us: int) -> int:
    return max(1, math.ceil((until_us - now_us) / _MICRO))


def _refusal(name: str, seconds: int, *, cooling: bool) -> SekishoError:
    """All of a name are out; the caller may try again when the first is back."""
    if cooling:
        return Overloaded(
            f"Every deployment of '{name}' has just failed and cools down. Try again in {seconds} s.",
            code="no_healthy_deployment",
            retry_after_seconds=seconds,
        )
    return SekishoError(
        f"Every deployment of '{name}' has taken what it may in this minute. Try again in {seconds} s.",
        code="deployment_rate_limit",
        retry_after_seconds=seconds,
        error_class=ErrorClass.RATE_LIMITED,
    )
