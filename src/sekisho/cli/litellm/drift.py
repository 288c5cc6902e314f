"""What LiteLLM took away from a key after it was imported: told, for the key goes on working here.

Flows in: a `Source`, the keys that are here. Flows out: findings. Must stay true: nothing is changed, that is an
administrator's to decide.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.cli.litellm.fields import ACTOR
from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.source import Source
from sekisho.store.directory import KEYS
from sekisho.store.domain import audit_changes
from sekisho.store.schema import keys


def tell_drift(connection: Connection, source: Source, findings: Findings) -> None:
    """Keys of earlier imports that LiteLLM has deleted, rotated or blocked since, and that are open here."""
    blocked = {row["token"]: bool(row.get("blocked")) for row in source.tables["keys"]}
    imported = select(audit_changes.c.object_id).where(
        audit_changes.c.actor == ACTOR, audit_changes.c.object_kind == KEYS.kind, audit_changes.c.action == "created"
    )
    query = select(keys.c.token, keys.c.key_alias, keys.c.key_name)
    for row in connection.execute(query.where(keys.c.token.in_(imported), keys.c.blocked.is_(False))):
        name = row.key_alias or row.key_name
        if row.token not in blocked:
            findings.add("keys that work here and that LiteLLM deleted or rotated since", name)
        elif blocked[row.token]:
            findings.add("keys that work here and that LiteLLM blocked since", name)
