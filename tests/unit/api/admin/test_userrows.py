from __future__ import annotations

from sekisho.api.admin.userrows import user_row
from sekisho.store.directory import OrganizationMemberRow, UserRow
from sekisho.store.limits import Limits
from tests.support.ledger import NOW_US

USER = UserRow(
    user_id="u",
    user_email="u@example.com",
    password_hash="canary",
    limits=Limits(rpm_limit=3),
    spend_nano_usd=2_000_000_000,
    created_us=NOW_US,
    updated_us=NOW_US,
)


def test_a_user_is_shown_with_limits_and_memberships_and_no_password() -> None:
    member = OrganizationMemberRow(
        organization_id="o", user_id="u", role="org_admin", created_us=NOW_US, updated_us=NOW_US
    )
    shown = user_row(USER, NOW_US, teams=["t"], organizations=[member])
    assert (shown["user_email"], shown["rpm_limit"], shown["spend"], shown["teams"]) == ("u@example.com", 3, 2.0, ["t"])
    assert (shown["organization_memberships"][0]["user_role"]) == "org_admin"
    assert "canary" not in str(shown)
