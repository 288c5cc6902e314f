from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sekisho.config.sections import Residency
from sekisho.core.errors import ErrorClass, Forbidden
from sekisho.identity.keys import Principal
from sekisho.routing.eligible import allowed, eligible, stand_ins
from sekisho.routing.plan import Wish
from sekisho.routing.rules import Rules
from tests.support.routes import WISH, deployment

EU = deployment("m", "eu", region="eu-central-1", tags=("a",))
US = deployment("m", "us", region="us-east-1", tags=("b",))
CHOICE = Rules(callers_may=frozenset({"choose_deployment"}))


def ids(wish: Wish, rules: Rules) -> list[str]:
    may, others = eligible("m", (EU, US), wish, rules)
    assert len(may) + len(others) == 2
    return [one.id for one in may]


def asking(**headers: str) -> Wish:
    return msgspec.structs.replace(WISH, headers={name.replace("_", "-"): value for name, value in headers.items()})


def of_key(**metadata: Any) -> Wish:
    return msgspec.structs.replace(WISH, principal=Principal(key_hash="k", metadata=metadata))


def test_without_rules_all_may() -> None:
    assert ids(WISH, Rules()) == ["eu", "us"]


def test_the_rules_of_gateway_and_key_must_both_hold() -> None:
    assert ids(WISH, Rules(residency=Residency(regions=("eu-*",)))) == ["eu"]
    assert ids(of_key(residency={"regions": ["us-*"]}), Rules()) == ["us"]
    with pytest.raises(Forbidden, match="region, provider or account") as refused:
        ids(of_key(residency={"regions": ["us-*"]}), Rules(residency=Residency(regions=("eu-*",))))
    assert (refused.value.info.status, refused.value.info.code) == (403, "no_deployment_allowed")


def test_the_rules_of_team_and_organisation_must_hold_too() -> None:
    bound = Principal(key_hash="k", residency=({"regions": ["eu-*"]}, {"providers": ["openai"]}))
    assert ids(msgspec.structs.replace(WISH, principal=bound), Rules()) == ["eu"]


def test_tags_filter_only_where_that_is_switched_on() -> None:
    wish = asking(x_litellm_tags="a")
    assert ids(wish, Rules()) == ["eu", "us"]
    assert ids(wish, Rules(filters_tags=True)) == ["eu"]
    with pytest.raises(Forbidden, match="tags do not fit"):
        ids(asking(x_litellm_tags="c"), Rules(filters_tags=True))


def test_a_caller_chooses_among_what_the_rules_leave() -> None:
    assert ids(asking(x_sekisho_deployment="us"), CHOICE) == ["us"]
    master = msgspec.structs.replace(
        asking(x_sekisho_deployment="us"), principal=Principal(key_hash="", is_master=True)
    )
    assert ids(master, Rules()) == ["us"]
    with pytest.raises(Forbidden, match="names another"):
        ids(asking(x_sekisho_deployment="gone"), CHOICE)
    narrow = msgspec.structs.replace(CHOICE, residency=Residency(regions=("eu-*",)))
    with pytest.raises(Forbidden, match="region, provider or account"):
        ids(asking(x_sekisho_deployment="us"), narrow)


def test_the_choice_is_refused_by_name_where_it_is_not_open() -> None:
    with pytest.raises(Forbidden, match="x-sekisho-deployment"):
        ids(asking(x_sekisho_deployment="us"), Rules())
    assert not allowed("choose_deployment", WISH, Rules())


def test_who_stands_in_is_named_by_the_operator_or_by_the_caller() -> None:
    rules = Rules(fallbacks={"m": ("m", "n")}, default_fallbacks=("d",))
    assert stand_ins("m", ErrorClass.OVERLOADED, rules) == ("n",)
    assert stand_ins("x", ErrorClass.OVERLOADED, rules, WISH) == ("d",)
    own = msgspec.structs.replace(WISH, stand_ins=("o",))
    assert stand_ins("m", ErrorClass.OVERLOADED, rules, own) == ("o",)
    assert stand_ins("m", ErrorClass.OVERLOADED, rules, msgspec.structs.replace(WISH, stand_ins=())) == ()
