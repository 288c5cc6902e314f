"""A ledger of a large company, made in the database itself: keys, users, teams, calls by day, and their roll-ups.

In: an empty database of PostgreSQL, its tables at head. Out: the same, filled as the product would have: the roll-ups
equal the calls (`sekisho ledger verify`). The shape: few users do most of the work, each has one key in daily use among
many, a few tools and models; the last month is the busiest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from sqlalchemy.engine import Connection

from sekisho.store.days import table_of_day
from sekisho.store.db import Store
from sekisho.store.schema import USAGE_DIMENSIONS, USAGE_MEASURES
from sekisho.store.usage import DAY_US, HOUR_US, usage_id

#: Ways in which a user works (key, tool, model, tags), the first the most usual.
WAYS = 8
TEAM_USERS = 25
#: Of a user who works on a day.
CALLS_A_DAY = 6
_DIMENSIONS = ", ".join(USAGE_DIMENSIONS)
#: A name as long as those in use: it looks like a UUID.
_NAMES = """
CREATE FUNCTION pg_temp.named(kind text, n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT CAST(CAST(md5(kind || n) AS uuid) AS text) $$;
CREATE FUNCTION pg_temp.hashed(n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT encode(sha256(convert_to('sk-scale-' || n, 'UTF8')), 'hex') $$
"""
_WHO = """
INSERT INTO organizations (organization_id, organization_alias, created_us, updated_us)
    SELECT pg_temp.named('o', n), 'organization ' || n, n, n FROM generate_series(0, {organizations} - 1) AS n;
INSERT INTO teams (team_id, team_alias, organization_id, created_us, updated_us)
    SELECT pg_temp.named('t', n), 'team ' || n, pg_temp.named('o', n % {organizations}), n, n
    FROM generate_series(0, {teams} - 1) AS n;
INSERT INTO users (user_id, user_email, created_us, updated_us)
    SELECT pg_temp.named('u', n), 'user' || n || '@example.com', n, n FROM generate_series(0, {users} - 1) AS n;
INSERT INTO keys (token, key_name, user_id, team_id, organization_id, models, aliases, allowed_routes, metadata,
        blocked, spend_nano_usd, created_us, updated_us)
    SELECT pg_temp.hashed(n), 'sk-...' || n % 10000, pg_temp.named('u', n % {users}),
        pg_temp.named('t', n % {users} % {teams}), pg_temp.named('o', n % {users} % {teams} % {organizations}),
        '[]', '{{}}', '[]', '{{}}', false, 0, n, n
    FROM generate_series(0, {keys} - 1) AS n
"""
_MODELS = (
    ("claude-sonnet-4-5", "anthropic"),
    ("claude-opus-4-5", "anthropic"),
    ("gpt-5.1-codex", "openai"),
    ("claude-haiku-4-5", "bedrock"),
    ("gemini-3-pro", "vertex_ai"),
    ("gpt-5-mini", "openai"),
)
_WAYS = """
CREATE TABLE scale_ways AS
SELECT u * {ways} + way AS way_id, '' AS usage_id, pg_temp.hashed(u + {users} * mod(way, 3)) AS key_hash,
    pg_temp.named('u', u) AS user_id, pg_temp.named('t', u % {teams}) AS team_id,
    pg_temp.named('o', u % {teams} % {organizations}) AS organization_id, '' AS project_id,
    model AS requested_model, model AS model_group, model, provider, (ARRAY['us', 'eu', 'jp'])[1 + u % 3] AS region,
    provider || '-main' AS account,
    (ARRAY['claude-code', 'codex', 'opencode', 'cline'])[1 + (u / 7 + way / 4) % 4] AS tool,
    CASE WHEN way % 4 = 3 THEN '["project-' || u % 40 || '"]' ELSE '[]' END AS tags
FROM generate_series(0, {users} - 1) AS u, generate_series(0, {ways} - 1) AS way,
    unnest(ARRAY[{models}], ARRAY[{providers}]) WITH ORDINALITY AS served (model, provider, nth)
WHERE nth = 1 + (u + way) % 6
"""
_DAY = """
CREATE TEMP TABLE scale_day ON COMMIT DROP AS
SELECT {day} + (slot % 20) * {hour_us} + CAST(floor(random() * 4 * {hour_us}) AS bigint) AS started_us,
    CAST(floor({users} * ((slot * 7919 + {day} / {day_us} * 104729) % {users} / {users}.0) ^ 1.5) AS bigint) * {ways}
        + CAST(floor({ways} * random() ^ 3) AS bigint) AS way_id,
    CAST(200 + random() * 4000 AS bigint) AS input_tokens, CAST(random() * 60000 AS bigint) AS cache_read_tokens,
    CAST(random() * 900 AS bigint) AS output_tokens, CAST(random() * 60000000 AS bigint) AS cost_nano_usd,
    CAST(500000 + random() * 20000000 AS bigint) AS latency_us, random() < 0.01 AS failed
FROM (SELECT CAST(floor(random() * {active}) AS bigint) AS slot FROM generate_series(1, {calls})) AS made;
CREATE TABLE {table} (LIKE calls INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
INSERT INTO {table} (call_id, started_us, ended_us, status, http_status, stream, key_hash, user_id, team_id,
        organization_id, tool, tool_version, interface, os, requested_model, routed_model, served_model, model_group,
        provider, region, account, deployment_id, api_base, dialect, upstream_dialect, operation, session_id, tags,
        input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens,
        cost_nano_usd, price_version, usage_complete, attempts)
    SELECT CAST(gen_random_uuid() AS text), started_us, started_us + latency_us,
        CASE WHEN failed THEN 'failure' ELSE 'success' END, CASE WHEN failed THEN 529 ELSE 200 END, true, key_hash,
        user_id, team_id, organization_id, tool, '2.0.1', 'cli', 'linux', requested_model, model, model, model_group,
        provider, region, account, CAST(md5(model) AS text), 'api.example.com', 'anthropic-messages',
        'anthropic-messages', 'generate', CAST(md5(user_id || started_us / 3600000000) AS text), NULLIF(tags, '[]'),
        input_tokens, cache_read_tokens, 0, 0, output_tokens, 0, cost_nano_usd, '2026-11-01', true, 1
    FROM scale_day JOIN scale_ways USING (way_id) ORDER BY started_us;
ALTER TABLE calls ATTACH PARTITION {table} FOR VALUES FROM ({day}) TO ({day} + {day_us});
INSERT INTO usage_hours (starts_us, usage_id, {dimensions}, {measures})
    SELECT starts_us, usage_id, {dimensions}, {measures} FROM scale_ways JOIN (
        SELECT started_us - started_us % {hour_us} AS starts_us, way_id, {sums} FROM scale_day GROUP BY 1, 2
    ) AS summed USING (way_id);
INSERT INTO usage_days (starts_us, usage_id, {dimensions}, {measures})
    SELECT {day}, usage_id, {dimensions}, {measures} FROM scale_ways JOIN (
        SELECT way_id, {sums} FROM scale_day GROUP BY 1
    ) AS summed USING (way_id)
"""
#: Measure -> SQL over scale_day.
_SUMS = {
    "calls": "count(*)",
    "errors": "count(*) FILTER (WHERE failed)",
    "input_tokens": "sum(input_tokens)",
    "cache_read_tokens": "sum(cache_read_tokens)",
    "output_tokens": "sum(output_tokens)",
    "cost_nano_usd": "sum(cost_nano_usd)",
    "latency_us": "sum(latency_us)",
}


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is. `last_day_us` is the midnight with which the last of `days` begins."""

    keys: int
    users: int
    calls: int
    days: int
    last_day_us: int

    def calls_of(self, day: int) -> int:
        """Of the day of this number: more with every day, a fifth of a year's calls in its last month."""
        return round(self.calls * (((day + 1) / self.days) ** 3 - (day / self.days) ** 3))

    @property
    def numbers(self) -> dict[str, int]:
        """For the statements here."""
        teams = -(-self.users // TEAM_USERS)
        return {"keys": self.keys, "users": self.users, "teams": teams, "organizations": -(-teams // 100), "ways": WAYS}


def fill(db: Store, size: Size, told: Callable[[str], None]) -> None:
    """Everything, a transaction a day."""
    db.write(partial(_who, size=size)).result()
    told(f"{size.keys:,} keys of {size.users:,} users")
    for day in range(size.days):
        day_us = size.last_day_us - (size.days - 1 - day) * DAY_US
        db.write(partial(_day, size=size, day_us=day_us, count=size.calls_of(day))).result()
        if day % 30 == 0:
            told(f"day {day + 1} of {size.days}")


def _who(connection: Connection, size: Size) -> None:
    names = ", ".join(f"'{model}'" for model, _ in _MODELS)
    providers = ", ".join(f"'{provider}'" for _, provider in _MODELS)
    _run(connection, _NAMES)
    _run(connection, _WHO.format(**size.numbers))
    _run(connection, _WAYS.format(**size.numbers, models=names, providers=providers))
    found = connection.exec_driver_sql(f"SELECT way_id, {_DIMENSIONS} FROM scale_ways")  # noqa: S608
    ids = [(row[0], usage_id(tuple(row[1:]))) for row in found]
    connection.exec_driver_sql(
        "UPDATE scale_ways SET usage_id = ids.usage_id "
        "FROM unnest($1::bigint[], $2::text[]) AS ids (way_id, usage_id) WHERE scale_ways.way_id = ids.way_id",
        tuple(map(list, zip(*ids, strict=True))),
    )
    _run(connection, "CREATE UNIQUE INDEX scale_ways_id ON scale_ways (way_id)")


def _day(connection: Connection, size: Size, day_us: int, count: int) -> None:
    text = _DAY.format(
        **size.numbers,
        day=day_us,
        day_us=DAY_US,
        hour_us=HOUR_US,
        calls=count,
        active=-(-count // CALLS_A_DAY),
        table=table_of_day(day_us),
        dimensions=_DIMENSIONS,
        measures=", ".join(USAGE_MEASURES),
        sums=", ".join(f"{_SUMS.get(name, '0')} AS {name}" for name in USAGE_MEASURES),
    )
    _run(connection, text)


def _run(connection: Connection, text: str) -> None:
    for statement in text.split(";"):
        connection.exec_driver_sql(statement)
