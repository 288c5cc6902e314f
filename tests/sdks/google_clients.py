"""Google's SDK, for the Gemini API and for Vertex AI's express mode."""

from __future__ import annotations

from typing import Any, ClassVar

from google import genai
from google.genai import errors, types

from tests.sdks.client import ABOUT, SCHEMA, TOOL, WEATHER, Called, Client, Made

OFFERED = types.GenerateContentConfig(
    tools=[
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(name=TOOL, description=ABOUT, parameters_json_schema=SCHEMA)
            ]
        )
    ],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
)


class Gemini(Client):
    """`client.models`."""

    raised = errors.APIError
    errors: ClassVar = {
        "refused": "ClientError 400",
        "throttled": "ClientError 429",
        "failed": "ServerError 500",
        "unknown model": "ClientError 404",
        "in a stream": "ClientError 429",
    }

    def say(self, model: str, text: str, image: bytes | None = None) -> str:
        parts = [types.Part.from_text(text=text)]
        if image is not None:
            parts.append(types.Part.from_bytes(data=image, mime_type="image/png"))
        return str(self.sdk.models.generate_content(model=model, contents=parts).text)

    def stream(self, model: str, text: str) -> list[str]:
        chunks = list(self.sdk.models.generate_content_stream(model=model, contents=text))
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
        return [chunk.text for chunk in chunks if chunk.text]

    def call(self, model: str, text: str) -> Called:
        done = self.sdk.models.generate_content(model=model, contents=text, config=OFFERED)
        (called,) = done.function_calls
        return Called(called.name, called.args, done.candidates[0].content)

    def call_streamed(self, model: str, text: str) -> Called:
        chunks = self.sdk.models.generate_content_stream(model=model, contents=text, config=OFFERED)
        (called,) = [call for chunk in chunks for call in chunk.function_calls or ()]
        return Called(called.name, called.args, None)

    def go_on(self, model: str, text: str, called: Called) -> str:
        (used,) = [part.function_call for part in called.turn.parts if part.function_call]
        answer = types.FunctionResponse(id=used.id, name=TOOL, response={"result": WEATHER})
        contents = [
            types.UserContent(text),
            called.turn,
            types.UserContent([types.Part(function_response=answer)]),
        ]
        return str(self.sdk.models.generate_content(model=model, contents=contents, config=OFFERED).text)

    def kind_of(self, error: Any) -> str:
        return f"{type(error).__name__} {error.code}"


def _client(made: Made, *, vertex: bool) -> Gemini:
    options = types.HttpOptions(base_url=made.url, retry_options=types.HttpRetryOptions(attempts=1))
    return Gemini(genai.Client(vertexai=vertex, api_key=made.key, http_options=options))


def gemini(made: Made) -> Gemini:
    return _client(made, vertex=False)


def vertex(made: Made) -> Gemini:
    return _client(made, vertex=True)
