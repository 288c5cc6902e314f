"""The tables: virtual keys, access keys that stand for them, the ledger and its roll-ups; domain.py has the others.

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

from sekisho.store import counters, domain
from sekisho.store.domain import limits_column, with_room

#: The revision that this code reads and writes.
HEAD = "0007"

#: All tables, those of domain.py and counters.py too.
metadata = domain.metadata
COUNTERS = (counters.limit_counts, counters.limit_reservations)

#: Where Alembic keeps the revision of the stored schema.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

#: Virtual keys. `token` is the SHA-256 (hex) of the key: the key itself is stored nowhere. It names the key for as
#: long as it lives, also when the key was rotated: then `current_token` is the hash of what its holder shows now, and
#: the first one is good until `grace_until_us`.
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
    limits_column(),
    Column("organization_id", Text),
    Column("project_id", Text),
    Column("budget_id", Text),
    Column("key_type", Text, nullable=False, server_default="default"),
    Column("current_token", Text),
    Column("grace_until_us", BigInteger),
    Column("rotation_interval", Text),
    Column("rotation_count", Integer, nullable=False, server_default="0"),
    Column("last_rotation_us", BigInteger),
    Column("next_rotation_us", BigInteger),
    UniqueConstraint("key_alias", name="keys_key_alias"),
    Index("keys_created", "created_us", "token"),
    Index("keys_user", "user_id"),
    Index("keys_team", "team_id"),
    Index("keys_organization", "organization_id"),
    Index("keys_project", "project_id"),
    Index("keys_rotation", "next_rotation_us"),
)

#: What else opens a rotated key: hash -> key; `until_us` None for the present one.
key_tokens = Table(
    "key_tokens",
    metadata,
    Column("token", Text, primary_key=True),
    Column("key_token", Text, ForeignKey("keys.token", ondelete="CASCADE", name="key_tokens_key"), nullable=False),
    Column("until_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Index("key_tokens_key_token", "key_token"),
)

#: Which keys share a pool's limits.
pool_keys = Table(
    "pool_keys",
    metadata,
    Column("key_hash", Text, ForeignKey("keys.token", ondelete="CASCADE", name="pool_keys_key"), primary_key=True),
    Column("pool_id", Text, ForeignKey("pools.pool_id", ondelete="CASCADE", name="pool_keys_pool"), primary_key=True),
    Index("pool_keys_pool_id", "pool_id"),
)

#: Access keys that stand for a virtual key. `secret` is sealed (core/envelope.py) under the root key `root_id`. Those
#: that were there when their key was rotated end at `until_us`, with its former secret.
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
    Column("until_us", BigInteger),
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
    Column("organization_id", Text),
    Column("project_id", Text),
    Column("model_group", Text),
    Column("region", Text),
    Column("account", Text),
    Column("service_tier", Text),
    Column("inference_geo", Text),
    Index("calls_started", "started_us", "call_id"),
    Index("calls_key", "key_hash", "started_us"),
    Index("calls_user", "user_id", "started_us"),
    Index("calls_end_user", "end_user", "started_us"),
)


#: What calls cost before they were priced anew, each time: `run_id` is that of the audit's entries.
corrections = Table(
    "corrections",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("started_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("cost_before_nano_usd", BigInteger),
    Column("cost_after_nano_usd", BigInteger, nullable=False),
    Column("price_version_before", Text),
    Column("price_version_after", Text, nullable=False),
    Index("corrections_call", "call_id"),
)


def _usage(name: str) -> Table:
    """A roll-up of calls by when they started and by who, what and where; "" where that is not known.

    `usage_id` is a digest of the dimensions: together they are too long for an index. `tags` is a sorted JSON list.
    `model` is the provider's name of it, `model_group` the deployment's in the configuration.
    `errors` are calls that failed, `incomplete` those that were cut; `unpriced` have no known cost.
    """
    dimensions = [Column(name, Text, nullable=False) for name in USAGE_DIMENSIONS]
    measures = [Column(name, BigInteger, nullable=False) for name in USAGE_MEASURES]
    return with_room(
        Table(
            name,
            metadata,
            Column("starts_us", BigInteger, primary_key=True),
            Column("usage_id", Text, primary_key=True),
            *dimensions,
            *measures,
        ),
        percent=30,
    )


USAGE_SCOPES = ("key_hash", "user_id", "team_id", "organization_id", "project_id")
_SERVED = ("requested_model", "model_group", "model", "provider", "region", "account", "tool")
USAGE_DIMENSIONS = (*USAGE_SCOPES, *_SERVED, "tags")
USAGE_MEASURES = (
    "calls",
    "errors",
    "incomplete",
    "unpriced",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nano_usd",
    "latency_us",
)
usage_hours = _usage("usage_hours")
usage_days = _usage("usage_days")
for _scope in USAGE_SCOPES:  # long periods are read from days; of hours only those of a day that is cut
    Index(f"usage_days_{_scope}", usage_days.c[_scope], usage_days.c.starts_us)


#: What days and months are summed up by once they are over (closing.py): name -> dimensions, the narrowest first. Each
#: has a table a unit; those of whole months have one of all dimensions, too.
SUMMARIES: dict[str, tuple[str, ...]] = {
    "all": (),
    "model": _SERVED,
    "tag": ("tags", *_SERVED),
    "organization": ("organization_id", *_SERVED),
    "team": ("team_id", "organization_id", "project_id"),
    "user": ("user_id",),
    "key": ("key_hash",),
}


def _summary(name: str, dimensions: tuple[str, ...]) -> Table:
    """Rows are written once, many together, and replaced whole: they need no key, and their pages no room."""
    columns = [Column(column, Text, nullable=False) for column in dimensions]
    measures = [Column(column, BigInteger, nullable=False) for column in USAGE_MEASURES]
    scopes = [Index(f"{name}_{column}", column, "starts_us") for column in dimensions if column in USAGE_SCOPES]
    starts = Index(f"{name}_starts", "starts_us")
    return Table(name, metadata, Column("starts_us", BigInteger, nullable=False), *columns, *measures, starts, *scopes)


#: By the dimensions' name; "" has all of them.
summed_days = {name: _summary(f"usage_{name}_days", dimensions) for name, dimensions in SUMMARIES.items()}
summed_months = {name: _summary(f"usage_{name}_months", dimensions) for name, dimensions in SUMMARIES.items()}
summed_months[""] = _summary("usage_months", USAGE_DIMENSIONS)

#: The days and months that are summed up: all that begins in [starts_us, ends_us), until it is used again.
usage_closed = Table(
    "usage_closed",
    metadata,
    Column("unit", Text, primary_key=True),
    Column("starts_us", BigInteger, primary_key=True),
    Column("ends_us", BigInteger, nullable=False),
    Index("usage_closed_ends", "ends_us"),
)

SUMS = (*summed_days.values(), *summed_months.values(), usage_closed)

#: Times that are remembered by name (marks.py).
marks = Table("marks", metadata, Column("name", Text, primary_key=True), Column("at_us", BigInteger, nullable=False))


def stored_revision(connection: Connection) -> str | None:
    """The revision of the schema in the database; None when the database is empty."""
    if not inspect(connection).has_table(alembic_version.name):
        return None
    return connection.execute(select(alembic_version.c.version_num)).scalar_one_or_none()


def create_at_head(connection: Connection) -> None:
    """Lay all tables into an empty database and stamp it, without loading the migration machinery."""
    if connection.dialect.name == "postgresql":
        metadata.create_all(connection, tables=[table for table in metadata.sorted_tables if table is not calls])
        divided_calls().create(connection)
    else:
        metadata.create_all(connection)
    connection.execute(insert(alembic_version).values(version_num=HEAD))


def divided_calls() -> Table:
    """The calls as PostgreSQL has them: those of each UTC day lie in a table of their own (days.py)."""
    divided = calls.to_metadata(MetaData())
    divided.c.started_us.primary_key = True  # a table in parts is unique by what divides it, too
    divided.append_constraint(PrimaryKeyConstraint(divided.c.call_id, divided.c.started_us, name="calls_pkey"))
    divided.dialect_options["postgresql"]["partition_by"] = "RANGE (started_us)"
    return divided
