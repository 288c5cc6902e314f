"""Every dialect, one line each, also as carried, and what an operation other than generating changes of it."""

from __future__ import annotations

import functools

import msgspec

from sekisho.core.errors import OperatorError
from sekisho.wire.anthropic_messages import DIALECT as ANTHROPIC_MESSAGES
from sekisho.wire.bedrock_converse import DIALECT as BEDROCK_CONVERSE
from sekisho.wire.carriers.bedrock import chat_on_bedrock, messages_on_bedrock
from sekisho.wire.carriers.families import not_spoken
from sekisho.wire.carriers.json_array import as_array
from sekisho.wire.carriers.nova import nova_on_bedrock
from sekisho.wire.carriers.vertex import messages_on_vertex
from sekisho.wire.dialect import Dialect
from sekisho.wire.gemini_generate import DIALECT as GEMINI_GENERATE
from sekisho.wire.gemini_generate import operations as gemini
from sekisho.wire.json_edit import JsonObject
from sekisho.wire.openai_chat import DIALECT as OPENAI_CHAT
from sekisho.wire.openai_chat.completions import CompletionWatch, read_completion_facts, read_embedding_facts
from sekisho.wire.openai_responses import DIALECT as OPENAI_RESPONSES

DIALECTS: tuple[Dialect, ...] = (
    ANTHROPIC_MESSAGES,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    BEDROCK_CONVERSE,
    GEMINI_GENERATE,
)
#: Bodies of these in other framings.
CARRIED: tuple[Dialect, ...] = (
    messages_on_bedrock(ANTHROPIC_MESSAGES),
    messages_on_vertex(ANTHROPIC_MESSAGES),
    chat_on_bedrock(OPENAI_CHAT),
    nova_on_bedrock(BEDROCK_CONVERSE),
    as_array(GEMINI_GENERATE),
)
BY_NAME: dict[str, Dialect] = {dialect.name: dialect for dialect in (*DIALECTS, *CARRIED)}
if len(BY_NAME) != len(DIALECTS) + len(CARRIED):
    raise OperatorError("Two dialects have the same name.")


@functools.cache
def dialect_of(name: str, operation: str) -> Dialect:
    """The dialect in which `operation` is asked and answered: only the reading of a passing reply differs."""
    dialect = BY_NAME[name]
    if operation == "completions":
        return msgspec.structs.replace(dialect, read_facts=read_completion_facts, stream_watch=CompletionWatch)
    if operation == "embeddings":
        read = gemini.read_embedding_facts if dialect.name == GEMINI_GENERATE.name else read_embedding_facts
        return msgspec.structs.replace(dialect, read_facts=read)
    return dialect


#: What stands in a body of Nova's and in none of the others that say no version.
_NOVAS_OWN = frozenset({"schemaVersion", "inferenceConfig", "toolConfig", "system"})


def spoken(dialect: Dialect, body: JsonObject, model: str = "") -> Dialect:
    """`dialect`, or for InvokeModel, whose path does not tell it, the one in whose words `body` is. Raises CallerError
    where it is none of them; `model` is the name that was asked for.
    """
    if dialect.name != "anthropic-messages@bedrock" or "anthropic_version" in body.values:
        return dialect
    if _NOVAS_OWN & body.values.keys():
        return BY_NAME["bedrock-converse@bedrock"]
    if "messages" not in body.values:
        raise not_spoken(body.values.keys(), model)
    return BY_NAME["openai-chat@bedrock"]
