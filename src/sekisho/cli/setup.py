"""`sekisho setup AGENT`: point a coding agent at the gateway.

Flows in: an agent's name, the gateway's URL and a key. Flows out: the agent's own settings files, merged into what is
there, and a file of exports for what it reads from the environment. Must stay true: what was there is kept beside it;
the key is shown in full nowhere.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sekisho.cli.agent_settings import AGENTS, AgentSettings, exports, masked, settings_for
from sekisho.cli.settings_files import write_merged
from sekisho.core.errors import SekishoError

__all__ = ["AGENTS", "AgentSettings", "settings_for", "setup"]


def setup(
    agent: Annotated[str, typer.Argument(help=f"One of: {', '.join(AGENTS)}.")],
    *,
    key: Annotated[str, typer.Option(envvar="SEKISHO_API_KEY", help="Your virtual key (sk-…).", show_default=False)],
    base_url: Annotated[str, typer.Option(help="Where the gateway answers.")] = "http://127.0.0.1:4000",
    model: Annotated[str | None, typer.Option(help="The model that the agent asks for.")] = None,
    home: Annotated[Path | None, typer.Option(help="Write below this folder instead of your home.")] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Show the settings (the key shortened), write nothing.")
    ] = False,
) -> None:
    """Write the settings with which a coding agent works through the gateway."""
    try:
        settings = settings_for(agent, base_url, key, model)
        if print_only or settings.snippet:
            print(masked(settings.text(), key))
        else:
            for line in write_settings(settings, home or Path.home()):
                print(line)
    except SekishoError as error:
        print(f"sekisho: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def write_settings(settings: AgentSettings, home: Path) -> list[str]:
    """Write everything below `home`; what was done, a line each. Raises OperatorError when a file cannot be changed."""
    done = []
    for name, text in settings.files.items():
        copy = write_merged(home / name, text)
        done.append(f"Wrote {home / name}" + (f", what was there before is in {copy.name}." if copy else "."))
    if settings.environment:
        path = home / ".config" / "sekisho" / f"{settings.agent}.sh"
        write_merged(path, exports(settings.environment) + "\n")
        done.append(f"Wrote {path}. In each shell, or in your profile: . {path}")
    if settings.note:
        done.append(settings.note)
    return done
