"""`DATABASE_URL`, as LiteLLM's deployments write it (Prisma's parameters) and as PostgreSQL's own tools do.

Flows in: postgresql://user:password@host:port/database?parameters. Flows out: what the driver is given. Must stay
true: what is not understood is refused by name, the password is in no message.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret

CONNECTIONS: Final = 10
TIMEOUT_SECONDS: Final = 10.0
#: A server that hangs is away.
STATEMENT_SECONDS: Final = 20.0
_SCHEMES: Final = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
_SSL_MODES: Final = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
#: Parameters with their meaning, and those of Prisma that have none here.
_KNOWN: Final = frozenset(
    {"sslmode", "sslrootcert", "schema", "connection_limit", "connect_timeout", "pgbouncer", "host", "application_name"}
)
_IDLE: Final = frozenset({"pool_timeout", "socket_timeout", "statement_cache_size", "sslaccept"})


class DatabaseUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is, and how it is connected to. `statement_seconds`: how long one statement may take."""

    sqlalchemy: URL
    connections: int
    timeout_seconds: float
    settings: dict[str, str]
    security: dict[str, Any]
    pooled: bool
    statement_seconds: float | None = STATEMENT_SECONDS


def parse_url(url: Secret) -> DatabaseUrl:
    """Raises OperatorError for what cannot be used."""
    try:
        found = make_url(url.reveal())
    except (ArgumentError, ValueError):
        raise OperatorError("DATABASE_URL is no URL: write postgresql://user:password@host:5432/database.") from None
    if found.drivername not in _SCHEMES:
        raise OperatorError(f"DATABASE_URL begins with '{found.drivername}': only postgresql:// is served.")
    if not found.database:
        raise OperatorError("DATABASE_URL names no database: write postgresql://user:password@host:5432/database.")
    given = {name: value if isinstance(value, str) else value[-1] for name, value in found.query.items()}
    for name in given:
        if name not in _KNOWN | _IDLE:
            raise OperatorError(f"DATABASE_URL has the parameter '{name[:40]}', which is not known: leave it out.")
    kept = {"host": given["host"]} if "host" in given else {}
    settings = {"application_name": given.get("application_name", "sekisho")}
    if "schema" in given:
        settings["search_path"] = given["schema"]
    return DatabaseUrl(
        sqlalchemy=found.set(drivername="postgresql+asyncpg", query=kept),
        connections=_number(given, "connection_limit", CONNECTIONS),
        timeout_seconds=float(_number(given, "connect_timeout", round(TIMEOUT_SECONDS))),
        settings=settings,
        security=_security(given),
        pooled=given.get("pgbouncer") == "true",
    )


def _number(given: Mapping[str, str], name: str, otherwise: int) -> int:
    text = given.get(name)
    if text is None:
        return otherwise
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 10_000:
        raise OperatorError(f"DATABASE_URL: '{name}' has to be a number from 1 to 10000.")
    return int(text)


def _security(given: Mapping[str, str]) -> dict[str, Any]:
    """TLS as libpq understands `sslmode`. A certificate authority of one's own is trusted alone."""
    mode, authority = given.get("sslmode"), given.get("sslrootcert")
    if mode is not None and mode not in _SSL_MODES:
        raise OperatorError(f"DATABASE_URL: 'sslmode' is one of {', '.join(sorted(_SSL_MODES))}.")
    if authority is None:
        return {} if mode is None else {"ssl": mode}
    try:
        context = ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(f"DATABASE_URL: 'sslrootcert' cannot be read: {type(error).__name__}.") from error
    context.check_hostname = mode in {None, "verify-full"}
    return {"ssl": context}
