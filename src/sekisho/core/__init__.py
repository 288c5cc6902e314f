"""Words that every layer shares: errors, money, ids, clock, secrets, bounds, logging. No I/O, standard library first."""
