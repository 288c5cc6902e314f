"""What postgres.py says to the server. Lists come as arrays; times are the server's own."""

from __future__ import annotations

from typing import Final

_NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

CLOCK: Final = f"SELECT {_NOW}"

#: The processes that count here, each by its connection.
MEMBERS: Final = """
SELECT pid::text FROM pg_stat_activity
WHERE datname = current_database() AND application_name = current_setting('application_name')
"""

RESERVATIONS: Final = """
SELECT reservation, lines, stage FROM limit_reservations
WHERE reservation = ANY($1::text[]) ORDER BY reservation FOR UPDATE
"""

#: Whoever else looks at them at this moment does it alone.
EXPIRED: Final = f"""
SELECT reservation, lines, stage FROM limit_reservations
WHERE until_us < {_NOW} ORDER BY until_us LIMIT 100 FOR UPDATE SKIP LOCKED
"""  # noqa: S608

RENEW: Final = f"""
UPDATE limit_reservations AS r SET until_us = {_NOW} + u.lease_us
FROM unnest($1::text[], $2::bigint[]) AS u(reservation, lease_us)
WHERE r.reservation = u.reservation AND r.stage < 2
"""  # noqa: S608

COUNTS: Final = """
SELECT count, settled, held FROM limit_counts WHERE count = ANY($1::text[]) ORDER BY count FOR UPDATE
"""

BEGIN: Final = f"""
INSERT INTO limit_counts (count, settled, held, kept_until_us)
SELECT u.count, u.settled, 0, {_NOW} + u.kept_us
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u(count, settled, kept_us) ORDER BY u.count
ON CONFLICT DO NOTHING
"""  # noqa: S608

#: Money without a period stays while it is spent: what others have just settled is not in the ledger yet. Moved once a
#: day, for its time is indexed.
CHANGE: Final = f"""
UPDATE limit_counts AS c SET settled = u.settled, held = u.held, kept_until_us = CASE
  WHEN c.kept_until_us < {_NOW} + 600000000 AND c.count LIKE 'm:%:0' THEN {_NOW} + 86400000000
  ELSE c.kept_until_us END
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u(count, settled, held) WHERE c.count = u.count
"""  # noqa: S608

KEEP: Final = f"""
INSERT INTO limit_reservations (reservation, lines, stage, until_us)
SELECT u.reservation, u.lines, u.stage, {_NOW} + u.after_us
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[]) AS u(reservation, lines, stage, after_us)
ORDER BY u.reservation
ON CONFLICT (reservation) DO UPDATE SET lines = EXCLUDED.lines, stage = EXCLUDED.stage, until_us = EXCLUDED.until_us
"""  # noqa: S608

DROP: Final = "DELETE FROM limit_reservations WHERE reservation = ANY($1::text[])"

#: Periods that are over, and what was not used lately and holds nothing: the ledger knows it.
TIDY: Final = f"""
DELETE FROM limit_counts WHERE count IN (
  SELECT count FROM limit_counts WHERE kept_until_us < {_NOW} AND held = 0 LIMIT 500 FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608
