"""The tables: virtual keys, access keys that stand for them, and the ledger.

Must stay true: money is BIGINT nano-USD, times are BIGINT epoch µs UTC, JSON is text, rows are narrow. Every
statement built on these tables runs on SQLite and on PostgreSQL. A change here needs a migration in
`migrations/versions` and a new `HEAD`; a test compares what both ways produce.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import Connection

#: The revision that this code reads and writes.
HEAD = "0002"

metadata = MetaData()

#: Where Alembic keeps the revision of the stored schema.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

#: Virtual keys. `token` is the SHA-256 (hex) of the key: the key itself is stored nowhere.
keys = Table(
    "keys",
    metadata,
    Column("token", Text, primary_key=True),
    Column("key_name", Text, nullable=False),
    Column("key_alias", Text),
    Column("user_id", Text),
    Column("team_id", Text),
    Column("models", Text, nullable=False),
    Column("aliases", Text, nullable=False),
    Column("allowed_routes", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("expires_us", BigInteger),
    Column("spend_nano_usd", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", Text),
    Column("updated_us", BigInteger, nullable=False),
    Column("updated_by", Text),
    Column("last_active_us", BigInteger),
    UniqueConstraint("key_alias", name="keys_key_alias"),
    Index("keys_created", "created_us", "token"),
    Index("keys_user", "user_id"),
    Index("keys_team", "team_id"),
)

#: Access keys that stand for a virtual key. `secret` is sealed (core/envelope.py) under the root key `root_id`.
access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", Text, primary_key=True),
    Column("key_hash", Text, ForeignKey("keys.token", ondelete="CASCADE", name="access_keys_key"), nullable=False),
    Column("secret", Text, nullable=False),
    Column("root_id", Text, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", Text),
    Column("last_used_us", BigInteger),
    Index("access_keys_key_hash", "key_hash"),
    Index("access_keys_created", "created_us", "access_key_id"),
)

#: The ledger: one row a call, written once.
calls = Table(
    "calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("started_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
    Column("first_token_us", BigInteger),
    Column("status", Text, nullable=False),
    Column("http_status", Integer, nullable=False),
    Column("session_id", Text),
    Column("client_request_id", Text),
    Column("key_hash", Text),
    Column("key_alias", Text),
    Column("user_id", Text),
    Column("team_id", Text),
    Column("tool", Text),
    Column("tool_version", Text),
    Column("interface", Text),
    Column("os", Text),
    Column("client_confidence", Text),
    Column("requested_model", Text),
    Column("routed_model", Text),
    Column("served_model", Text),
    Column("provider", Text),
    Column("deployment_id", Text),
    Column("api_base", Text),
    Column("dialect", Text),
    Column("upstream_dialect", Text),
    Column("operation", Text),
    Column("stream", Boolean, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cache_read_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("cache_write_1h_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("cost_nano_usd", BigInteger),
    Column("price_version", Text),
    Column("usage_complete", Boolean, nullable=False),
    Column("error_class", Text),
    Column("error_detail", Text),
    Column("attempts", Integer, nullable=False),
    Column("end_user", Text),
    Column("tags", Text),
    Column("spend_logs_metadata", Text),
    Index("calls_started", "started_us", "call_id"),
    Index("calls_key", "key_hash", "started_us"),
    Index("calls_user", "user_id", "started_us"),
)


def stored_revision(connection: Connection) -> str | None:
    """The revision of the schema in the database; None when the database is empty."""
    if not inspect(connection).has_table(alembic_version.name):
        return None
    return connection.execute(select(alembic_version.c.version_num)).scalar_one_or_none()


def create_at_head(connection: Connection) -> None:
    """Lay all tables into an empty database and stamp it, without loading the migration machinery."""
    metadata.create_all(connection)
    connection.execute(insert(alembic_version).values(version_num=HEAD))
