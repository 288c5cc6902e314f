"""What a company's own function says of a caller, as the rows that a stored key would have.

Flows in: a `Said`, the rows that the gateway has itself of the team, user and organisation that it names. Flows out: a
`Binding`, as of a stored key. Must stay true: what the gateway has on record holds over what the function says of the
same thing, field by field; who is not said to manage manages nothing; a budget is counted for the same caller always.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from sekisho.core.money import nano_usd
from sekisho.identity.custom.answer import MalformedAnswer, ModelBudget, Said
from sekisho.identity.keys import token_hash
from sekisho.plugins.authentication import UserRole
from sekisho.store.bindings import Binding, Columns
from sekisho.store.keys import KeyRow
from sekisho.store.limits import BudgetWindow, Limits, decode_limits, encode_limits, laid_over

#: Who may do something in the management API, besides asking for themselves.
MANAGING = frozenset(UserRole) - {UserRole.TEAM, UserRole.CUSTOMER}
_CALLS = "llm_api_routes"
_MANAGEMENT = frozenset({"management_routes", "info_routes"})
#: Columns of rows that are not stored.
_TEAM = {"team_alias": None, "organization_id": None, "models": "[]", "aliases": "{}", "metadata": "{}", "bound": "{}"}
_USER = {"user_alias": None, "user_email": None, "user_role": "internal_user", "models": "[]", "metadata": "{}"}
_ORGANIZATION = {"organization_alias": None, "models": "[]", "residency": "{}", "budget_id": None}
_NEW = {"limits": "{}", "blocked": False, "created_us": 0}


def key_row(said: Said, shown: str) -> KeyRow:
    """The row of a key that is not stored; `shown` is the hash of what the caller showed. Raises MalformedAnswer."""
    return KeyRow(
        token=_identity(said, shown),
        key_name=said.key_name or "custom",
        key_alias=said.key_alias,
        user_id=said.user_id,
        team_id=said.team_id,
        organization_id=said.organization_id or said.org_id,
        project_id=said.project_id,
        models=tuple(said.models or ()),
        aliases=said.aliases or {},
        allowed_routes=_routes(said),
        metadata=said.metadata or {},
        blocked=said.blocked is True,
        expires_us=epoch_us(said.expires),
        limits=_limits_of_key(said),
        created_us=0,
        updated_us=0,
    )


def beside_records(found: Binding, said: Said) -> Binding:
    """What is on record, and what was said where nothing is. Raises MalformedAnswer."""
    parts = dict(found.parts)
    if said.team_id is not None:
        parts["team"] = _laid(parts.get("team"), {"team_id": said.team_id} | _TEAM | _NEW | _of_team(said))
    if said.user_id is not None:
        parts["user"] = _laid(parts.get("user"), {"user_id": said.user_id} | _USER | _NEW | _of_user(said))
    organization = said.organization_id or said.org_id
    if organization is not None:
        of_organization = {"organization_id": organization} | _ORGANIZATION | _NEW | _of_organization(said)
        parts["organization"] = _laid(parts.get("organization"), of_organization)
    return msgspec.structs.replace(found, parts=parts)


def limits_of_end_user(said: Said) -> Limits:
    """What was said of whom the caller acts for."""
    budget = _nano(said.end_user_max_budget)
    return Limits(max_budget_nano_usd=budget, tpm_limit=said.end_user_tpm_limit, rpm_limit=said.end_user_rpm_limit)


def rates_of_user(said: Said) -> Limits:
    """The user's rates, which bind in a team too; a budget of one's own does not."""
    return Limits(tpm_limit=said.user_tpm_limit, rpm_limit=said.user_rpm_limit)


def epoch_us(at: dt.datetime | None) -> int | None:
    """A time without zone is UTC, as LiteLLM reads it."""
    if at is None:
        return None
    return round((at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at).timestamp() * 1_000_000)


def _identity(said: Said, shown: str) -> str:
    """By what spend and rates are counted: the key that was named, else user and team, else what was shown."""
    if said.token is not None:
        return said.token
    if said.user_id is not None or said.team_id is not None:
        return token_hash(f"custom\x00{said.team_id or ''}\x00{said.user_id or ''}")
    return shown


def _routes(said: Said) -> tuple[str, ...]:
    named = tuple(said.allowed_routes or ())
    if said.user_role in MANAGING:
        return named
    return tuple(name for name in named if name not in _MANAGEMENT) or (_CALLS,)


def _limits_of_key(said: Said) -> Limits:
    metadata = said.metadata or {}
    return Limits(
        max_budget_nano_usd=_nano(said.max_budget),
        soft_budget_nano_usd=_nano(said.soft_budget),
        budget_duration=said.budget_duration,
        model_max_budget={name: _window(it) for name, it in (said.model_max_budget or {}).items()},
        tpm_limit=said.tpm_limit,
        rpm_limit=said.rpm_limit,
        max_parallel_requests=said.max_parallel_requests,
        model_tpm_limit=_counts(metadata, "model_tpm_limit") | (said.tpm_limit_per_model or {}),
        model_rpm_limit=_counts(metadata, "model_rpm_limit") | (said.rpm_limit_per_model or {}),
    )


def _of_team(said: Said) -> dict[str, Any]:
    metadata = said.team_metadata or {}
    limits = Limits(
        max_budget_nano_usd=_nano(said.team_max_budget),
        soft_budget_nano_usd=_nano(said.team_soft_budget),
        tpm_limit=said.team_tpm_limit,
        rpm_limit=said.team_rpm_limit,
        model_tpm_limit=_counts(metadata, "model_tpm_limit"),
        model_rpm_limit=_counts(metadata, "model_rpm_limit"),
    )
    of_members = Limits(tpm_limit=said.team_member_tpm_limit, rpm_limit=said.team_member_rpm_limit)
    return {
        "team_alias": said.team_alias,
        "organization_id": said.organization_id or said.org_id,
        "models": _json(said.team_models or []),
        "metadata": _json(metadata),
        "limits": encode_limits(limits),
        "member_limits": encode_limits(of_members),
        "blocked": said.team_blocked is True,
    }


def _of_user(said: Said) -> dict[str, Any]:
    limits = Limits(
        max_budget_nano_usd=_nano(said.user_max_budget), tpm_limit=said.user_tpm_limit, rpm_limit=said.user_rpm_limit
    )
    return {"user_email": said.user_email, "limits": encode_limits(limits)}


def _of_organization(said: Said) -> dict[str, Any]:
    limits = Limits(
        max_budget_nano_usd=_nano(said.organization_max_budget),
        tpm_limit=said.organization_tpm_limit,
        rpm_limit=said.organization_rpm_limit,
    )
    return {"organization_alias": said.organization_alias, "limits": encode_limits(limits)}


def _laid(stored: Columns | None, said: dict[str, Any]) -> Columns:
    """A stored row with what was said in the fields in which it says nothing."""
    if stored is None:
        return said
    merged = dict(stored)
    for name in ("limits", "member_limits"):
        if name in stored:
            merged[name] = encode_limits(laid_over(decode_limits(stored[name]), decode_limits(said[name])))
    if stored["models"] == "[]":
        merged["models"] = said["models"]
    if "metadata" in stored:
        merged["metadata"] = _json(_object(said["metadata"]) | _object(stored["metadata"]))
    merged["blocked"] = bool(stored["blocked"]) or said["blocked"]
    return merged


def _window(said: ModelBudget | float) -> BudgetWindow:
    if not isinstance(said, ModelBudget):
        return BudgetWindow(max_budget_nano_usd=nano_usd(said))
    amount = said.max_budget if said.budget_limit is None else said.budget_limit
    try:
        usd = float(amount) if amount is not None else -1.0
    except ValueError:
        usd = -1.0
    if not 0 <= usd <= 1e9:
        raise MalformedAnswer("'model_max_budget' has a budget that is no amount in USD")
    return BudgetWindow(max_budget_nano_usd=nano_usd(usd), budget_duration=said.time_period or said.budget_duration)


def _counts(metadata: Mapping[str, Any], name: str) -> dict[str, int]:
    try:
        return msgspec.convert(metadata.get(name) or {}, dict[str, int])
    except msgspec.ValidationError:
        raise MalformedAnswer(f"'{name}' in the metadata is no number by model") from None


def _nano(usd: float | None) -> int | None:
    return None if usd is None else nano_usd(usd)


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        raise MalformedAnswer("the metadata are not JSON") from None


def _object(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])
