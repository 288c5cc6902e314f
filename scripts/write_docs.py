"""The pages of docs/ that are made from the code. `--check` writes nothing, and ends with 1 where one is stale.

In: the settings' docstrings, the command line, the catalog of providers, the list of paths, the codecs; with `--sdks`
a run of tests/sdks instead. Out: Markdown.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import typer

from sekisho.api.llm.routes import SURFACES
from sekisho.cli.main import VERBS
from sekisho.config import reference as settings
from sekisho.providers.catalog import PROVIDERS

# Options that every command has.
HELPERS = re.compile(r"--(help|install-completion|show-completion)\b")
DOCS = Path(__file__).resolve().parents[1] / "docs"

REFERENCE = """# Commands, paths and providers

<!-- Made by `make docs` from the code. -->

## Commands

`.venv/bin/sekisho VERB --help` says the same.

{commands}

## Paths

What agents and SDKs call. Each is served with and without its `/v1`.

{paths}

## Providers

The prefix of a model in `litellm_params.model`. Any other server that speaks one of these dialects is reached with
`api_base`.

{providers}
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def parameters(command: Any) -> str:
    """A table of a command's arguments and options."""
    context = click.Context(command)
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [(f"`{record[0]}`", record[1]) for record in records if record and not HELPERS.search(record[0])]
    return table(("option", "meaning"), rows) if rows else ""


def command(words: str, found: Any) -> str:
    """A heading, what it does, its options, and the same for its own verbs."""
    parts = [f"### sekisho {words}", inspect.cleandoc(found.help or ""), parameters(found)]
    parts += [command(f"{words} {name}", verb) for name, verb in getattr(found, "commands", {}).items()]
    return "\n\n".join(part for part in parts if part)


def commands() -> str:
    pages = []
    for verb, module, name in VERBS:
        found = getattr(importlib.import_module(module), name)
        app = found
        if not isinstance(found, typer.Typer):
            app = typer.Typer(add_completion=False)
            app.command(verb)(found)
        pages.append(command(verb, typer.main.get_command(app)))
    return "\n\n".join(pages)


def paths() -> str:
    rows = [(surface.method, f"`{surface.path}`", surface.dialect, surface.operation) for surface in SURFACES]
    return table(("method", "path", "dialect", "operation"), rows)


def providers() -> str:
    rows = [
        (
            f"`{provider.name}/`",
            ", ".join(provider.dialects),
            f"`{provider.base_url}`" if provider.base_url else "`api_base`",
            ", ".join(f"`{name}`" for name in provider.key_variables) or "–",
            f"[documentation]({provider.docs_url})",
        )
        for provider in PROVIDERS
    ]
    return table(("prefix", "dialects", "address", "key from", "by"), rows)


def reference() -> str:
    return REFERENCE.format(commands=commands(), paths=paths(), providers=providers())


def management() -> str:
    sys.path.insert(0, str(DOCS.parent))
    page: str = importlib.import_module("scripts.management_page").page()
    return page


def translation() -> str:
    sys.path.insert(0, str(DOCS.parent))
    page: str = importlib.import_module("scripts.translation.page").page()
    return page


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": settings.reference_page,
    "management.md": management,
    "reference.md": reference,
    "translation.md": translation,
}


def stale() -> list[str]:
    """The pages that are not what the code says now."""
    return [name for name, make in PAGES.items() if not (DOCS / name).is_file() or (DOCS / name).read_text() != make()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--sdks", action="store_true", help="run the SDKs through the gateway for docs/matrix.md")
    options = parser.parse_args()
    names = stale()
    if options.sdks:
        environment = {**os.environ, "SEKISHO_WRITE_MATRIX": "1"}
        run = [sys.executable, "-m", "pytest", "-q", "tests/sdks"]
        return subprocess.run(run, cwd=DOCS.parent, env=environment, check=False).returncode
    if options.check:
        sys.stdout.writelines(f"docs/{name} is stale: make docs\n" for name in names)
        return 1 if names else 0
    for name in names:
        (DOCS / name).write_text(PAGES[name]())
        sys.stdout.write(f"docs/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
