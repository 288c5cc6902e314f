"""Bodies of InvokeModel in words that no codec speaks: whose they are, and what to call instead.

Flows in: a body without `messages`, and the model's name. Flows out: the refusal. Must stay true: nothing of the body
but the names of its fields is looked at or repeated.
Source: Amazon Bedrock user guide, "Inference request parameters and response fields for foundation models".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from sekisho.core.errors import CallerError, ErrorClass, MalformedRequest

_CONVERSE: Final = (
    "Call the model by Converse (converse, converse_stream), whose body is the same for all models, or send 'messages' "
    "as Anthropic, Amazon Nova or OpenAI take them."
)
_EMBEDDINGS: Final = "Embeddings are served at /v1/embeddings, by the providers that have that path."
_NOT_SERVED: Final = "This gateway serves text, and embeddings at /v1/embeddings."
#: A field that stands in no other family's body -> the family and what to do.
_BY_FIELD: Final = {
    "embeddingTypes": ("an embedding model", _EMBEDDINGS),
    "input_type": ("Cohere Embed", _EMBEDDINGS),
    "texts": ("Cohere Embed", _EMBEDDINGS),
    "taskType": ("Amazon's image models", _NOT_SERVED),
    "text_prompts": ("Stability AI", _NOT_SERVED),
    "documents": ("a reranking model", _NOT_SERVED),
    "textGenerationConfig": ("Amazon Titan", _CONVERSE),
    "max_gen_len": ("Meta Llama", _CONVERSE),
    "max_tokens_to_sample": ("Anthropic's text completions", _CONVERSE),
    "chat_history": ("Cohere Command", _CONVERSE),
    "maxTokens": ("AI21 Labs", _CONVERSE),
}
#: For the others, what stands in a model's name.
_BY_NAME: Final = (
    (re.compile(r"\bembed"), ("an embedding model", _EMBEDDINGS)),
    (re.compile(r"\bimage|canvas|stability\."), ("an image model", _NOT_SERVED)),
    (re.compile(r"rerank"), ("a reranking model", _NOT_SERVED)),
    (re.compile(r"titan"), ("Amazon Titan", _CONVERSE)),
    (re.compile(r"llama"), ("Meta Llama", _CONVERSE)),
    (re.compile(r"mistral|mixtral|pixtral"), ("Mistral AI", _CONVERSE)),
    (re.compile(r"cohere|command"), ("Cohere Command", _CONVERSE)),
    (re.compile(r"deepseek"), ("DeepSeek", _CONVERSE)),
    (re.compile(r"ai21|jamba"), ("AI21 Labs", _CONVERSE)),
)
#: And where the name tells nothing.
_AT_LAST: Final = {
    "inputText": ("Amazon Titan", _CONVERSE),
    "message": ("Cohere Command", _CONVERSE),
    "prompt": ("a text model, such as Mistral's, Meta's or Cohere's", _CONVERSE),
}


def not_spoken(fields: Collection[str], model: str) -> CallerError:
    """Why a body with these top-level fields is not served."""
    field = next((name for name in (*_BY_FIELD, *_AT_LAST) if name in fields), None)
    if field is None:
        return MalformedRequest(f"'messages' is missing. {_CONVERSE}", param="messages")
    family, advice = _BY_FIELD.get(field) or _named(model.lower()) or _AT_LAST[field]
    return CallerError(
        f"InvokeModel is not served with the body of {family} ('{field}'). {advice}",
        error_class=ErrorClass.UNSUPPORTED_FEATURE,
        code="unsupported_feature",
        param=field,
    )


def _named(model: str) -> tuple[str, str] | None:
    return next((family for pattern, family in _BY_NAME if pattern.search(model)), None)
