"""The ledger: what each call cost and how it ended. Prices, rows, and the journal that loses none of them."""
