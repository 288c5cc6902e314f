"""Tools and the choice among them, both ways.

Flows in: `tools` of a request and of its `additional_tools` items; canonical tools. Flows out: canonical tools and the
hosted ones that were merely offered; the flat tool list for a provider. Must stay true: order is kept; a hosted tool
with access to data is refused, never dropped; `strict` is always explicit going out, because the API's default is true.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from sekisho.canonical.request import Request, Tool, ToolChoice
from sekisho.canonical.tools import callable_tools, legal_name, wire_names
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_responses.fields import Node, wrong

#: For errors: what cannot be said in any dialect but this one.
ELSEWHERE = "a dialect other than openai-responses"
#: Hosted tools that only widen what the model may do: the answer is whole without them.
_OFFERED = ("web_search", "tool_search", "image_generation")
_MODES: dict[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("any"),
}
_CHOICES = {"auto": "auto", "none": "none", "any": "required"}

#: (name, namespace) of a tool.
Key = tuple[str, str | None]


class Toolbox:
    """The tools of one request as they are read: the later definition of the same tool counts."""

    def __init__(self) -> None:
        self.tools: dict[Key, Tool] = {}
        #: Hosted tools that were offered, as `tools.<type>`.
        self.offered: dict[str, None] = {}

    def read(self, nodes: Iterable[Node], namespace: str | None = None) -> None:
        """Add `nodes`. Raises UnsupportedFeature for a hosted tool with access to data."""
        for node in nodes:
            kind = node.need_text("type")
            if kind == "function":
                self._add(_function(node, namespace))
            elif kind == "custom":
                self._add(_custom(node, namespace))
            elif kind == "namespace":
                self.read(node.children("tools"), node.need_text("name"))
            elif kind.startswith(_OFFERED):
                self.offered[f"tools.{kind}"] = None
            else:
                raise UnsupportedFeature(f"tools.{kind}", ELSEWHERE, "Leave this tool out.")

    def _add(self, tool: Tool) -> None:
        self.tools[tool.name, tool.namespace] = tool


def _function(node: Node, namespace: str | None) -> Tool:
    parameters = node.child("parameters")
    return Tool(
        name=node.need_text("name"),
        description=node.text("description"),
        parameters=parameters.values if parameters is not None else None,
        strict=node.flag("strict"),
        namespace=namespace,
    )


def _custom(node: Node, namespace: str | None) -> Tool:
    form = node.child("format")
    return Tool(
        name=node.need_text("name"),
        description=node.text("description"),
        custom=True,
        format=form.values if form is not None else None,
        namespace=namespace,
    )


def read_choice(source: Node, toolbox: Toolbox) -> ToolChoice | None:
    """`tool_choice`. Raises UnsupportedFeature when a hosted tool is forced."""
    value = source.values.get("tool_choice")
    if isinstance(value, str):
        if value == "required" and toolbox.offered and not toolbox.tools:
            raise UnsupportedFeature("tool_choice.required", ELSEWHERE, "Only hosted tools are offered.")
        return _mode(value, "tool_choice")
    node = source.child("tool_choice")
    if node is None:
        return None
    kind = node.need_text("type")
    if kind in {"function", "custom"}:
        return ToolChoice("tool", node.need_text("name"))
    if kind == "allowed_tools":
        return _allowed(node)
    raise UnsupportedFeature(f"tool_choice.{kind}", ELSEWHERE)


def _mode(word: str, path: str) -> ToolChoice:
    choice = _MODES.get(word)
    if choice is None:
        raise wrong(path, "auto, none, required, or an object")
    return choice


def _allowed(node: Node) -> ToolChoice:
    names = []
    for tool in node.children("tools"):
        kind = tool.need_text("type")
        if kind in {"function", "custom"}:
            names.append(tool.need_text("name"))
        elif not kind.startswith(_OFFERED):
            raise UnsupportedFeature(f"tool_choice.tools.{kind}", ELSEWHERE)
    return replace(_mode(node.need_text("mode"), node.where("mode")), allowed=tuple(names))


class Names:
    """What each tool of a request is called on the wire, in its definition and in the history."""

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        self._names = {(tool.name, tool.namespace): wire for wire, tool in wire_names(tools).items()}

    def of(self, name: str, namespace: str | None) -> str:
        """This dialect has namespaces itself, so only a name without one may need a stand-in."""
        return legal_name(name) if namespace else self._names.get((name, None)) or legal_name(name)


def write_tools(tools: tuple[Tool, ...], names: Names) -> list[dict[str, Any]]:
    """`tools` for a provider: flat, but for those that came in a namespace."""
    out: list[dict[str, Any]] = []
    spaces: dict[str, list[dict[str, Any]]] = {}
    for tool in tools:
        written = _write(tool, names.of(tool.name, tool.namespace))
        if tool.namespace is None:
            out.append(written)
        elif tool.namespace in spaces:
            spaces[tool.namespace].append(written)
        else:
            spaces[tool.namespace] = [written]
            space = {"type": "namespace", "name": tool.namespace, "description": "", "tools": spaces[tool.namespace]}
            out.append(space)
    return out


def _write(tool: Tool, name: str) -> dict[str, Any]:
    head: dict[str, Any] = {"type": "custom" if tool.custom else "function", "name": name}
    if tool.description is not None:
        head["description"] = tool.description
    if tool.custom:
        return head if tool.format is None else {**head, "format": tool.format}
    return {**head, "parameters": _parameters(tool), "strict": bool(tool.strict)}


def _parameters(tool: Tool) -> dict[str, Any]:
    if tool.parameters is not None:
        return tool.parameters
    nothing: dict[str, Any] = {"type": "object", "properties": {}}
    return {**nothing, "additionalProperties": False} if tool.strict else nothing


def write_choice(request: Request, names: Names) -> str | dict[str, Any] | None:
    """`tool_choice`, or None when the caller did not say (or offers no tool to choose)."""
    choice = request.tool_choice
    if choice is None or not request.tools:
        return None
    if choice.allowed is not None:
        tools = [_reference(tool, names) for tool in callable_tools(request)]
        return {"type": "allowed_tools", "mode": _CHOICES[choice.mode], "tools": tools}
    if choice.mode != "tool":
        return _CHOICES[choice.mode]
    tool = next((tool for tool in request.tools if tool.name == choice.name), None)
    if tool is None:
        return {"type": "function", "name": legal_name(choice.name or "")}
    return _reference(tool, names)


def _reference(tool: Tool, names: Names) -> dict[str, Any]:
    return {"type": "custom" if tool.custom else "function", "name": names.of(tool.name, tool.namespace)}
