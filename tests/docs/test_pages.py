from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sekisho.cli.main import VERBS
from tests.sdks.clients import CLIENTS
from tests.sdks.deeds import DEEDS
from tests.sdks.page import page as matrix
from tests.sdks.providers import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_pages_made_from_the_code_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_docs.py", "--check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_link_leads_somewhere() -> None:
    assert [
        f"{page.relative_to(ROOT)}: {link}"
        for page in PAGES
        for link in LINK.findall(page.read_text())
        if not (page.parent / link).exists()
    ] == []


def test_what_a_page_tells_one_to_run_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    verbs = {verb for verb, *_ in VERBS}
    unknown = []
    for page in PAGES:
        text = page.read_text()
        unknown += [
            f"make {word}" for word in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE) if word not in targets
        ]
        unknown += [f"sekisho {word}" for word in re.findall(r"bin/sekisho ([a-z-]+)", text) if word not in verbs]
    assert unknown == []


def test_both_languages_tell_the_same() -> None:
    english, japanese = ((ROOT / name).read_text() for name in ("README.md", "README.ja.md"))

    def bones(text: str) -> tuple[list[str], list[str]]:
        """The headings' levels and the pages linked to, in either language, but for the two to each other."""
        links = [link.replace(".ja.md", ".md") for link in LINK.findall(text) if not link.startswith("README")]
        return re.findall(r"^#+", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE), links

    assert bones(english) == bones(japanese)


def test_the_makefile_keeps_its_small_vocabulary() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    words = {"setup", "demo", "test", "test-real", "check", "bench", "agents", "soak", "docs", "help"}
    assert set(phony.group(1).split()) == words


def test_every_sdk_gets_through_to_every_provider() -> None:
    """The page says what the last run found: nothing but ✓, for the SDKs and providers that are tested now."""
    green = {(client, provider): set(DEEDS) for client in CLIENTS for provider in PROVIDERS}
    assert (ROOT / "docs" / "matrix.md").read_text() == matrix(green), "make docs ARGS=--sdks"
