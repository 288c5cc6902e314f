"""Stands in for the few names that a `custom_auth` file takes from litellm, where litellm is not installed.

Flows in: nothing. Flows out: modules `litellm`, `litellm.proxy` and `litellm.proxy._types` for `import` to find. Must
stay true: a litellm that is installed is left alone; every other name of it is an ImportError that says what to do.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from sekisho.plugins.authentication import Refused, UserAPIKeyAuth, UserRole


class ProxyException(Refused):
    """LiteLLM's: an error whose message the caller is to see."""

    def __init__(self, message: str, *_: Any, code: int | str | None = 401, **_more: Any) -> None:
        super().__init__(message, int(code) if code is not None and str(code).isdigit() else 401)


_NAMES = {"UserAPIKeyAuth": UserAPIKeyAuth, "LitellmUserRoles": UserRole, "ProxyException": ProxyException}


def stand_in() -> None:
    """Make the names importable."""
    if "litellm" in sys.modules or find_spec("litellm") is not None:
        return
    for name in ("litellm", "litellm.proxy", "litellm.proxy._types"):
        sys.modules[name] = _module(name)
    sys.modules["litellm"].__dict__["proxy"] = sys.modules["litellm.proxy"]
    sys.modules["litellm.proxy"].__dict__["_types"] = sys.modules["litellm.proxy._types"]
    sys.modules["litellm.proxy._types"].__dict__.update(_NAMES, __all__=list(_NAMES))


def _module(name: str) -> ModuleType:
    module = ModuleType(name, "Sekisho's stand-in for litellm, which is not installed.")
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__path__ = []

    def missing(wanted: str) -> Any:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        raise ImportError(
            f"'{wanted}' of {name} is not here: litellm is not installed, and Sekisho stands in for "
            f"{', '.join(_NAMES)} of litellm.proxy._types only.",
            name=name,
        )

    module.__dict__["__getattr__"] = missing
    return module
