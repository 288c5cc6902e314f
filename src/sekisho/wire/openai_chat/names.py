"""The caller's own tools, found again by the name that went over the wire.

Flows in: a call as a provider made it. Flows out: the call as the caller declared it. Must stay true: a name that is
no tool of the request passes as it is; a custom tool that had to travel as a function comes back as a custom call.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sekisho.canonical.request import Request, ToolCall
from sekisho.canonical.tools import custom_input, wire_names

Body = dict[str, Any]


class CallerTools:
    """The tools of one request."""

    def __init__(self, request: Request) -> None:
        self._tools = wire_names(request.tools)

    def name(self, wire: str) -> str:
        """The caller's name of the tool that `wire` stands for."""
        tool = self._tools.get(wire)
        return wire if tool is None else tool.name

    def travels_as_function(self, wire: str, *, custom: bool) -> bool:
        """Whether `wire` is a custom tool of the caller that the provider was shown as a function."""
        tool = self._tools.get(wire)
        return tool is not None and tool.custom and not custom

    def call_body(self, call: ToolCall) -> Body:
        """A whole tool call in this dialect."""
        name = self.name(call.name)
        if self.travels_as_function(call.name, custom=call.custom):
            return {"id": call.id, "type": "custom", "custom": {"name": name, "input": free_text(call.arguments)}}
        if call.custom:
            return {"id": call.id, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = call.arguments if call.arguments.strip() else "{}"
        return {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}


def free_text(arguments: str) -> str:
    """The input of a custom tool out of the function's arguments; what is no such JSON is taken as the input."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    return custom_input(value) if isinstance(value, dict) else arguments
