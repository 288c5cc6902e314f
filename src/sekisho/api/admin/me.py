"""/sekisho/v1/me: who the caller is here, what binds it, and how much of that is used.

Flows in: a key, the caller's own. Flows out: our own answer. Must stay true: everything that could refuse the caller's
next call is in it, with what is left and when it begins anew; nothing of others' is.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from sekisho.api.admin.fields import answer
from sekisho.api.admin.flush import flushed
from sekisho.api.admin.limit_rows import iso, usd
from sekisho.api.admin.services import Asked, Asker, Services
from sekisho.identity.scopes import Scope
from sekisho.limits.periods import NEVER_US, period_at
from sekisho.limits.rule import NO_LIMIT, Measure, Rule
from sekisho.limits.rules import rules_of

router = APIRouter(prefix="/sekisho/v1/me")


@router.get("")
async def me(services: Services, asker: Asked) -> Response:
    """The caller's key, user, memberships, models and limits with their use."""
    await flushed(services.journal)
    now_us = services.desk.now_us
    principal = asker.standing.principal
    bound = [(scope, rule) for scope in principal.scopes for rule in rules_of(scope)]
    used = await services.limiter.used([rule for _, rule in bound], now_us)
    limits = [_limit(scope, rule, amount, now_us) for (scope, rule), amount in zip(bound, used, strict=True)]
    return answer(
        {
            "key": None if principal.is_master else principal.key_hash,
            "key_name": principal.key_name,
            "key_alias": principal.key_alias,
            "expires": iso(principal.expires_us),
            "models": principal.models,
            "limits": limits,
        }
        | _standing(asker)
    )


def _standing(asker: Asker) -> dict[str, Any]:
    standing, principal = asker.standing, asker.standing.principal
    return {
        "user_id": standing.user_id,
        "role": standing.role.value,
        "team_id": principal.team_id,
        "project_id": principal.project_id,
        "organization_id": principal.organization_id,
        "teams": [
            {"team_id": name, "role": "admin" if team.is_admin else "user"} for name, team in standing.teams.items()
        ],
        "organizations": [
            {"organization_id": name, "role": "org_admin" if name in standing.administered else "internal_user"}
            for name in sorted(standing.organizations)
        ],
        "bound_by": [_scope(scope) for scope in principal.scopes],
    }


def _scope(scope: Scope) -> dict[str, Any]:
    return {
        "scope": scope.kind,
        "id": scope.id,
        "name": scope.name,
        "models": scope.models,
        "blocked": scope.blocked,
    }


def _limit(scope: Scope, rule: Rule, used: int, now_us: int) -> dict[str, Any]:
    """Money in USD, the rest in what is counted."""
    money = rule.measure is Measure.MONEY
    forgiven = rule.forgiven_at(now_us)
    limit, used = rule.limit_at(now_us) - forgiven, used - forgiven
    ends_us = period_at(rule.period, rule.time_zone, now_us)[1]

    def shown(amount: int) -> float | int | None:
        return usd(amount) if money else amount

    whole = None if limit >= NO_LIMIT else limit
    return {
        "scope": scope.kind,
        "id": scope.id,
        "name": scope.name,
        "measure": rule.measure.value,
        "model": rule.model or None,
        "limit": None if whole is None else shown(whole),
        "soft_limit": None if rule.soft_limit is None else shown(rule.soft_limit),
        "used": shown(used),
        "left": None if whole is None else shown(max(0, whole - used)),
        "passed_by": None if whole is None else shown(max(0, used - whole)),
        "period": rule.period or None,
        "resets_at": None if ends_us >= NEVER_US or rule.measure is Measure.PARALLEL else iso(ends_us),
    }
