"""LiteLLM's rows without a database, for tests of what is made of them. In: rows by table. Out: a `Source`."""

from __future__ import annotations

from typing import Any

from sekisho.cli.litellm.source import TABLES, Source

NOW_US = 1_800_000_000_000_000


def source_of(**tables: list[dict[str, Any]]) -> Source:
    """Tables that are not given are empty."""
    return Source({name: tables.get(name, []) for name in TABLES}, {})
