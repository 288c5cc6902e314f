"""The import itself: read, compare, write.

Flows in: LiteLLM's database and ours. Flows out: what was done, as `Part`s. Must stay true: one transaction, all or
nothing, each row with its entry in the audit and its line in the feed of changes; a dry run writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from sekisho.cli.litellm.drift import tell_drift
from sekisho.cli.litellm.fields import ACTOR
from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.keys import read_former, read_keys
from sekisho.cli.litellm.models import read_models
from sekisho.cli.litellm.plan import Part, Planner
from sekisho.cli.litellm.rows import Directory
from sekisho.cli.litellm.salt import Salt
from sekisho.cli.litellm.source import Source
from sekisho.core.envelope import Envelope
from sekisho.core.errors import OperatorError
from sekisho.store.db import Store
from sekisho.store.directory import KEYS
from sekisho.store.edit import Edit
from sekisho.store.migrate import ensure_schema
from sekisho.store.schema import HEAD, key_tokens, keys, stored_revision

#: Rows written by one statement.
CHUNK: Final = 200


class Secrets(msgspec.Struct, frozen=True):
    """What opens LiteLLM's models, if given, and what seals ours."""

    salt: Salt | None
    envelope: Envelope


class Import(msgspec.Struct, frozen=True):
    """LiteLLM's rows and what is made of them, by word, at `now_us`; what has no counterpart."""

    source: Source
    rows: dict[str, list[Any]]
    findings: Findings
    now_us: int


def prepared(source: Source, secrets: Secrets, now_us: int) -> Import:
    """Ours, made of LiteLLM's. Raises OperatorError for a wrong salt key."""
    findings = Findings()
    directory = Directory(source, findings, now_us)
    rows: dict[str, list[Any]] = {
        "budgets": directory.budgets(),  # first: the others' limits are read off them
        "organizations": directory.organizations(),
        "teams": directory.teams(),
        "projects": directory.projects(),
        "users": directory.users(),
        "team members": directory.team_members(),
        "organization members": directory.organization_members(),
        "end users": directory.end_users(),
        "tags": directory.tags(),
        "models": read_models(source, secrets.salt, secrets.envelope, findings, now_us),
        "keys": read_keys(source, findings, now_us),
    }
    return Import(source, rows, findings, now_us)


def compare(store: Store, wanted: Import) -> list[Part]:
    """What an import would do. Raises OperatorError."""
    revision = store.read(stored_revision).result()
    if revision is None:
        return Planner(wanted.source, wanted.findings).parts(None, wanted.rows)
    if revision != HEAD:
        raise OperatorError(f"The database has schema {revision}, this needs {HEAD}: run `sekisho db upgrade` first.")
    return store.read(lambda connection: _compared(connection, wanted)).result()


def take_in(store: Store, wanted: Import, step: Callable[[int, int], None]) -> list[Part]:
    """Write what is new; `step` hears how many rows of how many are written. Raises OperatorError."""
    ensure_schema(store)
    return store.write(partial(_write, wanted=wanted, step=step)).result()


def _compared(connection: Connection, wanted: Import) -> list[Part]:
    tell_drift(connection, wanted.source, wanted.findings)
    return Planner(wanted.source, wanted.findings).parts(connection, wanted.rows)


def _write(connection: Connection, *, wanted: Import, step: Callable[[int, int], None]) -> list[Part]:
    parts = _compared(connection, wanted)
    edit, done, total = Edit(connection, ACTOR, wanted.now_us), 0, sum(len(part.fresh) for part in parts)
    for part in parts:
        for start in range(0, len(part.fresh), CHUNK):
            chunk = part.fresh[start : start + CHUNK]
            edit.add_all(part.entities, chunk)
            done += len(chunk)
            step(done, total)
    _write_former(connection, wanted, parts)
    return parts


def _write_former(connection: Connection, wanted: Import, parts: list[Part]) -> None:
    """Former hashes of the keys that are new, as long as they still work in LiteLLM."""
    fresh = {row.token for part in parts if part.entities is KEYS for row in part.fresh}
    held = set(connection.execute(select(keys.c.token).union(select(key_tokens.c.token))).scalars())
    former = read_former(wanted.source, wanted.now_us)
    added = [row for row in former if row["key_token"] in fresh and row["token"] not in held]
    if added:
        connection.execute(insert(key_tokens), added)
