from __future__ import annotations

import pytest

from sekisho.wire.carriers.families import not_spoken

LLAMA = "meta.llama3-8b-instruct-v1:0"


@pytest.mark.parametrize(
    ("fields", "model", "family"),
    [
        (("inputText", "textGenerationConfig"), "amazon.titan-text-express-v1", "Amazon Titan"),
        (("inputText",), "my-model", "Amazon Titan"),
        (("prompt", "max_gen_len"), "my-model", "Meta Llama"),
        (("prompt",), "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0", "Meta Llama"),
        (("prompt", "max_tokens", "stop"), "mistral.mistral-7b-instruct-v0:2", "Mistral AI"),
        (("prompt", "max_tokens", "p"), "cohere.command-text-v14", "Cohere Command"),
        (("message", "chat_history"), "my-model", "Cohere Command"),
        (("message",), "my-model", "Cohere Command"),
        (("prompt", "max_tokens"), "us.deepseek.r1-v1:0", "DeepSeek"),
        (("prompt", "maxTokens"), "ai21.j2-ultra-v1", "AI21 Labs"),
        (("prompt", "max_tokens_to_sample"), "anthropic.claude-v2", "Anthropic's text completions"),
        (("prompt",), "my-model", "a text model"),
    ],
)
def test_text_is_to_be_asked_for_by_converse(fields: tuple[str, ...], model: str, family: str) -> None:
    info = not_spoken(fields, model).info
    assert (info.status, info.code, info.param in fields) == (400, "unsupported_feature", True)
    assert f"the body of {family}" in info.message
    assert f"'{info.param}'" in info.message
    assert "converse_stream" in info.message


@pytest.mark.parametrize(
    ("fields", "model", "advice"),
    [
        (("inputText",), "amazon.titan-embed-text-v2:0", "/v1/embeddings, by the providers"),
        (("texts", "input_type"), "my-model", "/v1/embeddings, by the providers"),
        (("inputText", "embeddingTypes"), "my-model", "/v1/embeddings, by the providers"),
        (("taskType", "textToImageParams"), "amazon.nova-canvas-v1:0", "serves text"),
        (("prompt", "mode"), "stability.sd3-large-v1:0", "serves text"),
        (("query", "documents"), "cohere.rerank-v3-5:0", "serves text"),
    ],
)
def test_what_converse_has_not_is_not_promised(fields: tuple[str, ...], model: str, advice: str) -> None:
    info = not_spoken(fields, model).info
    assert info.status == 400
    assert advice in info.message
    assert "converse" not in info.message


def test_a_body_that_tells_nothing_lacks_its_messages() -> None:
    for fields in ((), ("max_tokens", "temperature"), ("PROMPT",)):
        info = not_spoken(fields, LLAMA).info
        assert (info.status, info.param) == (400, "messages")
        assert info.message.startswith("'messages' is missing")
