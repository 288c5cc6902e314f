from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata

from tests.architecture.tree import ROOT

ADR = ROOT / "docs" / "adr" / "0002-dependencies.md"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Licences that would bind those who run or change the gateway. The LGPL is not among them, nor the MPL.
COPYLEFT = re.compile(r"(?<!L)(?<!Lesser )\b(?:A?GPL|GNU (?:Affero )?General Public)", re.IGNORECASE)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """The direct dependencies in pyproject.toml, of the product, its extras and its tools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    found = [NAME.match(line) for lines in lists for line in lines]
    return {canonical(match.group()) for match in found if match}


def rows() -> set[str]:
    """The names in the first column of the record's tables."""
    return {canonical(name) for name in re.findall(r"^\| `([^`]+)` \|", ADR.read_text(), re.MULTILINE)}


def locked(file: str) -> list[str]:
    text = (ROOT / "requirements" / file).read_text()
    return re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.MULTILINE)


def test_each_dependency_has_its_line_of_reason() -> None:
    assert declared() - rows() == set()


def test_no_line_of_reason_outlives_its_dependency() -> None:
    assert rows() - declared() == set()


def test_nothing_that_runs_is_under_the_gpl() -> None:
    licences: dict[str, str] = {}
    for name in locked("runtime.txt"):
        try:
            facts = metadata(name)
        except PackageNotFoundError:  # locked for another platform
            continue
        classifiers = [line for line in facts.get_all("Classifier", []) if line.startswith("License")]
        # The old field may hold the whole licence text; its first line names it.
        named = [text.split("\n")[0] for key in ("License-Expression", "License") for text in facts.get_all(key, [])]
        licences[name] = " ".join([*named, *classifiers])
    assert licences["uvicorn"]
    assert {name: licence for name, licence in licences.items() if COPYLEFT.search(licence)} == {}
