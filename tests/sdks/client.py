"""What every SDK is asked to do, whatever its words.

In: a model's name at the gateway and what to say. Out: what the SDK's own objects say of the answer, plainly.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

#: One red pixel.
PIXEL_BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
PIXEL = base64.b64decode(PIXEL_BASE64)
TOOL = "get_weather"
ABOUT = "The weather in a city."
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
#: What the tool answers; the provider must be told it.
WEATHER = "21 degrees, 晴れ"


class Called(msgspec.Struct, frozen=True):
    """A call of the tool. `turn` is what the SDK's user puts into the history, in the SDK's own words."""

    name: str
    arguments: Mapping[str, Any]
    turn: Any


class Client(ABC):
    """One SDK in one of its ways of calling; `sdk` is the vendor's own client."""

    #: The root of what the SDK raises for an error of the server.
    raised: ClassVar[type[Exception]]
    #: Fault -> what `kind_of` says of it.
    errors: ClassVar[Mapping[str, str]]

    def __init__(self, sdk: Any) -> None:
        self.sdk = sdk

    @abstractmethod
    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        """The text of a whole answer."""

    @abstractmethod
    def stream(self, model: str, text: str) -> list[str]:
        """The pieces of text of a streamed answer."""

    @abstractmethod
    def call(self, model: str, text: str) -> Called:
        """The call that a whole answer holds, where the tool is offered."""

    @abstractmethod
    def call_streamed(self, model: str, text: str) -> Called:
        """The same of a streamed answer; its `turn` is None."""

    @abstractmethod
    def go_on(self, model: str, text: str, called: Called) -> str:
        """The text of the answer when the tool has said WEATHER."""

    def kind_of(self, error: Any) -> str:
        """The type of an exception, with the code where the SDK has one type for several."""
        return type(error).__name__

    def close(self) -> None:
        """Close its connections."""
        self.sdk.close()


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the gateway: a key, and the pair of access keys that stands for it."""

    url: str
    key: str
    access_key_id: str
    secret: str
