"""One flat, unique wire name for each tool, for dialects without namespaces; and the way back.

Must stay true: a pure function of the request's tool list, so the same conversation gives the same bytes and the
reply's names find their tools again; a name that is legal and unique stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from sekisho.canonical.request import Request, Tool, ToolCall

#: What Anthropic and OpenAI both accept as a function name (64 is OpenAI's limit, the tighter one).
LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
#: The one argument of a function that stands for a custom (free-text) tool.
CUSTOM_ARGUMENT = "input"

_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ToolNames:
    """The wire name of every tool of one request, also of those that only the history knows."""

    def __init__(self, request: Request) -> None:
        #: Wire name -> tool, in order.
        self.offered: dict[str, Tool] = wire_names(request.tools)
        self._wire = {(tool.name, tool.namespace): name for name, tool in self.offered.items()}

    def of(self, name: str, namespace: str | None = None) -> str:
        """The wire name of a call in the history."""
        found = self._wire.get((name, namespace))
        if found is None:
            found = self._wire[name, namespace] = legal_name(name)
        return found

    def wanted(self, name: str) -> str:
        """The wire name of the tool that the caller insists on; callers name it without its namespace."""
        return next((wire for wire, tool in self.offered.items() if name in (wire, tool.name)), legal_name(name))


def callable_tools(request: Request) -> tuple[Tool, ...]:
    """Those of the tools on offer that the caller lets the model call."""
    choice = request.tool_choice
    if choice is None or choice.allowed is None:
        return request.tools
    return tuple(tool for tool in request.tools if tool.name in choice.allowed)


def narrowed(request: Request, *, told: bool) -> Request:
    """`request` with no other tools on offer than those, except where the target is `told` which it may call: then all
    stay, and with them the beginning that a prompt cache knows.
    """
    choice = request.tool_choice
    if choice is None or choice.allowed is None:
        return request
    tools = callable_tools(request)
    if told and 0 < len(tools) < len(request.tools):
        return request
    return replace(request, tools=tools, tool_choice=replace(choice, allowed=None))


def wire_names(tools: tuple[Tool, ...]) -> dict[str, Tool]:
    """Wire name -> tool, in order."""
    seen = Counter(tool.name for tool in tools)
    names: dict[str, Tool] = {}
    for tool in tools:
        name = tool.name if seen[tool.name] == 1 else f"{tool.namespace or 'tool'}__{tool.name}"
        names[legal_name(name)] = tool
    return names


def wire_name(request: Request, name: str, namespace: str | None) -> str:
    """The wire name of a call in the history, also when its tool is no longer offered."""
    for wire, tool in wire_names(request.tools).items():
        if tool.name == name and tool.namespace == namespace:
            return wire
    return legal_name(name)


def legal_name(name: str) -> str:
    """`name`, or a stable stand-in when a provider would refuse it."""
    if LEGAL.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:55] + "_" + digest


def custom_schema() -> dict[str, Any]:
    """The JSON schema under which a custom tool is offered as a function: one string."""
    described: dict[str, Any] = {"type": "string", "description": "The tool's whole input, as free text."}
    return {"type": "object", "properties": {CUSTOM_ARGUMENT: described}, "required": [CUSTOM_ARGUMENT]}


def custom_input(arguments: Mapping[str, Any]) -> str:
    """The free text out of the arguments that a model gave such a function."""
    value = arguments.get(CUSTOM_ARGUMENT, "")
    return value if isinstance(value, str) else ""


def tool_description(tool: Tool) -> str | None:
    """What a model is told of a tool: a free-text tool's grammar too, where it cannot be enforced."""
    form = tool.format or {}
    if not tool.custom or not isinstance(form.get("definition"), str):
        return tool.description
    grammar = f"The input follows this {form.get('syntax', '')} grammar:\n{form['definition']}"
    return f"{tool.description}\n\n{grammar}" if tool.description else grammar


def tool_input(call: ToolCall) -> msgspec.Raw:
    """The call's arguments as a JSON object: as written, {} where the model wrote none that can be read."""
    if call.custom:
        return msgspec.Raw(msgspec.json.encode({CUSTOM_ARGUMENT: call.arguments}))
    return json_object(call.arguments)


def json_object(text: str) -> msgspec.Raw:
    """`text` itself where it is a JSON object, else {}."""
    try:
        _object_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return msgspec.Raw(b"{}")
    return msgspec.Raw(text.encode())
