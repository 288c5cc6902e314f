from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.tree import PACKAGE, TESTS, functions, name_of, python_files, type_of_function

UNIT = TESTS / "unit"


def sources() -> set[str]:
    """Source files that do something: one with types and protocols only has nothing that could fail."""
    return {path.relative_to(PACKAGE).as_posix() for path in python_files("src") if any(map(acts, functions(path)))}


def acts(function: type_of_function) -> bool:
    """Whether there is more to it than a docstring or `...`."""
    return not all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in function.body)


def mirror_of(source: str) -> str:
    """`policy/admit.py` is tested by `policy/test_admit.py`."""
    path = Path(source)
    return (path.parent / f"test_{path.name}").as_posix()


def test_every_source_file_has_its_test_file() -> None:
    assert sorted(source for source in sources() if not (UNIT / mirror_of(source)).is_file()) == []


def test_every_test_file_has_its_source_file() -> None:
    """A long test file may be split by aspect: test_stream_tools.py still tests stream.py."""
    orphans = []
    for path in sorted(UNIT.rglob("test_*.py")):
        words = path.stem.removeprefix("test_").split("_")
        folder = path.parent.relative_to(UNIT)
        owners = ["_".join(words[:count]) + ".py" for count in range(1, len(words) + 1)]
        if not any((PACKAGE / folder / owner).is_file() for owner in owners):
            orphans.append(name_of(path))
    assert orphans == []


def can_fail(function: type_of_function, helpers: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            if name in helpers or name in {"raises", "fail", "warns"} or name.startswith(("assert_", "check_")):
                return True
    return False


def test_every_test_can_fail() -> None:
    """Each holds an assertion, or calls a helper of the tests that holds one."""
    every = [(path, function) for path in python_files("tests") for function in functions(path)]
    helpers = {function.name for _, function in every if can_fail(function, set())}
    toothless = [
        f"{name_of(path)} {function.name}"
        for path, function in every
        if path.name.startswith("test_") and function.name.startswith("test_") and not can_fail(function, helpers)
    ]
    assert toothless == []
