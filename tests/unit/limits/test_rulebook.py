"""Rules worked out once a scope."""

from __future__ import annotations

import msgspec

from sekisho.identity.scopes import Scope
from sekisho.limits.rulebook import Rulebook
from sekisho.limits.rules import rules_of
from sekisho.store.limits import Limits

TEAM = Scope(kind="team", id="t", limits=Limits(rpm_limit=5, max_budget_nano_usd=7))


def test_a_scope_has_its_rules_and_keeps_them() -> None:
    book = Rulebook()
    assert book.of(TEAM) == rules_of(TEAM)
    assert len(book.of(TEAM)) == 2
    assert book.of(TEAM) is book.of(TEAM)


def test_a_scope_that_changed_gets_its_own() -> None:
    book = Rulebook()
    before = book.of(TEAM)
    changed = msgspec.structs.replace(TEAM, limits=Limits(rpm_limit=6))
    assert [rule.limit for rule in book.of(changed)] == [6]
    assert before != book.of(changed)


def test_scopes_of_one_name_and_two_kinds_are_two() -> None:
    book = Rulebook()
    user = msgspec.structs.replace(TEAM, kind="user")
    assert [rule.scope_kind for scope in (TEAM, user) for rule in book.of(scope)] == ["team"] * 2 + ["user"] * 2


def test_no_limits_no_rules() -> None:
    assert Rulebook().of(Scope(kind="key", id="k")) == ()
