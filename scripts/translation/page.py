"""docs/translation.md: what becomes of each feature in each dialect, found by translating it.

Flows in: small requests and answers, and the codecs. Flows out: Markdown. Must stay true: no cell is written by hand:
each is what the target's own decoder reads in what was written for the target; a feature that is lost without a word
ends the run.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Sequence

import msgspec

from scripts.translation.features import FEATURES, PDF, PIXEL, Feature
from scripts.translation.fields import BODIES, FIELDS
from scripts.translation.replies import CALLER, REPLIES, Said, handed_back
from sekisho.canonical.media import Kind, Media
from sekisho.canonical.request import Request
from sekisho.canonical.target import Target
from sekisho.core.errors import OperatorError, UnsupportedFeature
from sekisho.exchange.media import with_fetched_media
from sekisho.providers.profiles import profile_of
from sekisho.wire.registry import BY_NAME, DIALECTS

#: Column -> dialect, model, and whether the server only imitates OpenAI.
TARGETS: dict[str, tuple[str, str, bool]] = {
    "Messages": ("anthropic-messages", "claude-sonnet-4-5", False),
    "Chat": ("openai-chat", "gpt-4.1", False),
    "Chat (reasoning)": ("openai-chat", "gpt-5", False),
    "Chat (compatible)": ("openai-chat", "qwen3", True),
    "Responses": ("openai-responses", "gpt-5", False),
    "Converse (Claude)": ("bedrock-converse", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", False),
    "Converse (Nova)": ("bedrock-converse", "us.amazon.nova-pro-v1:0", False),
    "Gemini 2.5": ("gemini-generate", "gemini-2.5-flash", False),
    "Gemini 3": ("gemini-generate", "gemini-3-pro-preview", False),
}
CARRIED = "✓"
FILES = {
    "image": Media("image/png", base64.b64decode(PIXEL)),
    "document": Media("application/pdf", base64.b64decode(PDF)),
}
PAGE = """# What becomes of a feature in another dialect

<!-- Made by `make docs` from the codecs: each cell is what came out when the feature was translated. -->

Where a caller and its provider speak the same dialect nothing is translated: the bytes pass, and all of this is the
provider's own to take or refuse. Between two dialects a field has one of these fates
([ADR 0003](adr/0003-what-cannot-be-translated.md)):

| here | means |
| --- | --- |
| ✓ | carried |
| ✓ fetched | the gateway fetches it and sends the data |
| as …, in …, by … | carried in another way |
| → … | carried as the nearest that the model takes |
| – `name` | left out, and named in the answer's `x-sekisho-dropped` |
| ✗ `name` | refused with status 400 and `unsupported_feature`, which names it |

Claude on Bedrock's InvokeModel and on Vertex AI takes the bodies of Messages. `sekisho convert` shows it for any
request, reply or stream of your own.

## Requests

How a request reaches its provider, whatever the caller's dialect. The columns are written for these models:

{models}

{requests}

## Answers

How an answer reaches a caller of each dialect. "On the next turn": the caller hands it back as its SDK does, and the
provider that made it gets it unchanged. – stands for what the dialect has no word for.

{replies}

## What only one dialect has

Said by a caller whose model is served in another dialect.

{fields}
"""


def page() -> str:
    """The page. Raises OperatorError where a feature is lost unseen."""
    return PAGE.format(
        models="\n".join(f"- {column}: `{model}`" for column, (_, model, _) in TARGETS.items()),
        requests="\n\n".join(
            _table([group, *TARGETS], ([one.name, *(_request_cell(one, target) for target in TARGETS)] for one in rows))
            for group, rows in FEATURES.items()
        ),
        replies=_table(
            ["answer", *(dialect.name for dialect in DIALECTS)],
            ([one.name, *(_reply_cell(one, dialect.name) for dialect in DIALECTS)] for one in REPLIES),
        ),
        fields=_table(
            ["dialect", "field", "fate"],
            ([name, field, _fate(name, field)] for name, fields in FIELDS.items() for field in fields),
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])


def _request_cell(feature: Feature, column: str) -> str:
    name, model, compatible = TARGETS[column]
    dialect, target = BY_NAME[name], Target(model=model, profile=profile_of(model), compatible=compatible)
    fetched = asyncio.run(with_fetched_media(feature.request, name, _fetch))
    try:
        encoded = dialect.encode_request(fetched, target)
    except UnsupportedFeature as error:
        return f"✗ `{error.info.param}`"
    read = dialect.decode_request(encoded.body)
    wanted, found = feature.probe(fetched), feature.probe(read)
    if found == wanted:
        return CARRIED if fetched is feature.request else f"{CARRIED} fetched"
    if encoded.dropped:
        return "– " + ", ".join(f"`{each}`" for each in encoded.dropped)
    if feature.way is not None and feature.way.holds(read):
        return feature.way.words
    if isinstance(found, str):
        return f"→ {found}"
    raise OperatorError(f"'{feature.name}' is lost in {column}: {found!r} is left of {wanted!r}.")


async def _fetch(kind: Kind, _url: str) -> Media:
    return FILES[kind]


def _reply_cell(said: Said, name: str) -> str:
    dialect = BY_NAME[name]
    read = (
        handed_back(dialect, said.reply)
        if said.next_turn
        else dialect.decode_reply(dialect.encode_reply(said.reply, CALLER))
    )
    wanted, found = said.probe(said.reply), said.probe(read)
    if found == wanted:
        return CARRIED
    if said.way is not None and said.way[1](read):
        return said.way[0]
    return f"→ {found}" if isinstance(found, str) else "–"


def _fate(name: str, field: str) -> str:
    try:
        request: Request = BY_NAME[name].decode_request(msgspec.json.encode(BODIES[name] | FIELDS[name][field]))
    except UnsupportedFeature as error:
        return f"✗ `{error.info.param}`"
    return "– " + ", ".join(f"`{each}`" for each in request.untranslated) if request.untranslated else CARRIED
