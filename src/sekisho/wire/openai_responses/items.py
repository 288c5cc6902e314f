"""The items of a request's `input` -> turns of a conversation.

Flows in: `input` (a string or items), `instructions`. Flows out: canonical messages, and the tools that stood among
the items. Must stay true: order is kept; neighbouring items of the assistant are one turn, neighbouring outputs one
user turn; an item whose content lies on the provider's side is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from sekisho.canonical.request import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.seal import PREFIX, unseal
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_responses.fields import Node, wrong
from sekisho.wire.openai_responses.schema import ORIGIN
from sekisho.wire.openai_responses.tools import ELSEWHERE, Toolbox

Role = Literal["system", "user", "assistant"]
_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_INLINE = "Send the content itself (with store: false the items of earlier answers hold it)."


class Conversation:
    """The turns so far."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox
        #: Items that could not come along and whose absence only tunes the answer, as `input.<type>`.
        self.left_out: dict[str, None] = {}
        self._turns: list[tuple[Role, list[Part]]] = []
        self._last_was_output = False

    def messages(self) -> tuple[Message, ...]:
        """What was said, turn by turn."""
        return tuple(Message(role, tuple(parts)) for role, parts in self._turns if parts)

    def say(self, role: Role, parts: Iterable[Part]) -> None:
        """A turn of its own, unless the assistant goes on speaking."""
        if role == "assistant" and self._turns and self._turns[-1][0] == "assistant":
            self._turns[-1][1].extend(parts)
        else:
            self._turns.append((role, list(parts)))
        self._last_was_output = False

    def answer(self, result: ToolResult) -> None:
        """The output of a call: joins the outputs just before it."""
        if self._last_was_output:
            self._turns[-1][1].append(result)
        else:
            self._turns.append(("user", [result]))
        self._last_was_output = True


def read_input(source: Node, toolbox: Toolbox) -> Conversation:
    """`instructions` and `input`. Raises MalformedRequest, UnsupportedFeature."""
    conversation = Conversation(toolbox)
    instructions = source.text("instructions")
    if instructions:
        conversation.say("system", [Text(instructions)])
    value = source.values.get("input")
    if isinstance(value, str):
        conversation.say("user", [Text(value)])
        return conversation
    if not isinstance(value, list):
        raise wrong("input", "a string or a list of items")
    for item in source.children("input"):
        kind = item.text("type") or ("message" if item.has("role") else "item_reference")
        reader = _READERS.get(kind)
        if reader is None:
            raise UnsupportedFeature(f"{item.path} ({kind})", ELSEWHERE)
        reader(item, conversation)
    return conversation


def _message(item: Node, conversation: Conversation) -> None:
    role = _ROLES.get(item.need_text("role"))
    if role is None:
        raise wrong(item.where("role"), "user, assistant, system or developer")
    content = item.values.get("content")
    if isinstance(content, str):
        conversation.say(role, [Text(content)])
    elif isinstance(content, list):
        conversation.say(role, [_part(node) for node in item.children("content")])
    else:
        raise wrong(item.where("content"), "a string or a list of parts")


def _part(node: Node) -> Text | Refusal | Image | Document:
    kind = node.need_text("type")
    if kind == "refusal":
        return Refusal(node.need_text("refusal"))
    return _content(node, kind)


def _content(node: Node, kind: str) -> Text | Image | Document:
    if kind in {"input_text", "output_text", "text"}:
        return Text(node.need_text("text"))
    if kind == "input_image":
        return _image(node)
    if kind == "input_file":
        return _file(node)
    raise UnsupportedFeature(f"{node.path} ({kind})", ELSEWHERE)


def _image(node: Node) -> Image:
    _no_file_id(node)
    url, detail = node.need_text("image_url"), node.text("detail")
    split = _data_uri(url)
    if split is not None:
        return Image(media_type=split[0], data=split[1], detail=detail)
    return Image(url=url, detail=detail)


def _file(node: Node) -> Document:
    _no_file_id(node)
    name, url = node.text("filename"), node.text("file_url")
    if url is not None:
        return Document(url=url, name=name)
    data = node.need_text("file_data")
    # Without a data URI it is bare base64 of a PDF, the first format that the API took.
    media_type, content = _data_uri(data) or ("application/pdf", data)
    return Document(media_type=media_type, data=content, name=name)


def _no_file_id(node: Node) -> None:
    if node.has("file_id"):
        raise UnsupportedFeature(node.where("file_id"), ELSEWHERE, "Send the file's content or its URL.")


def _data_uri(url: str) -> tuple[str, str] | None:
    """(media type, base64) of a base64 data URI."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    return (media_type, data) if comma and "base64" in parameters else None


def _function_call(item: Node, conversation: Conversation) -> None:
    conversation.say("assistant", [_call(item, item.need_text("arguments"), custom=False)])


def _custom_call(item: Node, conversation: Conversation) -> None:
    conversation.say("assistant", [_call(item, item.need_text("input"), custom=True)])


def _call(item: Node, arguments: str, *, custom: bool) -> ToolCall:
    return ToolCall(
        id=item.need_text("call_id"),
        name=item.need_text("name"),
        arguments=arguments,
        custom=custom,
        namespace=item.text("namespace"),
        item_id=item.text("id"),
    )


def _function_output(item: Node, conversation: Conversation) -> None:
    conversation.answer(_output(item, custom=False))


def _custom_output(item: Node, conversation: Conversation) -> None:
    conversation.answer(_output(item, custom=True))


def _output(item: Node, *, custom: bool) -> ToolResult:
    value = item.values.get("output")
    parts: list[Text | Image | Document]
    if isinstance(value, str):
        parts = [Text(value)] if value else []
    elif isinstance(value, list):
        parts = [_content(node, node.need_text("type")) for node in item.children("output")]
    else:
        raise wrong(item.where("output"), "a string or a list of parts")
    return ToolResult(call_id=item.need_text("call_id"), parts=tuple(parts), custom=custom)


def _reasoning(item: Node, conversation: Conversation) -> None:
    shown = item.children("summary") or item.children("content")
    text = "\n\n".join(node.need_text("text") for node in shown)
    encrypted = item.text("encrypted_content")
    if encrypted is None and not text:  # only the provider that thought it knows what the id stands for
        conversation.left_out["input.reasoning"] = None
        return
    conversation.say("assistant", [_thought(text, encrypted, item.text("id"))])


def _thought(text: str, encrypted: str | None, item_id: str | None) -> Thinking | RedactedThinking:
    if encrypted is None:
        return Thinking(text=text, item_id=item_id)
    if not encrypted.startswith(PREFIX):
        return Thinking(text=text, signature=encrypted, origin=ORIGIN, item_id=item_id)
    sealed = unseal(encrypted)
    if sealed is None:  # cut or altered on its way: what can be read stays, nobody can vouch for it
        return Thinking(text=text)
    if sealed.redacted:
        return RedactedThinking(sealed.signature)
    return Thinking(text=text, signature=sealed.signature, origin=sealed.origin, item_id=sealed.item_id)


def _additional_tools(item: Node, conversation: Conversation) -> None:
    conversation.toolbox.read(item.children("tools"))


def _web_search(item: Node, conversation: Conversation) -> None:
    """What was searched for; what was found stands in the answer's text."""
    conversation.left_out[f"input.{item.need_text('type')}"] = None


def _reference(item: Node, conversation: Conversation) -> None:
    """A thought may stay behind; anything else is content, and only the provider has it."""
    if item.need_text("id").startswith("rs_"):
        conversation.left_out["input.item_reference"] = None
        return
    raise UnsupportedFeature(f"{item.path} (item_reference)", ELSEWHERE, _INLINE)


_READERS: dict[str, Callable[[Node, Conversation], None]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_output,
    "reasoning": _reasoning,
    "additional_tools": _additional_tools,
    "web_search_call": _web_search,
    "item_reference": _reference,
}
