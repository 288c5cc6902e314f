"""Words that every layer shares: errors, money, ids, clock, secrets, bounds. No I/O."""
