from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from sekisho.core.errors import OperatorError
from sekisho.identity.custom.load import GROUP, cache_seconds_of, function_named, function_offered, place_of

INSTALLED = "test_of_custom_auth"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    path, names = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - names:
        del sys.modules[name]


def offer(folder: Path, package: str, *names: str) -> None:
    """An installed package with entry points, as pip lays it down."""
    (folder / f"{package}.py").write_text("def f(request, key):\n    return key\n\n\nnone = 7\n")
    info = folder / f"{package}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(f"{name}\n" for name in names))
    sys.path.insert(0, str(folder))


def call(function: Any) -> Any:
    return function(None, "key")


def test_a_module_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("WORD = 'helped'\n")
    (tmp_path / "json.py").write_text("import helper\n\n\ndef f(request, key):\n    return helper.WORD, key\n")
    assert call(function_named("json.f", tmp_path)) == ("helped", "key"), "it is not Python's own json"
    assert "f" not in vars(sys.modules["json"]), "which others still get"
    (tmp_path / "json.py").write_text("def f(request, key):\n    return 'anew'\n")
    assert call(function_named("json.f", tmp_path)) == "anew"


def test_a_module_in_a_folder_and_an_installed_one(tmp_path: Path) -> None:
    (tmp_path / "company").mkdir()
    (tmp_path / "company" / "auth.py").write_text("def f(request, key):\n    return key * 2\n")
    assert call(function_named("company.auth.f", tmp_path)) == "keykey"
    assert function_named("os.path.join", tmp_path)("a", "b") == "a/b"


@pytest.mark.parametrize(
    ("dotted", "told"),
    [
        ("f", "write module.function"),
        ("a-b.f", "write module.function"),
        ("/etc/passwd.f", "write module.function"),
        ("nowhere.f", "there is no nowhere.py in"),
        ("broken.f", "'broken' cannot be loaded: ValueError in broken.py:1"),
        ("typo.f", "'typo' cannot be loaded: SyntaxError"),
        ("good.g", "good.g is not there, or no function"),
        ("good.n", "good.n is not there, or no function"),
    ],
)
def test_what_is_wrong_with_it_is_told(tmp_path: Path, dotted: str, told: str) -> None:
    (tmp_path / "broken.py").write_text("raise ValueError('CANARY')\n")
    (tmp_path / "typo.py").write_text("def CANARY(:\n")
    (tmp_path / "good.py").write_text("n = 1\n")
    with pytest.raises(OperatorError) as refused:
        function_named(dotted, tmp_path)
    assert told in str(refused.value)
    assert "CANARY" not in str(refused.value)


def test_a_function_that_a_package_offers(tmp_path: Path) -> None:
    offer(tmp_path, INSTALLED, f"acme = {INSTALLED}:f", f"none = {INSTALLED}:none", f"gone = {INSTALLED}:gone")
    assert call(function_offered("acme")) == "key"
    for name, told in (
        ("other", r"no installed package offers 'other' .* There are: acme, gone, none"),
        ("none", "is not there, or no function"),
        ("gone", "cannot be loaded: AttributeError"),
    ):
        with pytest.raises(OperatorError, match=told):
            function_offered(name)


def test_two_of_one_name_are_none(tmp_path: Path) -> None:
    for package in ("one", "two"):
        (tmp_path / package).mkdir()
        offer(tmp_path / package, f"{INSTALLED}_{package}", f"acme = {INSTALLED}_{package}:f")
    assert EntryPoint(name="a", value="b", group=GROUP).group == "sekisho.authentication"
    with pytest.raises(OperatorError, match="more than one installed package offers 'acme'"):
        function_offered("acme")


@pytest.mark.parametrize("seconds", [-1, 4000, "60", None])
def test_an_answer_is_kept_for_a_time(seconds: object) -> None:
    def function(_request: object, key: str) -> str:
        return key

    assert cache_seconds_of(function) == 0
    function.cache_seconds = 60  # type: ignore[attr-defined]
    assert cache_seconds_of(function) == 60
    function.cache_seconds = seconds  # type: ignore[attr-defined]
    with pytest.raises(OperatorError, match="cache_seconds"):
        cache_seconds_of(function)


def test_an_exception_is_told_by_type_and_place() -> None:
    assert place_of(ValueError("CANARY")) == "ValueError"
