"""docs/matrix.md: which SDK gets through to which provider, as a run of tests/sdks found it.

Flows in: how each test ended. Flows out: the page. Must stay true: a cell says ✓ only where every deed of the pair was
done and none failed.
"""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from tests.sdks.clients import CLIENTS, PACKAGES
from tests.sdks.deeds import DEEDS
from tests.sdks.providers import PROVIDERS

#: Set this variable to have a run write the page.
WRITE = "SEKISHO_WRITE_MATRIX"
PATH = Path(__file__).resolve().parents[2] / "docs" / "matrix.md"
GREEN = "✓"
HEAD = """# Which SDK, to which provider

<!-- Written by `make docs ARGS=--sdks`, which runs tests/sdks. -->

The vendors' own Python SDKs, unmodified but for the address, call a running gateway; behind it the scripted provider
plays each kind of provider. {packages}.

{legend}

{table}

A ✓ stands for all of these:

{deeds}

In `make test-real` the same SDKs call a real server, llama.cpp's, by each of the three APIs that it has.
[translation.md](translation.md) says what becomes of each feature between two dialects.
"""


class Page:
    """What was seen of each pair."""

    def __init__(self) -> None:
        self._passed: dict[tuple[str, str], set[str]] = defaultdict(set)

    def see(self, passed: bool, told: dict[str, object]) -> None:  # noqa: FBT001 - as pytest reports it
        """How one test ended; `told` names its client, provider and deed."""
        if passed and "deed" in told:
            self._passed[str(told["client"]), str(told["provider"])].add(str(told["deed"]))

    def write(self) -> None:
        """Put it into docs/."""
        PATH.write_text(page(self._passed))


def page(passed: dict[tuple[str, str], set[str]]) -> str:
    """The page for what has passed: (client, provider) -> deeds."""
    numbers = {name: str(number) for number, name in enumerate(PROVIDERS, start=1)}
    lines = [["called by", *numbers.values()], ["---"] * (len(numbers) + 1)]
    lines += [[client, *(_cell(passed.get((client, name), set())) for name in numbers)] for client in CLIENTS]
    return HEAD.format(
        packages=", ".join(f"{name} {version(name)}" for name in PACKAGES),
        legend="\n".join(f"{number}. {PROVIDERS[name].title}" for name, number in numbers.items()),
        table="\n".join(f"| {' | '.join(line)} |" for line in lines),
        deeds="\n".join(f"- **{name}**: {deed.means}" for name, deed in DEEDS.items()),
    )


def _cell(done: set[str]) -> str:
    """✓, or the deeds that failed."""
    return ", ".join(f"✗ {name}" for name in DEEDS if name not in done) or GREEN
