from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.tree import functions, name_of, parsed, python_files, tracked_files, type_of_function

EVERYWHERE = ("src", "tests", "scripts", "bench")
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
POSITIONAL_MAX = 6
DOCSTRING_LINES = range(2, 7)
SHORT_FILE_LINES = 80
DOCSTRING_IS_THE_PAGE = {"src/sekisho/core/errors.py"}  # the tree of all errors, drawn
ARCHITECTURE_LINES_MAX = 200
# The rules that hold the shape: a limit with a way round it is no limit.
SHAPE_RULES = re.compile(r"#\s*(?:ruff:\s*)?noq[a](?!:\s*[A-Z])|#.*noq[a]:.*\b(?:C901|PLR09\d\d|E501)\b")


def lines_of(function: type_of_function) -> int:
    """Lines from `def` (or its first decorator) to the last statement."""
    first = min([function.lineno, *(node.lineno for node in function.decorator_list)])
    return (function.end_lineno or first) - first + 1


def positionals_of(function: type_of_function) -> int:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return len([name for name in names if name not in {"self", "cls"}])


def measured() -> Iterator[tuple[str, type_of_function]]:
    for path in python_files(*EVERYWHERE):
        for function in functions(path):
            yield f"{name_of(path)}:{function.lineno} {function.name}", function


def test_no_function_is_longer_than_a_screen() -> None:
    assert [where for where, function in measured() if lines_of(function) > FUNCTION_LINES_MAX] == []


def test_no_function_takes_more_positional_parameters_than_one_remembers() -> None:
    assert [where for where, function in measured() if positionals_of(function) > POSITIONAL_MAX] == []


def test_no_file_outgrows_its_subject() -> None:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in python_files(*EVERYWHERE)}
    assert {name: size for name, size in sizes.items() if size > FILE_LINES_MAX} == {}


def test_the_shape_has_no_way_round() -> None:
    assert [
        f"{name_of(path)}:{number}"
        for path in python_files(*EVERYWHERE)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if SHAPE_RULES.search(line)
    ] == []


def test_every_module_says_what_flows_through_it() -> None:
    """Two to six lines; a short file may do with one, and an `__init__` with none."""
    wrong = []
    for path in python_files("src"):
        text = ast.get_docstring(parsed(path)) or ""
        count = len([line for line in text.splitlines() if line.strip()])
        short = len(path.read_text().splitlines()) <= SHORT_FILE_LINES
        least = 0 if path.name in {"__init__.py", "__main__.py"} else 1 if short else DOCSTRING_LINES.start
        most = DOCSTRING_LINES.stop if name_of(path) not in DOCSTRING_IS_THE_PAGE else FILE_LINES_MAX
        if not least <= count < most:
            wrong.append(f"{name_of(path)}: {count} lines")
    assert wrong == []


def test_the_map_of_the_house_stays_a_map() -> None:
    maps = [path for path in tracked_files() if path.name == "ARCHITECTURE.md"]
    assert [name_of(path) for path in maps if len(path.read_text().splitlines()) > ARCHITECTURE_LINES_MAX] == []
