"""The program: its verbs, one line each. A verb's module is imported when the verb is called, so that none waits for
the others' imports.
"""

from __future__ import annotations

import importlib
import sys

import typer

from sekisho import __version__

#: verb -> (module, function, group or None), in the order of `sekisho --help`.
VERBS: tuple[tuple[str, str, str], ...] = (
    ("serve", "sekisho.cli.serve", "serve"),
    ("check-config", "sekisho.cli.check_config", "check_config"),
    ("explain", "sekisho.cli.explain", "explain"),
    ("setup", "sekisho.cli.setup", "setup"),
    ("ledger", "sekisho.cli.ledger", "app"),
    ("db", "sekisho.cli.db", "app"),
    ("import", "sekisho.cli.imports", "app"),
    ("convert", "sekisho.cli.convert", "convert"),
    ("fake-provider", "sekisho.cli.fake_provider", "fake_provider"),
    ("demo", "sekisho.cli.demo", "demo"),
)


def main() -> None:
    """Run the verb in sys.argv; without one, show them all."""
    if sys.argv[1:2] in (["--version"], ["-V"]):
        print(f"sekisho {__version__}")
        return
    wanted = [row for row in VERBS if row[0] == sys.argv[1]] if len(sys.argv) > 1 else []
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Sekisho: the checkpoint between coding agents and model providers.",
    )
    app.callback()(lambda: None)
    for verb, module, name in wanted or VERBS:
        function = getattr(importlib.import_module(module), name)
        if isinstance(function, typer.Typer):
            app.add_typer(function, name=verb)
        else:
            app.command(verb)(function)
    app()
