"""Users as LiteLLM shows them. Flows in: a `UserRow`. Flows out: JSON values, never a hash of a password."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sekisho.api.admin.limit_rows import limit_row, metadata_row, stamps_row
from sekisho.core.money import usd_float
from sekisho.store.directory import OrganizationMemberRow, UserRow


def user_row(
    row: UserRow, now_us: int, *, teams: Sequence[str] = (), organizations: Sequence[OrganizationMemberRow] = ()
) -> dict[str, Any]:
    """A row of LiteLLM's user table; `teams` by id."""
    return (
        {
            "user_id": row.user_id,
            "user_email": row.user_email,
            "user_alias": row.user_alias,
            "user_role": row.user_role,
            "spend": usd_float(row.spend_nano_usd),
            "models": row.models,
            "model_spend": {},
            "teams": list(teams),
            "organization_memberships": [organization_member_row(one, now_us) for one in organizations],
            "sso_user_id": row.sso_user_id,
            "blocked": row.blocked,
            "metadata": metadata_row(row.metadata, row.limits),
            "object_permission": None,
        }
        | limit_row(row.limits, now_us)
        | stamps_row(row)
    )


def organization_member_row(row: OrganizationMemberRow, now_us: int) -> dict[str, Any]:
    """A row of LiteLLM's table of organisation memberships."""
    return {
        "user_id": row.user_id,
        "organization_id": row.organization_id,
        "user_role": row.role,
        "spend": usd_float(row.spend_nano_usd),
        "budget_id": None,
        "litellm_budget_table": limit_row(row.limits, now_us),
    } | stamps_row(row)
