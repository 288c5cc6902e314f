from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

from tests.architecture.tree import name_of, parsed, python_files


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("sekisho")
    sorter = TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    try:
        order = list(sorter.static_order())
    except CycleError as cycle:
        pytest.fail(" -> ".join(cycle.args[1]))
    assert "sekisho" in order


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every dotted name that this tree imports, as `package.name`, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def test_tests_replace_the_seam_and_not_the_function() -> None:
    assert [
        f"{name_of(path)}:{line}"
        for path in python_files("tests", "bench")
        for name, line in imported(parsed(path))
        if name.startswith("unittest.mock") or name.split(".")[0] in {"mock", "pytest_mock"}
    ] == []


def sleeps(tree: ast.AST) -> Iterator[int]:
    """Lines that sleep for more than a turn of the event loop."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}:
            turn_of_the_loop = [ast.unparse(argument) for argument in node.args] == ["0"]
            if not turn_of_the_loop:
                yield node.lineno


def test_no_test_sleeps() -> None:
    """A test waits for the event itself; a clock is passed in. The scripted upstreams may be slow on purpose."""
    assert [f"{name_of(path)}:{line}" for path in python_files("tests") for line in sleeps(parsed(path))] == []
