"""One small request for each feature that callers use, and where in a request the feature stands.

Flows out: FEATURES, in canonical words. Must stay true: a request uses one feature and nothing else that a dialect
might not have; another way of saying it is looked for in what was really written.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from sekisho.canonical.request import (
    CacheMark,
    Document,
    Image,
    Message,
    OutputSchema,
    Part,
    Reasoning,
    RedactedThinking,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sekisho.canonical.tools import CUSTOM_ARGUMENT

#: Where the feature stands -> its value there.
Probe = Callable[[Request], Any]
#: One red pixel, and the beginning of a PDF.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
PDF = "JVBERi0xLjQK"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
WEATHER = Tool(name="get_weather", description="The weather in a city.", parameters=SCHEMA)
CLOCK = Tool(name="get_time", description="The time in a city.", parameters=SCHEMA)
ASKED = Message("user", (Text("Hi"),))


class Way(msgspec.Struct, frozen=True):
    """Another way in which a dialect may say it: in these words, where `holds` of the request as it was written."""

    words: str
    holds: Callable[[Request], bool]


class Feature(msgspec.Struct, frozen=True):
    """One row of the page."""

    name: str
    request: Request
    probe: Probe
    way: Way | None = None


def asking(*parts: Part, **fields: Any) -> Request:
    """A request of one user turn."""
    return Request(model="m", messages=(Message("user", parts),) if parts else (ASKED,), **fields)


def talking(*messages: Message, **fields: Any) -> Request:
    """A request with a history."""
    return Request(model="m", messages=messages, **fields)


def calling(*results: ToolResult, thought: Part | None = None, **fields: Any) -> Request:
    """A request in which the tools were called and have answered."""
    calls = [ToolCall(id=one.call_id, name="get_weather", arguments='{"city":"Kyoto"}') for one in results]
    said: tuple[Part, ...] = (*([thought] if thought else []), *calls)
    return talking(ASKED, Message("assistant", said), Message("user", results), tools=(WEATHER,), **fields)


def result(*parts: Text | Image | Document, call_id: str = "call_1", **fields: Any) -> ToolResult:
    """What a tool answered."""
    return ToolResult(call_id=call_id, parts=parts or (Text("21 degrees"),), **fields)


def every(kind: type[Any], field: str | None = None) -> Probe:
    """All parts of a kind, or one field of each, in tool results too."""

    def probe(request: Request) -> Any:
        parts = [part for message in request.messages for part in message.parts]
        inner = [one for part in parts for one in (part, *(part.parts if isinstance(part, ToolResult) else ()))]
        return tuple(getattr(one, field) if field else one for one in inner if isinstance(one, kind))

    return probe


def of(name: str) -> Probe:
    """A field of the request."""
    return lambda request: getattr(request, name)


def within(name: str, field: str) -> Probe:
    """A field of a field of the request."""
    return lambda request: getattr(getattr(request, name), field, None)


def of_tools(field: str) -> Probe:
    """A field of each tool."""
    return lambda request: tuple(getattr(tool, field) for tool in request.tools)


def texts(role: str) -> Probe:
    """The text of each message of a role."""

    def probe(request: Request) -> Any:
        return tuple(
            "".join(part.text for part in message.parts if isinstance(part, Text))
            for message in request.messages
            if message.role == role
        )

    return probe


def marks(request: Request) -> Any:
    """How long each prompt-cache mark lasts, wherever it stands."""
    holders = [*request.tools, *(part for message in request.messages for part in message.parts)]
    found = [getattr(one, "cache", None) for one in holders]
    return tuple(mark.ttl or "default" for mark in found if mark is not None)


def calls_and_results(request: Request) -> Any:
    """Which call said what, and which result answers it."""
    calls = [(one.id, one.name, one.arguments) for one in every(ToolCall)(request)]
    return calls, [(one.call_id, one.parts) for one in every(ToolResult)(request)]


def files(kind: type[Any]) -> Probe:
    """What each image or document holds, or its address."""

    def probe(request: Request) -> Any:
        return tuple(
            one.url or (one.data and base64.b64decode(one.data)) or one.text.encode() for one in every(kind)(request)
        )

    return probe


def in_results(kind: type[Any]) -> Probe:
    """What each image or document inside the results of tools holds."""

    def probe(request: Request) -> Any:
        return tuple(one.data for held in every(ToolResult)(request) for one in held.parts if isinstance(one, kind))

    return probe


def thinking(request: Request) -> Any:
    """How much to think, in a word."""
    asked = request.reasoning
    if asked is None:
        return "unsaid"
    if not asked.enabled or asked.effort == "none":
        return "off"
    if asked.budget_tokens is not None:
        return f"{asked.budget_tokens:,} tokens"
    return asked.effort or ("adaptive" if asked.adaptive else "on")


def said(role: str, text: str) -> Callable[[Request], bool]:
    """Whether somebody says it."""
    return lambda request: any(text in one for one in texts(role)(request))


def prefixed(request: Request) -> bool:
    """Whether the result of a tool begins with words of ours."""
    (held,) = every(ToolResult)(request)
    return len(held.parts[0].text) > len("21 degrees")


def as_function(request: Request) -> bool:
    """Whether a free-text tool is a function of one string."""
    return list((request.tools[0].parameters or {})["properties"]) == [CUSTOM_ARGUMENT]


IMAGE = Image(media_type="image/png", data=PIXEL)
PAGES = Document(media_type="application/pdf", data=PDF, name="report")
NOTE = Document(media_type="text/plain", text="One line.", name="note")
THOUGHT = "It asks for the weather."
PLACE = OutputSchema(name="place", schema=CLOSED, strict=True)
BRIEF = Message("system", (Text("Be brief."),))
HELLO = Message("assistant", (Text("Hello."),))


def tooled(**fields: Any) -> Request:
    """A request that offers a tool."""
    return asking(tools=(WEATHER,), **fields)


def offering(tool: Tool = WEATHER, **changes: Any) -> Request:
    """A request that offers this tool."""
    return asking(tools=(replace(tool, **changes),))


def thought(part: Part) -> Request:
    """A thought before a call that has been answered."""
    return calling(result(), thought=part)


def signed(origin: str, text: str = THOUGHT, item_id: str | None = None) -> Request:
    """The same, with the signature of a provider."""
    return thought(Thinking(text=text, signature="c2ln", origin=origin, item_id=item_id))


FEATURES: dict[str, tuple[Feature, ...]] = {
    "Conversation": (
        Feature("text", asking(Text("Grüße, 世界")), texts("user")),
        Feature("system text", talking(BRIEF, ASKED), texts("system")),
        Feature(
            "system text between turns",
            talking(ASKED, HELLO, BRIEF, ASKED),
            texts("system"),
            Way("as a user's text", said("user", "Be brief.")),
        ),
        Feature("an answer to continue", talking(ASKED, Message("assistant", (Text("{"),))), texts("assistant")),
        Feature("image", asking(Text("See"), IMAGE), files(Image)),
        Feature("image by URL", asking(Text("See"), Image(url="https://example.com/a.png")), files(Image)),
        Feature("detail of an image", asking(Text("See"), replace(IMAGE, detail="low")), every(Image, "detail")),
        Feature("document (PDF)", asking(Text("Read"), PAGES), files(Document)),
        Feature(
            "document of text", asking(Text("Read"), NOTE), files(Document), Way("as text", said("user", "One line."))
        ),
        Feature(
            "document by URL",
            asking(Text("Read"), Document(url="https://example.com/a.pdf", name="a")),
            files(Document),
        ),
        Feature(
            "name of a document",
            asking(Text("Read"), PAGES),
            every(Document, "name"),
            Way("as text", said("user", "report")),
        ),
        Feature("citations wanted", asking(Text("Read"), replace(PAGES, citations=True)), every(Document, "citations")),
    ),
    "Tools": (
        Feature(
            "tools", tooled(), lambda request: [(one.name, one.description, one.parameters) for one in request.tools]
        ),
        Feature("strict schema", offering(parameters=CLOSED, strict=True), of_tools("strict")),
        Feature(
            "free-text tool (custom)",
            offering(Tool(name="run", description="Runs.", custom=True)),
            of_tools("custom"),
            Way("as a function of one string", as_function),
        ),
        Feature(
            "tools in a namespace",
            offering(namespace="maps"),
            of_tools("namespace"),
            Way("by a flat name", lambda request: request.tools[0].name == WEATHER.name),
        ),
        Feature("call and result", calling(result()), calls_and_results),
        Feature("calls in parallel", calling(result(), result(call_id="call_2")), calls_and_results),
        Feature(
            "result that is an error",
            calling(result(is_error=True)),
            every(ToolResult, "is_error"),
            Way("as text", prefixed),
        ),
        Feature(
            "image in a result",
            calling(result(Text("See"), IMAGE)),
            in_results(Image),
            Way("in a turn of its own", lambda request: bool(every(Image)(request))),
        ),
        Feature(
            "document in a result",
            calling(result(Text("See"), PAGES)),
            in_results(Document),
            Way("in a turn of its own", lambda request: bool(every(Document)(request))),
        ),
        Feature("tool_choice: auto", tooled(tool_choice=ToolChoice("auto")), of("tool_choice")),
        Feature("tool_choice: any", tooled(tool_choice=ToolChoice("any")), of("tool_choice")),
        Feature("tool_choice: none", tooled(tool_choice=ToolChoice("none")), of("tool_choice")),
        Feature("tool_choice: this tool", tooled(tool_choice=ToolChoice("tool", "get_weather")), of("tool_choice")),
        Feature(
            "tool_choice: one of these",
            asking(
                tools=(WEATHER, CLOCK, replace(CLOCK, name="get_map")),
                tool_choice=ToolChoice("any", allowed=("get_weather", "get_time")),
            ),
            lambda request: (len(request.tools), request.tool_choice),
            Way(
                "by offering only these",
                lambda request: [one.name for one in request.tools] == ["get_weather", "get_time"],
            ),
        ),
        Feature("no calls in parallel", tooled(parallel_tool_calls=False), of("parallel_tool_calls")),
    ),
    "Output": (
        Feature("max_tokens", asking(max_tokens=500), of("max_tokens")),
        Feature("temperature", asking(temperature=0.5), of("temperature")),
        Feature("top_p", asking(top_p=0.5), of("top_p")),
        Feature("top_k", asking(top_k=5), of("top_k")),
        Feature("stop sequences", asking(stop=("END",)), of("stop")),
        Feature("seed", asking(seed=7), of("seed")),
        Feature("penalties", asking(presence_penalty=0.5), of("presence_penalty")),
        Feature("log probabilities", asking(logprobs=True), of("logprobs")),
        Feature("verbosity", asking(verbosity="low"), of("verbosity")),
        Feature("JSON schema", asking(output_schema=PLACE), within("output_schema", "schema")),
        Feature("JSON schema and tools", tooled(output_schema=PLACE), within("output_schema", "schema")),
        Feature(
            "any JSON object", asking(output_schema=OutputSchema()), lambda request: request.output_schema is not None
        ),
    ),
    "Thinking": (
        Feature("effort: high", asking(reasoning=Reasoning(effort="high")), thinking),
        Feature("effort: none", asking(reasoning=Reasoning(enabled=False, effort="none")), thinking),
        Feature("budget of 4,096 tokens", asking(reasoning=Reasoning(budget_tokens=4096), max_tokens=8000), thinking),
        Feature("adaptive", asking(reasoning=Reasoning(adaptive=True)), thinking),
        Feature("Claude's thought, signed", signed("anthropic"), every(Thinking, "signature")),
        Feature("Claude's thought, redacted", thought(RedactedThinking("ZGF0YQ==")), every(RedactedThinking)),
        Feature("OpenAI's reasoning, encrypted", signed("openai", item_id="rs_1"), every(Thinking, "signature")),
        Feature("Gemini's signature", signed("gemini", ""), every(Thinking, "signature")),
        Feature("a thought without a signature", thought(Thinking(text=THOUGHT)), every(Thinking, "text")),
    ),
    "Prompt cache": (
        Feature(
            "mark behind the system text", talking(Message("system", (Text("Be brief.", CacheMark()),)), ASKED), marks
        ),
        Feature("mark behind the tools", offering(cache=CacheMark()), marks),
        Feature("mark in a turn", asking(Text("Hi", CacheMark())), marks),
        Feature("mark for an hour", asking(Text("Hi", CacheMark("1h"))), marks),
        Feature("prompt_cache_key", asking(session="session-1"), of("session")),
    ),
    "Call": (
        Feature("user", asking(user="user-1"), of("user")),
        Feature("service tier", asking(service_tier="flex"), of("service_tier")),
    ),
}
