"""`sekisho check-config FILE`: what the gateway would say about a configuration, without starting it.

Flows in: a file and the process's environment. Flows out: a summary with warnings and exit code 0, or every problem
and exit code 1. Must stay true: it loads exactly as `sekisho serve` does; no value of the file is printed but names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from sekisho.config.load import load_settings
from sekisho.config.model import Settings
from sekisho.config.problems import ConfigError, Problem
from sekisho.ledger.prices import unread_costs
from sekisho.providers.deployment import resolve


def check_config(file: Annotated[Path, typer.Argument(help="The configuration, LiteLLM's config.yaml.")]) -> None:
    """Check a configuration file and say what is wrong or without effect."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = load_settings(file, os.environ)
    except ConfigError as error:
        _print_findings(console, "yellow", "warning", error.warnings)
        _print_findings(console, "red", "problem", error.problems)
        console.print(f"[red]{escape(str(file))} cannot be used: {len(error.problems)} to mend.[/red]")
        raise typer.Exit(1) from None
    warnings = (*settings.warnings, *_unusable(settings), *_unpriced(settings))
    _print_findings(console, "yellow", "warning", warnings)
    _print_summary(console, settings)
    console.print(f"[green]{escape(str(file))} can be used.[/green] Warnings: {len(warnings)}.")


def _unusable(settings: Settings) -> tuple[Problem, ...]:
    """Deployments that will answer every call with an error, beside those a missing variable was named for."""
    return tuple(
        Problem(entry.where.file, entry.where.line, "model_list[]", reason)
        for entry in settings.model_list
        if (reason := resolve(entry, settings).unusable) is not None and not entry.params.missing
    )


def _unpriced(settings: Settings) -> tuple[Problem, ...]:
    """Cost keys that no rate is made of."""
    message = "Accepted, without effect: the price of this kind is not counted in this release."
    return tuple(
        Problem(entry.where.file, entry.where.line, f"model_list[].{key}", message)
        for entry in settings.model_list
        for costs in (entry.params.costs, *(dated.costs for dated in entry.info.prices))
        for key in unread_costs(costs)
    )


def _print_findings(console: Console, colour: str, word: str, findings: tuple[Problem, ...]) -> None:
    for finding in findings:
        console.print(f"[{colour}]{word}[/{colour}] {escape(str(finding))}")


def _print_summary(console: Console, settings: Settings) -> None:
    table = Table(*(Column(title, overflow="fold") for title in ("model", "provider", "deployments", "asks for")))
    for name in dict.fromkeys(entry.model_name for entry in settings.model_list):
        entries = [entry for entry in settings.model_list if entry.model_name == name]
        asked = dict.fromkeys(entry.params.model for entry in entries)
        providers = dict.fromkeys(resolve(entry, settings).provider.name for entry in entries)
        table.add_row(escape(name), escape(", ".join(providers)), str(len(entries)), escape(", ".join(asked)))
    for alias, target in settings.router.model_group_alias.items():
        table.add_row(escape(alias), "", "", f"alias of {escape(target.model)}")
    if table.row_count:
        console.print(table)
