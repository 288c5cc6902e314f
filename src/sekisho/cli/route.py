"""The lines of `sekisho explain` about a call's route: where it goes, in which words, at what price, and why.

Flows in: settings; a requested model, what the call brings, the caller's dialect. Flows out: a (name, value) a line.
Must stay true: the gateway's own router decides, as one that has just been started would; no line holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sekisho.canonical.usage import Usage
from sekisho.config.model import Settings
from sekisho.core.errors import CallerError, ErrorClass, UnsupportedFeature
from sekisho.core.money import usd_text
from sekisho.exchange.tables import rate_table
from sekisho.ledger.prices import PriceBook, Rates
from sekisho.parts import router_of
from sekisho.providers.deployment import Deployment
from sekisho.routing.plan import Plan, Wish
from sekisho.routing.router import Router

#: One line of the answer: what, and what about it.
Line = tuple[str, str]
#: A requested model, what the call brings and the caller's dialect -> the lines about its route.
Explain = Callable[[str, Wish, str], list[Line]]

#: What the strategies do, in words.
_IN_WORDS: Final = {
    "simple-shuffle": "by chance, in proportion to weight, rpm or tpm",
    "least-busy": "the fewest calls in flight first",
    "latency-based-routing": "the fastest first",
    "usage-based-routing": "the most room in its minute first",
    "usage-based-routing-v2": "the most room in its minute first",
    "cost-based-routing": "the cheapest first",
}
_ANSWER_TOKENS: Final = 1_000
_AFTER: Final = (
    ("then", ErrorClass.OVERLOADED),
    ("if too long", ErrorClass.CONTEXT_TOO_LONG),
    ("if filtered", ErrorClass.CONTENT_POLICY),
)


def route_explained(settings: Settings) -> Explain:
    """For a configuration. What calls have taught a running gateway (health, caches, pace) is not known here."""
    rates = rate_table(PriceBook.load())
    router = router_of(settings, rates)

    def lines(model: str, wish: Wish, dialect: str) -> list[Line]:
        try:
            plan = router.plan(model, wish)
        except CallerError as error:
            return [("route", str(error))]
        return [
            *_name_lines(model, plan, router),
            *_plan_lines(plan, rates, dialect, wish.tokens),
            *_other_lines(plan, router, wish),
        ]

    return lines


def _name_lines(requested: str, plan: Plan, router: Router) -> Iterator[Line]:
    if plan.name != requested:
        known = requested in router.aliases
        yield (
            "routed as",
            f"{plan.name} ({'an alias' if known else 'the default model: nobody serves what is asked for'})",
        )


def _plan_lines(
    plan: Plan, rates: Callable[[Deployment], Rates | None], dialect: str, prompt_tokens: int
) -> Iterator[Line]:
    for one in plan.deployments:
        found = rates(one)
        yield "route", _place(one) + _words(one, dialect)
        yield "price", "unknown" if found is None else found.version
        if found is not None and prompt_tokens:
            yield "cost", _cost(found, prompt_tokens)
    words = _IN_WORDS.get(plan.why)
    yield "why", plan.why if words is None else f"{plan.why}: {words}"


def _cost(rates: Rates, prompt_tokens: int) -> str:
    """Nothing of the prompt is cached, and nobody knows how long the answer will be."""
    prompt = rates.cost_nano_usd(Usage(input_tokens=prompt_tokens))
    both = rates.cost_nano_usd(Usage(input_tokens=prompt_tokens, output_tokens=_ANSWER_TOKENS))
    answer = f"{usd_text(both - prompt)} USD for each {_ANSWER_TOKENS:,} tokens of the answer"
    return f"about {usd_text(prompt)} USD for the prompt ({prompt_tokens} tokens), {answer}"


def _other_lines(plan: Plan, router: Router, wish: Wish) -> Iterator[Line]:
    """Who is not asked, and who stands in."""
    for passed in plan.passed_over:
        yield "passed over", f"{_place(passed.deployment)}: {passed.why}"
    for one in router.deployments:
        if one.model_name == plan.name and one.unusable is not None:
            yield "passed over", one.unusable
    usual = router.stand_ins(plan, ErrorClass.OVERLOADED, wish)
    for name, kind in _AFTER:
        after = router.stand_ins(plan, kind, wish)
        if after and (kind is ErrorClass.OVERLOADED or after != usual):
            yield name, ", ".join(after)


def _place(one: Deployment) -> str:
    account = f", account {one.account}" if one.account else ""
    return f"{one.model} at {one.provider.name} ({one.host}{account})"


def _words(one: Deployment, dialect: str) -> str:
    """In which dialect it is called; nothing for a request that no surface takes."""
    try:
        return f" in {one.dialect_for(dialect, frozenset())}" if dialect else ""
    except UnsupportedFeature as error:
        return f": {error}"
