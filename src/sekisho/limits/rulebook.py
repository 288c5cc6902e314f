"""The rules of each scope, worked out once.

Flows in: scopes. Flows out: their rules. Must stay true: a scope that changed is another object, and gets its own
rules; memory is bounded.
"""

from __future__ import annotations

from sekisho.identity.lru import Lru
from sekisho.identity.scopes import Scope
from sekisho.limits.rule import Rule
from sekisho.limits.rules import rules_of
from sekisho.store.limits import NO_LIMITS

#: Scopes with limits that are held at once (some 2 kB each).
SCOPES = 20_000


class Rulebook:
    """One a process."""

    def __init__(self) -> None:
        self._known: Lru[tuple[str, str], tuple[Scope, tuple[Rule, ...]]] = Lru(SCOPES)

    def of(self, scope: Scope) -> tuple[Rule, ...]:
        """Every rule of `scope`."""
        if scope.limits is NO_LIMITS:
            return ()
        key = scope.kind, scope.id
        known = self._known.get(key)
        if known is None or known[0] is not scope:
            known = scope, rules_of(scope)
            self._known.put(key, known)
        return known[1]
