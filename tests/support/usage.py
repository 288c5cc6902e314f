"""Calls of the world of tests/support/directory.py: of a team's member, its service account, another team, a user."""

from __future__ import annotations

from typing import Any

from sekisho.identity.keys import token_hash
from tests.support.admin import Admin
from tests.support.directory import ABROAD, HOME, PERSONAL_KEY
from tests.support.ledger import row

#: Each costs 1.5 USD and reads ten tokens.
CALLS: tuple[dict[str, Any], ...] = (
    {"key": HOME.team_key, "user_id": "user-M", "team_id": "t1", "organization_id": "o1", "tags": ("x", "y")},
    {"key": HOME.service_key, "team_id": "t1", "organization_id": "o1", "status": "failure"},
    {"key": ABROAD.team_key, "user_id": "user-X", "team_id": "t2", "organization_id": "o2"},
    {"key": PERSONAL_KEY, "user_id": "user-U", "routed_model": "n", "tool": "claude-code", "session_id": "s1"},
)


def use(admin: Admin) -> Admin:
    """The same, when these calls have been made."""
    for call in CALLS:
        fields: dict[str, Any] = {"routed_model": "m", "input_tokens": 10, "cost_nano_usd": 1_500_000_000} | call
        admin.journal.settle(row(key_hash=token_hash(fields.pop("key")), **fields))
    return admin
