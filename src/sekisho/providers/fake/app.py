"""The scripted provider as a raw ASGI app.

Flows in: a request in one of the dialects. Flows out: the scripted answer, or the scripted fault.
Must stay true: what is billed is what was sent while the caller was there; the caller's hang-up ends a call at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from sekisho.core.clock import Clock, SystemClock
from sekisho.providers.fake import chat, messages, responses
from sekisho.providers.fake.answer import Answer, Piece, make_answer
from sekisho.providers.fake.ask import PATHS, Api, Ask, AskError, read_ask
from sekisho.providers.fake.book import Bill, Book, Request, masked
from sekisho.providers.fake.caller import Caller, Receive, Scope, Send
from sekisho.providers.fake.errors import KINDS, error_object, kind_of
from sekisho.providers.fake.play import GARBAGE, Part, play
from sekisho.providers.fake.script import Script, ScriptError, resolve_script

#: What GET /v1/models lists.
MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5.1", "gpt-4.1-mini", "text-embedding-3-small")
_MODELS_SINCE_SECONDS = 1_735_689_600
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
    "completions": Template("cmpl-", chat.completion, chat.completion_stream, chat.stream_error, (chat.DONE,)),
    "embeddings": Template("embd-", chat.embeddings),
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
        path = caller.path.removeprefix("/v1")
        try:
            if path in PATHS:
                await self._call(caller, PATHS[path])
            else:
                await self._look(caller, path)
        finally:
            caller.release()

    async def _look(self, caller: Caller, path: str) -> None:
        """Everything that is no call of a model."""
        if path == "/models":
            await caller.answer_json(200, _models(anthropic="anthropic-version" in caller.headers))
        elif path == "/__requests":
            await caller.answer_json(200, list(self.book.requests))
        elif path == "/__count":
            await caller.answer_json(200, {"calls": self.book.calls})
        elif path == "/__reset":
            self.book.reset()
            await caller.answer_json(200, {})
        else:
            await caller.answer_json(404, error_object("chat", KINDS["not_found"], f"No such path: {caller.path}"))

    async def _call(self, caller: Caller, api: Api) -> None:
        raw = await caller.body()
        self._remember(caller, raw)
        if caller.method != "POST":
            await caller.answer_json(405, error_object(api, KINDS["invalid_request"], "Only POST is allowed."))
            return
        try:
            ask = read_ask(api, raw)
            script = resolve_script(self.defaults, caller.headers, caller.query, ask.user_text)
        except (AskError, ScriptError) as error:
            field = error.field if isinstance(error, AskError) else None
            await caller.answer_json(400, error_object(api, KINDS["invalid_request"], str(error), field))
            return
        if script.fail_times and self.book.attempts(script.id) >= script.fail_times:
            script = script.well()
        await self._perform(caller, ask, script)

    async def _perform(self, caller: Caller, ask: Ask, script: Script) -> None:
        template = TEMPLATES[ask.api]
        answer = make_answer(script, ask, self.book.next_serial(), self.clock.now_us() // 1_000_000)
        made_id = answer.made_id(template.id_prefix)
        bill = Bill(path=caller.path, model=ask.model, stream=ask.stream, response_id=made_id, status=script.status)
        self.book.enter(script.id or made_id, bill)
        if script.status != 200 or script.html:
            bill.end = "failed"
            await _refuse(caller, ask.api, script)
            return
        part = _streamed(template, answer, ask, script) if ask.stream else _whole(template, answer, ask, script)
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


def _streamed(template: Template, answer: Answer, ask: Ask, script: Script) -> Part:
    if template.stream is None or template.stream_error is None:
        return _whole(template, answer, ask, script)
    pieces = [*template.stream(answer, ask, script.pings), *template.closing]
    if script.no_done:
        pieces.pop()
    if script.error_in_stream:
        pieces[script.error_after :] = [Piece(template.stream_error(answer, script.error_in_stream))]
    if script.garbage_after is not None:
        pieces.insert(script.garbage_after, Piece(GARBAGE))
    headers = _headers(ask.api, answer) | {"content-type": "text/event-stream; charset=utf-8"}
    return Part(pieces=tuple(pieces), headers=headers, usage=answer.usage)


def _whole(template: Template, answer: Answer, ask: Ask, script: Script) -> Part:
    """A reply in two halves, so that a cut after 1 leaves half of it."""
    body = msgspec.json.encode(template.reply(answer, ask)) if script.garbage_after is None else GARBAGE
    half = len(body) // 2
    return Part(
        pieces=(Piece(body[:half]), Piece(body[half:])),
        headers=_headers(ask.api, answer) | {"content-type": "application/json"},
        usage=answer.usage,
        length=len(body),
    )


async def _refuse(caller: Caller, api: Api, script: Script) -> None:
    if script.html:
        await caller.answer(script.status, _PAGE, {"content-type": "text/html; charset=utf-8"})
        return
    body = msgspec.json.encode(error_object(api, kind_of(script.error, script.status), script.message))
    headers = {"content-type": "application/json", "x-request-id": "req_fake"}
    if script.retry_after is not None:
        headers["retry-after"] = f"{script.retry_after:g}"
    await caller.answer(script.status, body, headers)


def _headers(api: Api, answer: Answer) -> dict[str, str]:
    """The headers that providers add and clients read: ids and what is left of a rate limit."""
    request_id = answer.made_id("req_")
    if api in ("messages", "count_tokens"):
        return {"request-id": request_id, "anthropic-ratelimit-requests-remaining": "3999"}
    return {"x-request-id": request_id, "openai-version": "2020-10-01", "x-ratelimit-remaining-requests": "9999"}


def _models(*, anthropic: bool) -> dict[str, Any]:
    if not anthropic:
        data = [{"id": m, "object": "model", "created": _MODELS_SINCE_SECONDS, "owned_by": "fake"} for m in MODELS]
        return {"object": "list", "data": data}
    created = "2025-01-01T00:00:00Z"
    data = [{"type": "model", "id": m, "display_name": m, "created_at": created} for m in MODELS]
    return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
