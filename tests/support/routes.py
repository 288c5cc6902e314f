"""Deployments, wishes and routers for tests of routing alone: no gateway, no network, a clock that tests move.

In: what differs between deployments. Out: a router whose chance is in order: the first of equals comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from sekisho.config.environment import Environment
from sekisho.config.model import LitellmParams, ModelEntry, ModelInfo, Settings
from sekisho.core.clock import FakeClock
from sekisho.core.errors import DEFAULT_STATUS, ErrorClass, ErrorInfo
from sekisho.core.secret import Secret
from sekisho.identity.keys import Principal
from sekisho.providers.deployment import Deployment, resolve
from sekisho.routing.memory import Memory
from sekisho.routing.plan import Plan, Wish
from sekisho.routing.router import Router, no_price
from sekisho.routing.rules import Rules
from sekisho.routing.strategies import Price

SOMEBODY = Principal(key_hash="k1", user_id="u1")
#: What every wish is about unless a test says otherwise.
WISH = Wish(principal=SOMEBODY, streams=True, tokens=10)


def deployment(name: str, ident: str, served_by: str = "openai/gpt-4.1-mini", **params: Any) -> Deployment:
    """One entry of `model_list`; `region` is where its provider would say that it is."""
    region = params.pop("region", None)
    fields: dict[str, Any] = {"api_key": Secret("sk-x"), "api_base": f"http://{ident}.test/v1"}
    entry = ModelEntry(
        model_name=name, params=LitellmParams(model=served_by, **(fields | params)), info=ModelInfo(id=ident)
    )
    made = resolve(entry, Settings(environment=Environment({})))
    return made if region is None else msgspec.structs.replace(made, region=region)


def group(*idents: str, name: str = "m", **params: Any) -> list[Deployment]:
    """Deployments of one name."""
    return [deployment(name, ident, **params) for ident in idents]


def in_order() -> Callable[[], float]:
    """A chance that leaves equals in the order of the file."""
    numbers = count(1)
    return lambda: next(numbers) / 1e9


class Yard:
    """A router, what it remembers, and the clock that both go by."""

    def __init__(self, *deployments: Deployment, price: Price = no_price, chance: Any = None, **rules: Any) -> None:
        self.clock = FakeClock()
        self.memory = Memory(self.clock)
        self.chance = chance or in_order()
        self.price = price
        self.router = self.made(*deployments, **rules)

    def made(self, *deployments: Deployment, **rules: Any) -> Router:
        """A router over the same memory, as a reload makes one."""
        aliases = rules.pop("aliases", {})
        return Router(
            deployments, aliases, rules=Rules(**rules), memory=self.memory, price=self.price, chance=self.chance
        )

    def plan(self, name: str = "m", wish: Wish = WISH) -> Plan:
        """The plan for a call."""
        return self.router.plan(name, wish)

    def ids(self, name: str = "m", wish: Wish = WISH) -> list[str]:
        """The deployments of a plan, in turn."""
        return [one.id for one in self.plan(name, wish).deployments]

    def fail(self, one: Deployment, *kinds: ErrorClass, wait_seconds: float | None = None) -> None:
        """Calls that end so, one after the other."""
        for kind in kinds:
            flight = self.router.begin(one, self._bare(one), WISH)
            self.router.failed(flight, error(kind, wait_seconds))

    def succeed(self, one: Deployment, wish: Wish = WISH, plan: Plan | None = None, seconds: float = 0.0) -> None:
        """A call that goes well and takes so long, to its first word where it streams."""
        plan = plan or self._bare(one)
        flight = self.router.begin(one, plan, wish)
        self.clock.advance(seconds)
        self.router.answered(flight, plan)
        self.router.succeeded(flight, wish.tokens, 1)

    @staticmethod
    def _bare(one: Deployment) -> Plan:
        return Plan(name=one.model_name, lead=one, deployments=(one,), why="test")


def error(kind: ErrorClass, wait_seconds: float | None = None) -> ErrorInfo:
    """A provider's failure of this class."""
    return ErrorInfo(error_class=kind, message="x", status=DEFAULT_STATUS[kind], retry_after_seconds=wait_seconds)


def values(**body: Any) -> dict[str, msgspec.Raw]:
    """The top of a body, as the exchange hands it on."""
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()}
