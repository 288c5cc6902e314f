"""What is to be written: LiteLLM's rows against those that are here.

Flows in: a `Source`, the database. Flows out: the rows that are new, and how many of each are here already. Must stay
true: what is here stays as it is, what was deleted here stays away; a row whose team, budget or the like is left out
is left out too, for that would bind it no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.source import Source
from sekisho.core.errors import OperatorError
from sekisho.store.directory import (
    BUDGETS,
    END_USERS,
    KEYS,
    MODELS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)
from sekisho.store.domain import audit_changes
from sekisho.store.entities import Entities, Ident

#: In the order in which they name each other: our word, and the table.
ENTITIES: Final[tuple[tuple[str, Entities[Any]], ...]] = (
    ("budgets", BUDGETS),
    ("organizations", ORGANIZATIONS),
    ("teams", TEAMS),
    ("projects", PROJECTS),
    ("users", USERS),
    ("team members", TEAM_MEMBERS),
    ("organization members", ORGANIZATION_MEMBERS),
    ("end users", END_USERS),
    ("tags", TAGS),
    ("models", MODELS),
    ("keys", KEYS),
)
#: A column that names a row of another table: that table, and its column in LiteLLM's.
_REFERENCES: Final = {
    "budget_id": "budgets",
    "organization_id": "organizations",
    "team_id": "teams",
    "project_id": "projects",
    "user_id": "users",
}
#: What no two rows may have alike.
_UNIQUE: Final = {"organizations": "organization_alias", "users": "user_email", "keys": "key_alias"}


class Clashes(OperatorError):
    """Two rows of one alias: `problems` are lines for the operator."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Part(msgspec.Struct):
    """Of one table: the new rows, how many are here already, were deleted here, or are left out."""

    word: str
    entities: Entities[Any]
    fresh: list[Any]
    here: int = 0
    deleted: int = 0
    left_out: int = 0


class Planner:
    """One comparison. `findings` hears of what is left out."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._known = {
            target: {row.get(column) for row in source.tables[target]} for column, target in _REFERENCES.items()
        }
        self._findings = findings
        #: Rows that are here now or will be, by word.
        self._there: dict[str, set[Ident]] = {}
        self._problems: list[str] = []

    def parts(self, connection: Connection | None, rows: dict[str, list[Any]]) -> list[Part]:
        """`rows` by word. No connection: nothing is here. Raises Clashes."""
        deleted = _deleted(connection) if connection is not None else set()
        parts = [self._part(connection, word, entities, rows[word], deleted) for word, entities in ENTITIES]
        if self._problems:
            raise Clashes(
                [*self._problems, "Nothing was imported: rename one of each, there or here, and run it again."]
            )
        return parts

    def _part(
        self,
        connection: Connection | None,
        word: str,
        entities: Entities[Any],
        rows: list[Any],
        deleted: set[tuple[str, str]],
    ) -> Part:
        here = _here(connection, entities) if connection is not None else set()
        part = Part(word, entities, [])
        for row in rows:
            ident = entities.ident(row)
            if ident in here:
                part.here += 1
            elif (entities.kind, "/".join(ident)) in deleted:
                part.deleted += 1
            elif lost := self._lost(word, entities, row, deleted):
                part.left_out += 1
                self._findings.add(f"{word} left out, for there is no longer their {lost}", _name(word, row, ident))
            else:
                part.fresh.append(row)
        self._there[word] = here | set(map(entities.ident, part.fresh))
        if word in _UNIQUE:
            self._problems += _clashes(connection, part, _UNIQUE[word])
        return part

    def _lost(self, word: str, entities: Entities[Any], row: Any, deleted: set[tuple[str, str]]) -> str | None:
        """What a row names that is not here: a key may name what LiteLLM itself has no longer, as it may there."""
        for column, target in _REFERENCES.items():
            name = getattr(row, column, None)
            if target == word or name is None or (name,) in self._there[target]:
                continue
            one = target.removesuffix("s")
            if entities is not KEYS or name in self._known[target] or (one, name) in deleted:
                return f"{one} '{name}'"
            if target != "users":
                self._findings.add(f"keys of a {one} that LiteLLM has no longer", _name(word, row, ()))
        return None


def _here(connection: Connection, entities: Entities[Any]) -> set[Ident]:
    columns = [entities.table.c[name] for name in entities.key]
    return {tuple(row) for row in connection.execute(select(*columns))}


def _deleted(connection: Connection) -> set[tuple[str, str]]:
    """(kind, id) of what an administrator deleted here."""
    query = select(audit_changes.c.object_kind, audit_changes.c.object_id).where(audit_changes.c.action == "deleted")
    return {(kind, name) for kind, name in connection.execute(query)}


def _clashes(connection: Connection | None, part: Part, column: str) -> Iterator[str]:
    table, key = part.entities.table, part.entities.key[0]
    query = select(table.c[column], table.c[key]).where(table.c[column].is_not(None))
    found = connection.execute(query) if connection is not None else ()
    taken = {alias: f"{name} (here)" for alias, name in found}
    for row in part.fresh:
        alias, name = getattr(row, column), part.entities.ident(row)[0]
        if alias is not None and alias in taken:
            yield f"{part.word}: '{alias}' is the {column} of both {taken[alias]} and {name} (LiteLLM)."
        elif alias is not None:
            taken[alias] = f"{name} (LiteLLM)"


def _name(word: str, row: Any, ident: Ident) -> str:
    return row.key_alias or row.key_name if word == "keys" else "/".join(ident)
