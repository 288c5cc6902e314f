"""Finds a company's own function: by LiteLLM's dotted name beside config.yaml, or by an entry point of a package.

Flows in: a name. Flows out: the function, or OperatorError saying what is wrong with it. Must stay true: nothing of it
runs unless it is configured; an exception of its own shows its type and place, not its text, which may hold a secret.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from sekisho.core.errors import OperatorError
from sekisho.plugins.litellm_names import stand_in

#: (request, key) -> who calls; a coroutine function or a plain one.
Function = Callable[[Any, str], Any]

#: The group of entry points in which packages offer functions.
GROUP = "sekisho.authentication"
_CACHE_SECONDS_MAX = 3_600
#: A module beside config.yaml is known to Python under this and its own name: it must not hide an installed one.
_PREFIX = "sekisho_custom_auth_"


def function_named(dotted: str, folder: Path) -> Function:
    """`module.function`: of a file in `folder` (that of config.yaml), else of an installed module. Raises OperatorError
    where it cannot be had.
    """
    path, _, name = dotted.rpartition(".")
    if not path or not all(part.isidentifier() for part in dotted.split(".")):
        raise OperatorError(f"custom_auth: '{dotted}' is no function: write module.function.")
    stand_in()
    try:
        module = _module(path, folder)
    except Exception as error:  # of other people's code
        raise OperatorError(f"custom_auth: {_why(error, path, folder)}") from None
    return _callable(getattr(module, name, None), f"custom_auth: {dotted}")


def function_offered(name: str) -> Function:
    """The function that an installed package offers under this name. Raises OperatorError, also where two do."""
    offered = [point for point in entry_points(group=GROUP) if point.name == name]
    if len(offered) != 1:
        known = ", ".join(sorted({point.name for point in entry_points(group=GROUP)})) or "none"
        found = "no installed package offers" if not offered else "more than one installed package offers"
        raise OperatorError(f"authentication.plugin: {found} '{name}' in the group {GROUP}. There are: {known}.")
    try:
        loaded = offered[0].load()
    except Exception as error:  # of other people's code
        raise OperatorError(f"authentication.plugin: '{name}' cannot be loaded: {place_of(error)}.") from None
    return _callable(loaded, f"authentication.plugin: '{name}'")


def cache_seconds_of(function: Function) -> float:
    """For how long the function says that its answer to a key holds (its attribute `cache_seconds`). Raises
    OperatorError where that is no time.
    """
    seconds = getattr(function, "cache_seconds", 0)
    if not isinstance(seconds, (int, float)) or not 0 <= seconds <= _CACHE_SECONDS_MAX:
        raise OperatorError(f"custom_auth: cache_seconds must be between 0 and {_CACHE_SECONDS_MAX} seconds.")
    return float(seconds)


def place_of(error: BaseException) -> str:
    """The type of an exception and the line that raised it, without its text."""
    place: TracebackType | None = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    return f"{type(error).__name__} in {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"


def _module(path: str, folder: Path) -> ModuleType:
    file = folder.joinpath(*path.split(".")).with_suffix(".py")
    if not file.is_file():
        return importlib.import_module(path)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # for what the file imports from beside it; last, so that it hides nothing
    name = _PREFIX + path.replace(".", "_")
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _why(error: Exception, path: str, folder: Path) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == path.partition(".")[0]:
        return f"there is no {path.replace('.', '/')}.py in {folder}, nor an installed module '{path}'."
    if isinstance(error, ModuleNotFoundError):
        return f"'{path}' needs the module '{error.name}', which is not installed in Sekisho's environment."
    if isinstance(error, ImportError):
        return f"'{path}' cannot be imported: {error.msg}"
    return f"'{path}' cannot be loaded: {place_of(error)}."


def _callable(found: object, what: str) -> Function:
    if not callable(found):
        raise OperatorError(f"{what} is not there, or no function.")
    return found
