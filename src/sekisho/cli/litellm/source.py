"""LiteLLM's tables in PostgreSQL, read as they stand at one moment.

Flows in: a database. Flows out: rows as JSON objects, whatever columns LiteLLM's version has. Must stay true: nothing
is ever written there; a table that this LiteLLM does not have yet is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from sqlalchemy import Text, cast, func, literal_column, select, table, text
from sqlalchemy.engine import Connection

from sekisho.core.errors import OperatorError

Row = dict[str, Any]
#: What is read: our word for it -> LiteLLM's table.
TABLES: Final = {
    "budgets": "LiteLLM_BudgetTable",
    "organizations": "LiteLLM_OrganizationTable",
    "aliases": "LiteLLM_ModelTable",
    "teams": "LiteLLM_TeamTable",
    "projects": "LiteLLM_ProjectTable",
    "users": "LiteLLM_UserTable",
    "team_memberships": "LiteLLM_TeamMembership",
    "organization_memberships": "LiteLLM_OrganizationMembership",
    "keys": "LiteLLM_VerificationToken",
    "former_keys": "LiteLLM_DeprecatedVerificationToken",
    "end_users": "LiteLLM_EndUserTable",
    "tags": "LiteLLM_TagTable",
    "models": "LiteLLM_ProxyModelTable",
    "credentials": "LiteLLM_CredentialsTable",
}
#: Without these it is not LiteLLM's database.
NEEDED: Final = ("keys", "users", "teams")
#: Rows of a table that nothing is made of are counted so far.
COUNTED_MAX: Final = 100_000
#: Those that may not be read, too: `information_schema` would hide them, and they would pass for empty.
_PRESENT: Final = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
_rows = msgspec.json.Decoder(Row)


class Source(msgspec.Struct, frozen=True):
    """The rows of each of TABLES, and how many rows stand in LiteLLM's other tables."""

    tables: dict[str, list[Row]]
    others: dict[str, int]


def read_source(connection: Connection, read: Callable[[str], None]) -> Source:
    """All of it, in one snapshot; `read` is told of each table. Raises OperatorError where it is not LiteLLM's."""
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    present = frozenset(connection.execute(text(_PRESENT)).scalars())
    missing = [TABLES[name] for name in NEEDED if TABLES[name] not in present]
    if missing:
        raise OperatorError(
            f"--database-url has no table '{missing[0]}': name the database of a LiteLLM gateway. If its tables stand "
            "in a schema of their own, add ?schema=NAME."
        )
    tables: dict[str, list[Row]] = {}
    for word, name in TABLES.items():
        tables[word] = _read(connection, name) if name in present else []
        read(word)
    others = sorted(name for name in present if name.startswith("LiteLLM_") and name not in TABLES.values())
    return Source(tables, {name: count for name in others if (count := _count(connection, name))})


def _read(connection: Connection, name: str) -> list[Row]:
    """Each row as the JSON that PostgreSQL makes of it: no column is named, none is missed."""
    query = select(cast(func.to_jsonb(literal_column("it")), Text)).select_from(table(name).alias("it"))
    return [_rows.decode(found) for found in connection.execute(query).scalars()]


def _count(connection: Connection, name: str) -> int:
    some = select(literal_column("1")).select_from(table(name)).limit(COUNTED_MAX).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())
