"""Which deployments of a name may serve a call at all: by rules that neither time nor load changes.

Flows in: a group, a call's wish, the operator's rules. Flows out: those that may, and why the others may not. Must stay
true: what a caller says of itself chooses among what the rules leave, never beyond it.
"""

from __future__ import annotations

from sekisho.core.errors import ErrorClass, Forbidden
from sekisho.providers.deployment import Deployment
from sekisho.routing.index import Group
from sekisho.routing.plan import DEPLOYMENT_HEADER, PassedOver, Wish
from sekisho.routing.residency import allows, rules_of
from sekisho.routing.rules import Rules
from sekisho.routing.tags import tags_of, with_tags

Decision = tuple[list[Deployment], tuple[PassedOver, ...]]


def eligible(name: str, group: Group, wish: Wish, rules: Rules) -> Decision:
    """(those that may serve the call, the others). Raises Forbidden where there is none."""
    named = _named(wish, rules)
    own = rules_of(wish.principal)
    tagged = with_tags(group, tags_of(wish), match_any=rules.any_tag) if rules.filters_tags else group
    may: list[Deployment] = []
    others: list[PassedOver] = []
    for one in group:
        if not all(allows(rule, one) for rule in (rules.residency, *own)):
            others.append(PassedOver(one, "the region, provider or account is not allowed"))
        elif one not in tagged:
            others.append(PassedOver(one, "the tags do not fit"))
        elif named is not None and one.id != named:
            others.append(PassedOver(one, f"the header {DEPLOYMENT_HEADER} names another"))
        else:
            may.append(one)
    if not may:
        reasons = ", or ".join(dict.fromkeys(one.why for one in others))
        raise Forbidden(
            f"No deployment of '{name}' may serve this call: {reasons}.", code="no_deployment_allowed", param="model"
        )
    return may, tuple(others)


def allowed(what: str, wish: Wish, rules: Rules) -> bool:
    """Whether the caller may decide this (a word of `sekisho.routing.callers_may`)."""
    return what in rules.callers_may or wish.principal.is_master


def stand_ins(name: str, kind: ErrorClass, rules: Rules, wish: Wish | None = None) -> tuple[str, ...]:
    """The other models to go to when `name` has failed in this way, the caller's where it may name them."""
    named = wish.stand_ins if wish is not None else None
    return tuple(one for one in (rules.after(name, kind) if named is None else named) if one != name)


def _named(wish: Wish, rules: Rules) -> str | None:
    """The deployment that the caller chooses. Raises Forbidden where it may not."""
    named = wish.headers.get(DEPLOYMENT_HEADER)
    if named is not None and not allowed("choose_deployment", wish, rules):
        raise Forbidden(
            f"The header {DEPLOYMENT_HEADER} is not open to this key: leave it out.", code="header_not_allowed"
        )
    return named
