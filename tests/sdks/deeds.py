"""What each SDK does with each provider.

In: a client, a model's name at the gateway, the provider's book. Out: nothing, or a failed assertion. Each deed also
looks at what reached the provider.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable

import msgspec
import pytest

from sekisho.providers.fake.answer import THOUGHTS
from tests.sdks.client import PIXEL, PIXEL_BASE64, TOOL, WEATHER, Client
from tests.sdks.providers import OF_GOOGLE, PROVIDERS
from tests.support.provider import RunningProvider

CITY = {"city": '東京 "\\ 9'}
CALL = f"[fake: tool={TOOL} args='{json.dumps(CITY)}' text=Done]"
THINKING = CALL.replace("[fake:", "[fake: thinking")
#: What the scripted provider signs its thought with.
SIGNATURE = base64.b64encode(hashlib.sha512("".join(THOUGHTS).encode()).digest()).decode()
#: Fault -> the script of it.
FAULTS = {
    "refused": "status=400 error=context_too_long",
    "throttled": "status=429",
    "failed": "status=500",
}


class Pair(msgspec.Struct, frozen=True):
    """A client and a model of one kind of provider."""

    client: Client
    model: str
    fake: RunningProvider

    def sent(self, *, streamed: bool = False) -> str:
        """The body that reached the provider last, where this kind of provider is asked."""
        request = self.fake.app.book.requests[-1]
        assert re.fullmatch(PROVIDERS[self.model].path, request.path)
        telling = "stream" in request.path.lower() or (isinstance(request.body, dict) and request.body.get("stream"))
        assert bool(telling) is streamed
        return json.dumps(request.body, ensure_ascii=False)

    def got(self, encoded: str) -> bool:
        """Whether this base64 text has reached the provider. Google's SDK writes it in its other alphabet, and a
        provider that is asked in Google's dialect gets the body as it came.
        """
        sent = self.sent()
        return encoded in (sent.replace("_", "/").replace("-", "+") if self.model in OF_GOOGLE else sent)


def text(pair: Pair) -> None:
    assert pair.client.say(pair.model, 'Say it. [fake: text="Grüße, 世界 🎌"]') == "Grüße, 世界 🎌"
    assert "Say it." in pair.sent()


def stream(pair: Pair) -> None:
    pieces = pair.client.stream(pair.model, "Say it. [fake: chunks=5]")
    assert [piece.strip() for piece in pieces if piece.strip()] == ["word1", "word2", "word3", "word4", "word5"]
    assert "Say it." in pair.sent(streamed=True)


def tools(pair: Pair) -> None:
    streamed = pair.client.call_streamed(pair.model, CALL)
    assert (streamed.name, streamed.arguments) == (TOOL, CITY)
    called = pair.client.call(pair.model, CALL)
    assert (called.name, called.arguments) == (TOOL, CITY)
    assert pair.client.go_on(pair.model, CALL, called) == "Done"
    assert WEATHER in pair.sent()


def thoughts(pair: Pair) -> None:
    called = pair.client.call(pair.model, THINKING)
    assert called.arguments == CITY
    assert pair.client.go_on(pair.model, THINKING, called) == "Done"
    assert pair.got(SIGNATURE) or not PROVIDERS[pair.model].signs


def image(pair: Pair) -> None:
    assert pair.client.say(pair.model, "What is this? [fake: text=Red]", PIXEL) == "Red"
    assert pair.got(PIXEL_BASE64)


def errors(pair: Pair) -> None:
    client = pair.client
    for fault, directives in FAULTS.items():
        with pytest.raises(client.raised) as caught:
            client.say(pair.model, f"[fake: {directives}]")
        assert client.kind_of(caught.value) == client.errors[fault], (fault, caught.value)
    with pytest.raises(client.raised) as caught:
        client.say("nobody-has-it", "Hi")
    assert client.kind_of(caught.value) == client.errors["unknown model"]
    with pytest.raises(client.raised) as caught:
        client.stream(pair.model, "[fake: chunks=6 error_in_stream=rate_limit error_after=5]")
    assert client.kind_of(caught.value) == client.errors["in a stream"], caught.value


class Deed(msgspec.Struct, frozen=True):
    """A test of a pair, and what the page says of it."""

    do: Callable[[Pair], None]
    means: str


DEEDS = {
    "text": Deed(text, "a whole answer, in any script."),
    "stream": Deed(stream, "a streamed answer, piece by piece, with its stop reason."),
    "tools": Deed(tools, "a call of a tool, whole and streamed, then its result and the answer to it."),
    "thoughts": Deed(
        thoughts,
        "a thought before a call, handed back in the SDK's own objects: a provider that signs its thoughts gets "
        "what it has signed.",
    ),
    "images": Deed(image, "an image in the request, which reaches the provider."),
    "errors": Deed(
        errors,
        "a request refused, throttled, or failed by the provider, a model that does not exist, an error inside a "
        "stream: each is the SDK's own typed exception.",
    ),
}
