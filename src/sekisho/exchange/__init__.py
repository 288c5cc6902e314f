"""Where the stations meet: one request, from recognised key to recorded row. Read run.py first."""
