"""Teams, their members and projects as LiteLLM shows them.

Flows in: rows. Flows out: JSON values, money in USD for display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sekisho.api.admin.limit_rows import limit_row, metadata_row, reset_at, stamps_row, usd
from sekisho.core.money import usd_float
from sekisho.store.directory import ProjectRow, TeamMemberRow, TeamRow
from sekisho.store.limits import NO_LIMITS, Limits

#: Fields of LiteLLM's team object that have no counterpart here.
_ABSENT: dict[str, Any] = {
    "admins": [],
    "members": [],
    "model_spend": {},
    "model_id": None,
    "litellm_model_table": None,
    "object_permission": None,
    "object_permission_id": None,
    "router_settings": None,
    "access_group_ids": [],
}


def team_row(row: TeamRow, members: Sequence[TeamMemberRow], emails: Mapping[str, str], now_us: int) -> dict[str, Any]:
    """A row of LiteLLM's team table; `emails` by user id."""
    return (
        _ABSENT
        | {
            "team_id": row.team_id,
            "team_alias": row.team_alias,
            "organization_id": row.organization_id,
            "models": row.models,
            "model_aliases": row.aliases,
            "metadata": metadata_row(row.metadata, row.limits),
            "members_with_roles": [
                {"role": one.role, "user_id": one.user_id, "user_email": emails.get(one.user_id)} for one in members
            ],
            "team_member_permissions": row.member_permissions,
            "team_member_budget_table": member_budget(row.member_limits),
            "residency": row.bound,
            "spend": usd_float(row.spend_nano_usd),
            "blocked": row.blocked,
        }
        | limit_row(row.limits, now_us)
        | stamps_row(row)
    )


def membership_row(row: TeamMemberRow, now_us: int) -> dict[str, Any]:
    """A row of LiteLLM's table of team memberships."""
    spend = usd_float(row.spend_nano_usd)
    return {
        "user_id": row.user_id,
        "team_id": row.team_id,
        "budget_id": None,
        "spend": spend,
        "total_spend": spend,
        "budget_reset_at": reset_at(row.limits.budget_duration, row.limits.time_zone, now_us),
        "litellm_budget_table": None if row.limits == NO_LIMITS else limit_row(row.limits, now_us),
    }


def member_budget(limits: Limits) -> dict[str, Any] | None:
    """What a team gives each of its members; None where it sets nothing."""
    if limits == NO_LIMITS:
        return None
    return {
        "max_budget": usd(limits.max_budget_nano_usd),
        "budget_duration": limits.budget_duration,
        "tpm_limit": limits.tpm_limit,
        "rpm_limit": limits.rpm_limit,
    }


def project_row(row: ProjectRow, now_us: int) -> dict[str, Any]:
    """A project of a team's."""
    return (
        {
            "project_id": row.project_id,
            "project_alias": row.project_alias,
            "team_id": row.team_id,
            "models": row.models,
            "metadata": metadata_row(row.metadata, row.limits),
            "spend": usd_float(row.spend_nano_usd),
            "blocked": row.blocked,
        }
        | limit_row(row.limits, now_us)
        | stamps_row(row)
    )
