"""What is allowed. Decides only: counting is in limits, keeping in ledger."""
