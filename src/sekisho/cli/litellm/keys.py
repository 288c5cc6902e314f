"""LiteLLM's virtual keys as ours.

Flows in: a `Source`. Flows out: rows. Must stay true: a key keeps its SHA-256, so that its holder goes on with what
they have; what bound it there binds it here, or it is left out and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from sekisho.api.admin.key_fields import ROUTE_GROUPS, checked_aliases
from sekisho.cli.litellm.fields import CannotImport, at_us, document, limits_of, metadata_of, names, spend, stamps
from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.source import Row, Source
from sekisho.core.errors import MalformedRequest
from sekisho.store.keys import KeyRow

#: Keys that LiteLLM gives to browsers for a day.
_PAGES: Final = "litellm-dashboard"
_HASH: Final = re.compile(r"[0-9a-f]{64}")


def read_keys(source: Source, findings: Findings, now_us: int) -> list[KeyRow]:
    """Those that can be read; the others are told."""
    return list(_keys(source.tables["keys"], findings, now_us))


def read_former(source: Source, now_us: int) -> list[dict[str, Any]]:
    """Hashes that rotated keys still answer to, as rows of `key_tokens`."""
    rows = source.tables["former_keys"]
    ends = [(row["token"], row["active_token_id"], at_us(row["revoke_at"]) or 0) for row in rows]
    return [
        {"token": token, "key_token": key, "until_us": until_us, "created_us": now_us}
        for token, key, until_us in ends
        if until_us > now_us
    ]


def _keys(rows: list[Row], findings: Findings, now_us: int) -> Iterator[KeyRow]:
    for row in rows:
        token, name = str(row["token"]), row.get("key_alias") or row.get("key_name") or "a key without a name"
        if row.get("team_id") == _PAGES:
            findings.add("keys: sessions of LiteLLM's own pages", name)
            continue
        if not _HASH.fullmatch(token):
            findings.add("keys not imported: stored in clear, as no LiteLLM of today reads them", name)
            continue
        try:
            yield _key(row, token, name, findings, now_us)
        except (CannotImport, MalformedRequest) as error:
            findings.add(f"keys not imported: {error}", name)


def _key(row: Row, token: str, name: str, findings: Findings, now_us: int) -> KeyRow:
    routes = names(row.get("allowed_routes"))
    if unknown := sorted(set(routes) - ROUTE_GROUPS):
        findings.add(
            f"keys: allowed_routes {', '.join(unknown)} (such a key calls what else it names, or nothing)", name
        )
    return KeyRow(
        token=token,
        key_name=row.get("key_name") or f"sk-...{token[-4:]}",
        key_alias=row.get("key_alias") or None,
        models=names(row.get("models")),
        aliases=checked_aliases({str(k): str(v) for k, v in document(row.get("aliases")).items()}),
        allowed_routes=routes,
        metadata=metadata_of(row, "keys", name, findings),
        limits=limits_of(row),
        blocked=bool(row.get("blocked")),
        expires_us=at_us(row.get("expires")),
        spend_nano_usd=spend(row),
        last_active_us=at_us(row.get("last_active")),
        rotation_count=row.get("rotation_count") or 0,
        last_rotation_us=at_us(row.get("last_rotation_at")),
        user_id=row.get("user_id") or None,
        team_id=row.get("team_id") or None,
        organization_id=row.get("organization_id") or None,
        project_id=row.get("project_id") or None,
        budget_id=row.get("budget_id") or None,
        **stamps(row, now_us),
    )
