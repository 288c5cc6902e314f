"""Authentication by a company's own function."""
