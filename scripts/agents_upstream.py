"""The agents' scripted provider (../shared/agents/server.py), and one thing more that a real model can do.

A freeform tool (Codex's `exec`, raw JavaScript) reaches a provider of another dialect as a function with one text
parameter. The scripted provider knows it in its first form only; here it is called in the second as well.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

SERVER = Path(__file__).resolve().parents[2] / "shared" / "agents" / "server.py"
FREEFORM_TOOL = "exec"


def load(path: Path) -> Any:
    """A program as a module, without running it."""
    spec = importlib.util.spec_from_file_location("scripted_provider", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    server = load(SERVER)
    decide = server.decide

    def decide_as_function(shape: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the script does next; where it would only talk, it calls the freeform tool in its function form."""
        decision: dict[str, Any] = decide(shape, body)
        offered = {tool[0]: tool[1] for tool in server.norm_tools(shape, body) if tool[2] == "function"}
        finished = server.tool_result_text(shape, body) is not None
        if decision["kind"] == "tool" or finished or server.wants_json(shape, body) is not None:
            return decision
        parameters = list(offered.get(FREEFORM_TOOL, {}).get("properties", {}))
        if len(parameters) != 1:
            return decision
        source = f'const r = await tools.exec_command({{cmd: "{server.CMD}"}}); text(JSON.stringify(r));'
        return {"kind": "tool", "name": FREEFORM_TOOL, "args": {parameters[0]: source}, "ttype": "function", "ns": None}

    server.decide = decide_as_function
    server.main()


if __name__ == "__main__":
    main()
