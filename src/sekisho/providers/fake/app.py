"""The scripted provider as a raw ASGI app.

Flows in: a request in one of the dialects. Flows out: the scripted answer, or the scripted fault.
Must stay true: what is billed is what was sent while the caller was there; the caller's hang-up ends a call at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from sekisho.core.clock import Clock, SystemClock
from sekisho.providers.fake import azure, chat, converse, generate, messages, responses
from sekisho.providers.fake.answer import Answer, Piece, make_answer
from sekisho.providers.fake.ask import Ask, AskError, read_ask
from sekisho.providers.fake.book import Bill, Book, Request, masked
from sekisho.providers.fake.caller import Caller, Receive, Scope, Send
from sekisho.providers.fake.errors import KINDS, asking_to_wait, error_headers, error_object, kind_of
from sekisho.providers.fake.framing import CONTENT_TYPES, GARBAGE, framed, framed_error
from sekisho.providers.fake.models import listed
from sekisho.providers.fake.paths import Api, Route, find_route
from sekisho.providers.fake.play import Part, play
from sekisho.providers.fake.script import Script, ScriptError, resolve_script

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>\n"


class Template(msgspec.Struct, frozen=True):
    """How one API is written. `closing` follows the stream's own last event (OpenAI's `[DONE]`)."""

    id_prefix: str
    reply: Callable[[Answer, Ask], dict[str, Any]]
    stream: Callable[[Answer, Ask, int], Iterator[Piece]] | None = None
    stream_error: Callable[[Answer, str], bytes] | None = None
    closing: tuple[Piece, ...] = ()


TEMPLATES: dict[Api, Template] = {
    "messages": Template("msg_01", messages.reply, messages.stream, messages.stream_error),
    "count_tokens": Template("", messages.count_tokens),
    "chat": Template("chatcmpl-", chat.reply, chat.stream, chat.stream_error, (chat.DONE,)),
    "responses": Template("resp_", responses.reply, responses.stream, responses.stream_error),
    "count_responses": Template("", responses.count_tokens),
    "completions": Template("cmpl-", chat.completion, chat.completion_stream, chat.stream_error, (chat.DONE,)),
    "embeddings": Template("embd-", chat.embeddings),
    "converse": Template("", converse.reply, converse.stream, converse.stream_error),
    "nova": Template("", converse.nova_reply, converse.nova_stream, converse.stream_error),
    "count_invoke": Template("", converse.count_tokens),
    "generate": Template("", generate.reply, generate.stream, generate.stream_error),
    "count_generate": Template("", generate.count_tokens),
    "embed": Template("", generate.embed),
    "embed_batch": Template("", generate.embed_batch),
    "predict": Template("", generate.predict),
}


class FakeProvider:
    """The app. `defaults` is what every call does unless it says otherwise."""

    def __init__(self, defaults: Script | None = None, clock: Clock | None = None) -> None:
        self.defaults = defaults or Script()
        self.clock = clock or SystemClock()
        self.book = Book()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Only HTTP is served."""
        if scope["type"] != "http":
            return
        caller = Caller(scope, receive, send)
        try:
            route = find_route(caller.raw_path, caller.query)
            if route is not None:
                await self._call(caller, route)
            else:
                await self._look(caller)
        finally:
            caller.release()

    async def _look(self, caller: Caller) -> None:
        """Everything that is no call of a model."""
        if caller.path == "/__requests":
            await caller.answer_json(200, list(self.book.requests))
        elif caller.path == "/__count":
            await caller.answer_json(200, {"calls": self.book.calls})
        elif caller.path == "/__reset":
            self.book.reset()
            await caller.answer_json(200, {})
        elif (found := listed(caller.path, anthropic="anthropic-version" in caller.headers)) is not None:
            await caller.answer_json(200, found)
        else:
            await caller.answer_json(404, error_object("openai", KINDS["not_found"], f"No such path: {caller.path}"))

    async def _call(self, caller: Caller, route: Route) -> None:
        raw = await caller.body()
        self._remember(caller, raw)
        if caller.method != "POST":
            await _object(caller, route, 405, "Only POST is allowed.")
            return
        try:
            ask = read_ask(route, raw)
            script = resolve_script(self.defaults, caller.headers, caller.query, ask.user_text)
        except (AskError, ScriptError) as error:
            await _object(caller, route, 400, str(error), error.field if isinstance(error, AskError) else None)
            return
        if script.fail_times and self.book.attempts(script.id) >= script.fail_times:
            script = script.well()
        await self._perform(caller, route, ask, script)

    async def _perform(self, caller: Caller, route: Route, ask: Ask, script: Script) -> None:
        template = TEMPLATES[ask.api]
        answer = make_answer(script, ask, self.book.next_serial(), self.clock.now_us() // 1_000_000)
        made_id = answer.made_id(template.id_prefix)
        bill = Bill(path=caller.path, model=ask.model, stream=ask.stream, response_id=made_id, status=script.status)
        self.book.enter(script.id or made_id, bill)
        if script.status != 200 or script.html:
            bill.end = "failed"
            await _refuse(caller, route, script)
            return
        streamed = ask.stream and template.stream is not None
        part = _streamed(route, answer, ask, script) if streamed else _whole(route, answer, ask, script)
        bill.tells_usage = answer.tells_usage
        await play(caller, part, script, bill)

    def _remember(self, caller: Caller, raw: bytes) -> None:
        try:
            body = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            body = raw.decode("utf-8", "replace")
        self.book.requests.append(
            Request(
                method=caller.method,
                path=caller.path,
                query=caller.query_text,
                headers=masked(caller.headers),
                body=body,
            )
        )


def _streamed(route: Route, answer: Answer, ask: Ask, script: Script) -> Part:
    pieces = framed(list(_said(route, answer, ask, script)), route.framing, answer)
    if script.no_done:
        pieces.pop()
    if script.error_in_stream:
        pieces[script.error_after :] = [Piece(_stream_error(route, answer, ask, script))]
    if script.garbage_after is not None:
        pieces.insert(script.garbage_after, Piece(GARBAGE[route.framing]))
    headers = _headers(route, answer) | {"content-type": CONTENT_TYPES[route.framing]}
    return Part(pieces=tuple(pieces), headers=headers, usage=answer.usage)


def _said(route: Route, answer: Answer, ask: Ask, script: Script) -> Iterator[Piece]:
    template = TEMPLATES[ask.api]
    if route.vendor == "azure" and ask.api == "chat":
        yield azure.PROMPT_FILTER
    if template.stream is not None:
        yield from template.stream(answer, ask, script.pings)
    yield from template.closing


def _stream_error(route: Route, answer: Answer, ask: Ask, script: Script) -> bytes:
    template = TEMPLATES["converse" if route.framing == "chunks" else ask.api]
    said = template.stream_error(answer, script.error_in_stream) if template.stream_error is not None else b""
    return framed_error(said, route.framing, script.error_after)


def _whole(route: Route, answer: Answer, ask: Ask, script: Script) -> Part:
    """A reply in two halves, so that a cut after 1 leaves half of it."""
    reply = TEMPLATES[ask.api].reply
    body = msgspec.json.encode(reply(answer, ask)) if script.garbage_after is None else GARBAGE["sse"]
    half = len(body) // 2
    counted = converse.count_headers(answer) if route.api == "invoke" and answer.tells_usage else {}
    return Part(
        pieces=(Piece(body[:half]), Piece(body[half:])),
        headers=_headers(route, answer) | counted | {"content-type": "application/json"},
        usage=answer.usage,
        length=len(body),
    )


async def _object(caller: Caller, route: Route, status: int, message: str, field: str | None = None) -> None:
    """Refuse what the real provider would refuse."""
    kind = KINDS["invalid_request"]
    body = msgspec.json.encode(error_object(route.vendor, kind, message, field))
    await caller.answer(status, body, error_headers(route.vendor, kind) | {"content-type": "application/json"})


async def _refuse(caller: Caller, route: Route, script: Script) -> None:
    """Refuse as the script says."""
    if script.html:
        await caller.answer(script.status, _PAGE, {"content-type": "text/html; charset=utf-8"})
        return
    kind = kind_of(script.error, script.status)
    error = error_object(route.vendor, msgspec.structs.replace(kind, status=script.status), script.message)
    waiting: dict[str, str] = {}
    if script.retry_after is not None:
        error, waiting = asking_to_wait(route.vendor, error, script.retry_after)
    headers = {"content-type": "application/json"} | error_headers(route.vendor, kind) | waiting
    await caller.answer(script.status, msgspec.json.encode(error), headers)


def _headers(route: Route, answer: Answer) -> dict[str, str]:
    """The headers that providers add and clients read: ids and what is left of a rate limit."""
    request_id = answer.made_id("req_")
    if route.vendor == "anthropic":
        return {"request-id": request_id, "anthropic-ratelimit-requests-remaining": "3999"}
    if route.vendor == "aws":
        content = {"x-amzn-bedrock-content-type": "application/json"} if route.framing == "chunks" else {}
        return {"x-amzn-requestid": request_id} | content
    if route.vendor == "azure":
        return {"apim-request-id": request_id, "x-ms-region": "Fake", "x-ratelimit-remaining-requests": "9999"}
    if route.vendor == "google":
        return {"vary": "Origin"}
    return {"x-request-id": request_id, "openai-version": "2020-10-01", "x-ratelimit-remaining-requests": "9999"}
