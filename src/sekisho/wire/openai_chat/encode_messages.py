"""Canonical messages -> the messages of a chat completions request.

Flows in: a Request and its Target. Flows out: plain message objects, and the names of what had to stay behind.
Must stay true: each assistant message with tool calls is followed at once by one tool message for each call, in the
order in which the results were given (the API refuses anything else); no text, image or document is lost; the same
request gives the same messages.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sekisho.canonical.request import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sekisho.canonical.target import Target
from sekisho.canonical.tools import CUSTOM_ARGUMENT, legal_name
from sekisho.core.errors import UnsupportedFeature
from sekisho.wire.openai_chat.answers import pair
from sekisho.wire.openai_chat.encode_parts import Body, content_part, text_content
from sekisho.wire.openai_chat.google import signatures, write_signature
from sekisho.wire.openai_chat.schema import NAME

NOT_ANSWERED = "This tool call was not answered."
#: This dialect has no error flag on a tool message.
ERROR_PREFIX = "Error: "
SEE_BELOW = "The files of this result follow in the next user message."

#: (name, namespace) of a tool -> its name on the wire.
Names = dict[tuple[str, str | None], str]


class MessageWriter:
    """Writes one request's messages: `write` once; `dropped` then names what stayed behind, in order."""

    def __init__(self, request: Request, target: Target, names: Names) -> None:
        self._messages = request.messages
        self._compatible = target.compatible
        self._signs = bool(target.profile.thinking_levels or target.profile.thinking_budgets)
        self._names = names
        self._answers, self._used = pair(request.messages)
        #: Files of tool results, which the next user message must carry.
        self._files: list[Body] = []
        self._out: list[Body] = []
        self.dropped: dict[str, None] = {}

    def write(self) -> list[Body]:
        """All messages. Raises UnsupportedFeature for what chat completions cannot say."""
        for at, message in enumerate(self._messages):
            self._note_hints(message.parts)
            if message.role == "user":
                self._user(at, message)
                continue
            self._flush_files()
            if message.role == "system":
                texts = [part for part in message.parts if isinstance(part, Text)]
                self._refuse_others(at, message, texts)
                content = text_content([part.text for part in texts], compatible=self._compatible)
                self._out.append({"role": "system", "content": content})
            else:
                self._assistant(at, message)
        self._flush_files()
        return self._out

    def _assistant(self, at: int, message: Message) -> None:
        said = [part for part in message.parts if isinstance(part, Text | Refusal)]
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        thoughts = [part for part in message.parts if isinstance(part, Thinking | RedactedThinking)]
        self._refuse_others(at, message, [*said, *calls, *thoughts])
        body: Body = {"role": "assistant", "content": self._said(said) if said or not calls else None}
        signed = signatures(message.parts) if self._signs else {}
        thought = self._thought([part for part in thoughts if not _went_along(part, signed)])
        if thought:
            body["reasoning_content"] = thought
        if calls:
            body["tool_calls"] = [
                self._call(part) | _extra(signed.pop(place, None))
                for place, part in enumerate(message.parts)
                if isinstance(part, ToolCall)
            ]
        body |= _extra(next(iter(signed.values()), None))
        if said or calls or thought or not message.parts:
            self._out.append(body)
        if calls:
            self._answer(at)

    def _said(self, parts: Sequence[Text | Refusal]) -> str | list[Body]:
        if self._compatible or all(isinstance(part, Text) for part in parts):
            return text_content([part.text for part in parts], compatible=self._compatible)
        return [content_part(part, "content") for part in parts]

    def _thought(self, thoughts: Sequence[Thinking | RedactedThinking]) -> str:
        """What DeepSeek and its like want back. A signed thought is its provider's and goes to no other."""
        unsigned: list[str] = []
        for thought in thoughts:
            if self._compatible and isinstance(thought, Thinking) and not thought.signature:
                unsigned.append(thought.text)
            else:
                self.dropped["thinking"] = None
        return "".join(unsigned)

    def _call(self, call: ToolCall) -> Body:
        name = self._names.get((call.name, call.namespace)) or legal_name(call.name)
        if call.custom and not self._compatible:
            return {"id": call.id, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = call.arguments if call.arguments.strip() else "{}"
        if call.custom:
            arguments = msgspec.json.encode({CUSTOM_ARGUMENT: call.arguments}).decode()
        return {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}

    def _answer(self, at: int) -> None:
        answers = self._answers[at]
        for result in answers.results:
            self._out.append({"role": "tool", "tool_call_id": result.call_id, "content": self._result(at, result)})
        for call_id in answers.unanswered:
            self.dropped["tool call without result"] = None
            self._out.append({"role": "tool", "tool_call_id": call_id, "content": NOT_ANSWERED})

    def _result(self, at: int, result: ToolResult) -> str | list[Body]:
        """The result's text; its images and documents wait for the next user message."""
        files = [part for part in result.parts if not _is_text(part)]
        texts = [str(content_part(part, f"messages.{at}.content")["text"]) for part in result.parts if _is_text(part)]
        self._note_hints(result.parts)
        if files:
            texts.append(SEE_BELOW)
            self._files.append({"type": "text", "text": f"Files of the result of tool call {result.call_id}:"})
            self._files += [content_part(part, f"messages.{at}.content") for part in files]
        if result.is_error:
            texts[:1] = [ERROR_PREFIX + "".join(texts[:1])]
        return text_content(texts, compatible=self._compatible)

    def _user(self, at: int, message: Message) -> None:
        parts: list[Body] = []
        orphans = False
        for number, part in enumerate(message.parts):
            if not isinstance(part, ToolResult):
                parts.append(content_part(part, f"messages.{at}.content.{number}"))
            elif (at, number) not in self._used:
                orphans = True
                parts += self._orphan(at, part)
        if orphans:
            self.dropped["tool result without call"] = None
        if parts or not message.parts:
            self._out.append({"role": "user", "content": self._user_content([*self._files, *parts])})
            self._files = []

    def _orphan(self, at: int, result: ToolResult) -> list[Body]:
        """A result whose call is not in the conversation any more, as the user's words."""
        head = f"Result of tool call {result.call_id}:"
        texts: list[Body] = [{"type": "text", "text": f"{head} {ERROR_PREFIX}".rstrip() if result.is_error else head}]
        return texts + [content_part(part, f"messages.{at}.content") for part in result.parts]

    def _user_content(self, parts: Sequence[Body]) -> str | list[Body]:
        if all(part["type"] == "text" for part in parts):
            return text_content([part["text"] for part in parts], compatible=self._compatible)
        return list(parts)

    def _flush_files(self) -> None:
        if self._files:
            self._out.append({"role": "user", "content": self._files})
            self._files = []

    def _refuse_others(self, at: int, message: Message, sayable: Sequence[Part]) -> None:
        if len(sayable) != len(message.parts):
            raise UnsupportedFeature(f"messages.{at}.content", NAME, f"A message of the {message.role} holds text.")

    def _note_hints(self, parts: Sequence[Part]) -> None:
        """Cache marks and citation switches only tune: they stay behind, and that is said."""
        for part in parts:
            if isinstance(part, Text | Image | Document | ToolCall | ToolResult) and part.cache is not None:
                self.dropped["cache_control"] = None
            if isinstance(part, Document) and part.citations:
                self.dropped["citations"] = None


def _extra(signature: str | None) -> Body:
    return {} if signature is None else {"extra_content": write_signature(signature)}


def _went_along(thought: Thinking | RedactedThinking, signed: dict[int, str]) -> bool:
    return isinstance(thought, Thinking) and not thought.text and thought.signature in signed.values()


def _is_text(part: Text | Image | Document) -> bool:
    return isinstance(part, Text) or (isinstance(part, Document) and part.text is not None)
