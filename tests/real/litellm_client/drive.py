"""LiteLLM's own programs at a gateway: its SDK, its management client, its command line.

In: the addresses and keys in the environment (GATEWAY_URL, GATEWAY_KEY, GATEWAY_MASTER, PROVIDER_URL). Out: one JSON
object, what each step gave, or what it raised. Runs in a Python of its own, with what requirements.txt names.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

URL, KEY, MASTER = (os.environ[name] for name in ("GATEWAY_URL", "GATEWAY_KEY", "GATEWAY_MASTER"))
PROVIDER = os.environ["PROVIDER_URL"]
FUNCTION = {"name": "get_weather", "description": "The weather in a city.", "parameters": {"type": "object"}}
CITY = '{"city": "東京"}'
TOOL = {"type": "function", "function": FUNCTION}
SAY = 'Say it. [fake: text="Grüße, 世界"]'
COUNT = "Count. [fake: chunks=5]"
CALL = f"What now? [fake: tool=get_weather args='{CITY}' text=Done]"
SESSION = "e96634a3-fa28-4083-b354-55542e2dca01"
YAML = """
model_list:
- model_name: imported
  litellm_params: {model: openai/gpt-4.1-mini, api_key: sk-of-a-provider}
"""


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


class Book:
    """What each step gave."""

    def __init__(self) -> None:
        self.steps: dict[str, Any] = {}

    def step(self, name: str, deed: Callable[[], Any]) -> Any:
        """Do it; what it raised is written down, as is what it gave."""
        try:
            given = deed()
        except Exception as error:  # noqa: BLE001 - whatever LiteLLM's programs raise is what is to be seen
            self.steps[name] = {"raised": type(error).__name__, "said": f"{error} {_body(error)}"}
            return None
        self.steps[name] = given
        return given


def _body(error: Exception) -> str:
    """What the gateway answered, where the exception keeps it."""
    for one in (error, *error.args):
        text = getattr(getattr(one, "response", None), "text", None)
        if text:
            return str(text)
    return ""


def sdk(book: Book) -> None:
    """Models named `litellm_proxy/…`, by each way of asking."""
    litellm: Any = importlib.import_module("litellm")
    os.environ.update(LITELLM_PROXY_API_BASE=URL, LITELLM_PROXY_API_KEY=KEY)
    for name in ("gpt-test", "claude-test"):
        _sdk_with(book, litellm, name)
    chat, model = litellm.completion, "litellm_proxy/gpt-test"
    book.step("embedding", lambda: len(litellm.embedding(model=model, input=["a", "b"]).data))
    models = {"check_provider_endpoint": True, "custom_llm_provider": "litellm_proxy"}
    book.step("get_valid_models", lambda: sorted(litellm.utils.get_valid_models(**models)))
    book.step("unknown model", lambda: chat(model="litellm_proxy/none", messages=user("x")))
    book.step("unknown key", lambda: chat(model=model, messages=user("x"), api_key="sk-unknown"))
    for fault in ("status=400 error=context_too_long", "status=429", "status=500"):
        book.step(fault, lambda: chat(model=model, messages=user(f"[fake: {fault}]"), max_retries=0))  # noqa: B023
    router = litellm.Router(model_list=[{"model_name": "mine", "litellm_params": {"model": model}}])
    book.step("Router", lambda: router.completion(model="mine", messages=user(SAY)).choices[0].message.content)


def _sdk_with(book: Book, litellm: Any, name: str) -> None:
    chat, model = litellm.completion, f"litellm_proxy/{name}"
    steps: dict[str, Callable[[], Any]] = {
        "completion": lambda: chat(model=model, messages=user(SAY)).choices[0].message.content,
        "acompletion": lambda: (
            asyncio.run(litellm.acompletion(model=model, messages=user(SAY))).choices[0].message.content
        ),
        "completion, streamed": lambda: _pieces(chat(model=model, messages=user(COUNT), stream=True)),
        "usage of a stream": lambda: _usage(litellm, model),
        "cost": lambda: _cost(chat(model=model, messages=user(SAY))),
        "tools": lambda: _with_tools(litellm, model, stream=False),
        "tools, streamed": lambda: _with_tools(litellm, model, stream=True),
        "text_completion": lambda: litellm.text_completion(model=model, prompt=SAY).choices[0].text,
        "responses": lambda: litellm.responses(model=model, input=SAY).output_text,
        "responses, streamed": lambda: [
            event.delta
            for event in litellm.responses(model=model, input=COUNT, stream=True)
            if event.type == "response.output_text.delta"
        ],
        "messages": lambda: asyncio.run(_messages(litellm, model)),
        "messages, streamed": lambda: asyncio.run(_messages_streamed(litellm, model)),
    }
    for what, deed in steps.items():
        book.step(f"{what} ({name})", deed)


def _pieces(stream: Any) -> list[str]:
    return [chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content]


def _usage(litellm: Any, model: str) -> list[int]:
    text = "[fake: input_tokens=11 output_tokens=7]"
    options = {"include_usage": True}
    *_, last = litellm.completion(model=model, messages=user(text), stream=True, stream_options=options)
    return [last.usage.prompt_tokens, last.usage.completion_tokens]


def _cost(answer: Any) -> list[Any]:
    """(the gateway's name for the call, what LiteLLM says it cost)."""
    hidden = answer._hidden_params
    headers = hidden["additional_headers"]
    return [headers["llm_provider-x-litellm-call-id"], hidden["response_cost"]]


def _with_tools(litellm: Any, model: str, *, stream: bool) -> list[str]:
    """Name and arguments of the call, and what is said once the tool has answered."""
    turns = user(CALL)
    answer = litellm.completion(model=model, messages=turns, tools=[TOOL], stream=stream)
    message = (litellm.stream_chunk_builder(list(answer)) if stream else answer).choices[0].message
    called = message.tool_calls[0]
    told = {"role": "tool", "tool_call_id": called.id, "content": "21 degrees"}
    done = litellm.completion(model=model, messages=[*turns, message.model_dump(), told], tools=[TOOL])
    return [called.function.name, json.loads(called.function.arguments)["city"], done.choices[0].message.content]


async def _messages(litellm: Any, model: str) -> str:
    answer = await litellm.anthropic.messages.acreate(model=model, messages=user(SAY), max_tokens=99)
    return str(answer["content"][0]["text"])


async def _messages_streamed(litellm: Any, model: str) -> str:
    stream = await litellm.anthropic.messages.acreate(model=model, messages=user(COUNT), max_tokens=99, stream=True)
    lines = b"".join([piece async for piece in stream]).decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def client(book: Book) -> None:
    """Every verb of `litellm.proxy.client`; answers are read by LiteLLM's own types where it has them."""
    types: Any = importlib.import_module("litellm.proxy._types")
    made: Any = importlib.import_module("litellm.proxy.client").Client(URL, MASTER)
    _keys(book, made.keys, types)
    _models(book, made)
    credentials = made.credentials
    book.step("credentials.create", lambda: credentials.create("c", {"provider": "x"}, {"api_key": "sk"}) and "made")
    book.step("credentials.list", lambda: [one["credential_name"] for one in credentials.list()["credentials"]])
    book.step("credentials.get", lambda: credentials.get("c")["credential_name"])
    book.step("credentials.update_display_name", lambda: _renamed(credentials))
    book.step("credentials.delete", lambda: credentials.delete("c") and "deleted")
    team = book.step("http.request /team/new", lambda: _team(made.http, types))
    book.step("teams.list", lambda: [types.LiteLLM_TeamTable(**one).team_id for one in made.teams.list()] == [team])
    book.step("teams.list_v2", lambda: [one["team_id"] for one in made.teams.list_v2()["teams"]] == [team])
    book.step("teams.get_available", made.teams.get_available)
    _users(book, importlib.import_module("litellm.proxy.client.users").UsersManagementClient(URL, MASTER), types)
    health: Any = importlib.import_module("litellm.proxy.client.health").HealthManagementClient(URL, MASTER)
    book.step("health.get_readiness", lambda: health.get_readiness()["status"])
    chat = made.chat
    book.step("chat.completions", lambda: chat.completions("gpt-test", user(SAY))["choices"][0]["message"]["content"])
    book.step("chat.completions_stream", lambda: len(list(chat.completions_stream("gpt-test", user(COUNT)))) > 5)


def _keys(book: Book, keys: Any, types: Any) -> None:
    fields = {"models": ["gpt-test"], "aliases": {"a": "gpt-test"}, "spend": 1.5, "duration": "24h", "key_alias": "kay"}
    made = book.step("keys.generate", lambda: keys.generate(**fields))
    book.step("keys.generate, read", lambda: _same(types.GenerateKeyResponse(**made).model_dump(), fields))
    book.step("keys.generate a second time", lambda: keys.generate(**fields))
    book.step("keys.generate for a user", lambda: keys.generate(user_id="u", key_alias="l")["user_id"])
    found = keys.list(key_alias="kay", return_full_object=True, include_team_keys=True, page=1, size=100)["keys"]
    book.step("keys.list", lambda: [types.LiteLLM_VerificationToken(**one).key_alias for one in found])
    book.step("keys.info", lambda: keys.info(made["key"])["info"]["key_alias"])
    changes = {"models": [], "key_alias": "m", "spend": 0.5, "aliases": {}}
    book.step("keys.update", lambda: _same(keys.update(made["key"], duration="7d", **changes), changes))
    book.step("keys.delete", lambda: keys.delete(keys=[made["key"]])["deleted_keys"] == [made["key"]])
    book.step("keys.delete by alias", lambda: keys.delete(key_aliases=["l"])["deleted_keys"])
    book.step("keys.info of none", lambda: keys.info("sk-none"))


def _same(answer: dict[str, Any], fields: dict[str, Any]) -> bool:
    return all(answer[name] == value for name, value in fields.items())


def _models(book: Book, made: Any) -> None:
    params = {"model": "openai/gpt-4.1-mini", "api_base": f"{PROVIDER}/v1", "api_key": "sk-of-a-provider"}
    new = book.step("models.new", lambda: made.models.new("mine", params, {"description": "x"})["model_id"])
    book.step("models.list", lambda: sorted(one["id"] for one in made.models.list()))
    book.step("models.info", lambda: sorted(one["model_name"] for one in made.models.info()))
    book.step("models.get", lambda: made.models.get(model_id=new)["model_name"])
    book.step("models.get by name", lambda: made.models.get(model_name="mine")["model_info"]["id"] == new)
    book.step("a new model answers", lambda: made.chat.completions("mine", user(SAY))["object"])
    book.step("models.update", lambda: made.models.update(new, {"rpm": 7})["litellm_params"]["rpm"])
    book.step("model_groups.info", lambda: sorted(one["model_group"] for one in made.model_groups.info()))
    book.step("models.delete", lambda: made.models.delete(new)["message"].startswith("Model"))


def _renamed(credentials: Any) -> str:
    credentials.update_display_name("c", "C")
    shown = credentials.get("c")
    return str(shown["display_name"]) if shown["credential_info"] else "without its information"


def _team(http: Any, types: Any) -> str:
    return str(types.LiteLLM_TeamTable(**http.request("POST", "/team/new", json={"team_alias": "t"})).team_id)


def _users(book: Book, users: Any, types: Any) -> None:
    fields = {"user_email": "a@example.com", "user_role": "internal_user", "user_alias": "A", "max_budget": 3.0}
    name = book.step("users.create_user", lambda: types.NewUserResponse(**users.create_user(fields)).user_id)
    listed = {"user_email": "a@example.com"}
    book.step("users.list_users", lambda: [one["user_email"] for one in users.list_users(listed)])
    book.step("users.get_user", lambda: types.LiteLLM_UserTable(**users.get_user(name)["user_info"]).max_budget)
    book.step("users.get_user_v2", lambda: users.get_user_v2(name)["user_alias"])
    book.step("users.delete_user", lambda: users.delete_user([name]))
    book.step("users.get_user of none", lambda: users.get_user(name))


def cli(book: Book) -> None:
    """The command line's verbs, each as somebody types it."""
    runner: Any = importlib.import_module("click.testing").CliRunner()
    program: Any = importlib.import_module("litellm.proxy.client.cli.main").cli

    def typed(*words: str, key: str = MASTER) -> str:
        done = runner.invoke(program, ["--base-url", URL, "--api-key", key, *words], env={"COLUMNS": "400"})
        if done.exit_code != 0:
            raise SystemError(done.output) from (done.exception if isinstance(done.exception, Exception) else None)
        return str(done.output)

    path = Path(os.environ["HOME"]) / "models.yaml"
    path.write_text(YAML)
    typed("http", "request", "POST", "/user/new", "-j", '{"user_id": "crew"}')
    crew = {"team_id": "crew", "team_alias": "Crew", "members_with_roles": [{"role": "admin", "user_id": "crew"}]}
    typed("http", "request", "POST", "/team/new", "-j", json.dumps(crew))
    first = json.loads(typed("http", "request", "POST", "/key/generate", "-j", '{"user_id": "crew"}'))["key"]
    own = json.loads(typed("keys", "generate", key=first))["key"]
    said = json.dumps({"model": "claude-test", "max_tokens": 9, "messages": user(SAY)})
    typed("http", "request", "POST", "/v1/messages", "-j", said, "-H", f"x-claude-code-session-id:{SESSION}")
    commands: dict[str, tuple[str, ...]] = {
        "version": ("version",),
        "keys generate": ("keys", "generate", "--models", "gpt-test", "--key-alias", "typed", "--duration", "24h"),
        "keys list": ("keys", "list"),
        "keys list --format json": ("keys", "list", "--format", "json", "--return-full-object", "--size", "50"),
        "keys import --dry-run": ("keys", "import", "--source-base-url", URL, "--source-api-key", MASTER, "--dry-run"),
        "keys delete": ("keys", "delete", "--key-aliases", "typed"),
        "models list": ("models", "list"),
        "models info": ("models", "info", "--columns", "public_model,upstream_model,id,input_cost,output_cost"),
        "models add": ("models", "add", "typed", "-p", "model=openai/gpt-4.1", "-p", "api_key=sk-x", "-i", "id=typed"),
        "models get": ("models", "get", "--id", "typed"),
        "models update": ("models", "update", "typed", "-p", "model=openai/gpt-4.1-mini"),
        "models delete": ("models", "delete", "typed"),
        "models import": ("models", "import", str(path)),
        "model-groups list": ("model-groups", "list"),
        "users create": ("users", "create", "--email", "typed@example.com", "--role", "internal_user"),
        "users list": ("users", "list"),
        "users get": ("users", "get", "--id", "crew"),
        "credentials create": ("credentials", "create", "t", "--info", "{}", "--values", '{"api_key": "sk"}'),
        "credentials list": ("credentials", "list"),
        "credentials get": ("credentials", "get", "t"),
        "credentials update": ("credentials", "update", "t", "--display-name", "T"),
        "credentials delete": ("credentials", "delete", "t"),
        "teams list": ("teams", "list"),
        "teams available": ("teams", "available"),
        "http request": ("http", "request", "GET", "/team/list"),
        "debug claude": ("debug", "claude", "--session-id", SESSION, "--no-save"),
        "encryption migrate": ("encryption", "migrate", "--check"),
        "login": ("login",),
    }
    for name, words in commands.items():
        book.step(name, lambda: typed(*words))  # noqa: B023 - called at once
    book.step("teams assign-key", lambda: typed("teams", "assign-key", "--team-id", "crew", key=own))
    talk = ["--base-url", URL, "--api-key", MASTER, "chat", "gpt-test"]
    book.step("chat", lambda: runner.invoke(program, talk, input=f"{SAY}\n/quit\n").output)


if __name__ == "__main__":
    book = Book()
    {"sdk": sdk, "client": client, "cli": cli}[sys.argv[1]](book)
    sys.stdout.write("\n" + json.dumps(book.steps))
