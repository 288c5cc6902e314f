from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sekisho.providers.catalog import PROVIDERS
from tests.architecture.tree import PACKAGE, name_of, parsed, python_files, tracked_files

# A path of somebody's machine in a committed file works for nobody else.
MACHINE_PATH = re.compile(r"(?<![\w./$~{<])/(?:root|home/[a-z]\w*|Users/[a-z]\w*|work|workspace)/")
NOT_TEXT = {".png", ".svg", ".ico", ".woff2", ".zst", ".gz", ".bin"}


def provider_names() -> frozenset[str]:
    return frozenset(provider.name for provider in PROVIDERS)


def compared_strings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every string literal that is compared or matched with something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                yield from (
                    (leaf.value, leaf.lineno)
                    for leaf in ast.walk(side)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                )
        elif isinstance(node, ast.MatchValue) and isinstance(node.value, ast.Constant):
            yield str(node.value.value), node.lineno


def test_the_catalog_names_the_providers() -> None:
    assert {"openai", "anthropic"} <= provider_names()


def test_nobody_outside_providers_compares_a_providers_name() -> None:
    names = provider_names()
    assert [
        f"{name_of(path)}:{line} {text}"
        for path in python_files("src")
        if PACKAGE / "providers" not in path.parents
        for text, line in compared_strings(parsed(path))
        if text in names
    ] == []


def text_of(path: Path) -> str:
    return "" if path.suffix in NOT_TEXT else path.read_text(errors="replace")


def test_no_file_names_somebodys_machine() -> None:
    assert [
        f"{name_of(path)}:{number}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ] == []


def test_locks_name_no_host_and_hash_every_release() -> None:
    for path in sorted((PACKAGE.parents[1] / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text, path
        assert "--index" not in text, path
        assert "--find-links" not in text, path
        pins = re.findall(r"^[a-z0-9][a-z0-9._-]*==", text, re.MULTILINE)
        assert pins, path
        entries = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
