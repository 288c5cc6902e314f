from __future__ import annotations

from pathlib import Path
from typing import Any

from sekisho.config.include import load_tree
from sekisho.config.problems import Findings
from sekisho.config.read import plain


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "main.yaml"


def loaded(folder: Path, files: dict[str, str]) -> tuple[Any, bool, Findings]:
    findings = Findings()
    tree, complete = load_tree(written(folder, files), findings)
    return plain(tree), complete, findings


def test_lists_are_joined_and_sections_merged(tmp_path: Path) -> None:
    files = {
        "main.yaml": "include: [a.yaml]\nmodel_list: [1]\ngeneral_settings: {x: 1, z: 1}\n",
        "a.yaml": "model_list: [2]\ngeneral_settings: {y: 2, z: 2}\nrouter_settings: {r: 3}\n",
    }
    tree, complete, findings = loaded(tmp_path, files)
    assert tree == {"model_list": [1, 2], "general_settings": {"x": 1, "y": 2, "z": 2}, "router_settings": {"r": 3}}
    assert complete
    assert [problem.key for problem in findings.warnings] == ["general_settings.z"]
    assert "main.yaml:3" in findings.warnings[0].message


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    files = {"main.yaml": "include: sub/a.yaml", "sub/a.yaml": "include: [b.yaml]", "sub/b.yaml": "model_list: [1]"}
    assert loaded(tmp_path, files)[0] == {"model_list": [1]}


def test_the_same_file_twice_is_no_cycle(tmp_path: Path) -> None:
    files = {"main.yaml": "include: [a.yaml, a.yaml]", "a.yaml": "model_list: [1]"}
    assert loaded(tmp_path, files)[0] == {"model_list": [1, 1]}


def test_a_cycle_is_refused(tmp_path: Path) -> None:
    tree, complete, findings = loaded(tmp_path, {"main.yaml": "include: [a.yaml]", "a.yaml": "include: [main.yaml]"})
    assert tree == {}
    assert not complete
    assert [problem.message.endswith("includes itself.") for problem in findings.problems] == [True]


def test_a_chain_without_end_is_refused(tmp_path: Path) -> None:
    files = {f"{n}.yaml": f"include: [{n + 1}.yaml]" for n in range(120)}
    _, complete, findings = loaded(tmp_path, {"main.yaml": "include: [0.yaml]", **files})
    assert not complete
    assert "more than 100 files" in findings.problems[0].message


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    _, complete, findings = loaded(tmp_path, {"main.yaml": 'include: [absent.yaml, 3, ".", "a\\0b"]'})
    assert not complete
    assert [problem.line for problem in findings.problems] == [1, 1, 1, 1]
    assert "absent.yaml cannot be read" in findings.problems[0].message
    assert findings.problems[1].message == "Expected a list of file names."


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "main.yaml").write_bytes(b"a: \xff")
    findings = Findings()
    _, complete = load_tree(tmp_path / "main.yaml", findings)
    assert not complete
    assert findings.problems[0].message == "Not UTF-8 (byte 3)."
