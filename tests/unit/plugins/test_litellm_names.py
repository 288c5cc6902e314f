from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from sekisho.plugins.authentication import UserAPIKeyAuth, UserRole
from sekisho.plugins.litellm_names import ProxyException, stand_in

OURS = ("litellm", "litellm.proxy", "litellm.proxy._types")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = {name: sys.modules.pop(name) for name in OURS if name in sys.modules}
    yield
    for name in OURS:
        sys.modules.pop(name, None)
    sys.modules.update(before)


def test_the_names_that_files_take_from_litellm() -> None:
    stand_in()
    types = importlib.import_module("litellm.proxy._types")
    assert (types.UserAPIKeyAuth, types.LitellmUserRoles) == (UserAPIKeyAuth, UserRole)
    assert types.LitellmUserRoles.PROXY_ADMIN_VIEW_ONLY.value == "proxy_admin_viewer"
    assert importlib.util.find_spec("litellm") is not None


@pytest.mark.parametrize("where", OURS)
def test_every_other_name_says_what_is_here(where: str) -> None:
    stand_in()
    with pytest.raises(ImportError, match=r"stands in for UserAPIKeyAuth, LitellmUserRoles, ProxyException"):
        importlib.import_module(where).completion  # noqa: B018
    assert not hasattr(importlib.import_module(where), "__wrapped__")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("litellm.integrations")


def test_a_litellm_that_is_there_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("litellm")
    monkeypatch.setitem(sys.modules, "litellm", real)
    stand_in()
    assert sys.modules["litellm"] is real
    assert "litellm.proxy._types" not in sys.modules


@pytest.mark.parametrize(("code", "status"), [(429, 429), ("403", 403), (None, 401), ("odd", 401)])
def test_an_exception_with_litellms_arguments(code: int | str | None, status: int) -> None:
    raised = ProxyException(message="No.", type="auth_error", param="api_key", code=code)
    assert (raised.message, raised.status) == ("No.", status)
    assert ProxyException("No.", "auth_error", "api_key").status == 401
