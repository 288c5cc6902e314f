"""A provider's export of what it billed, beside the ledger: read (sheet, layouts, clouds), matched and compared."""
