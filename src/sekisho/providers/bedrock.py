"""Where a deployment on Amazon Bedrock is, and what its model's many names mean.

Flows in: `litellm_params` in any of LiteLLM's spellings. Flows out: host, region, account, and the id that goes into
the path. Must stay true: an ARN is sent as it is written; the model it stands for is told by the ARN itself, or by
`model` where `model_id` holds the ARN, or by `model_info.base_model`.
"""

from __future__ import annotations

import functools
import re
from typing import Final
from urllib.parse import unquote

from sekisho.providers.auth.authority import Authority, StaticKey
from sekisho.providers.auth.aws import aws_authority
from sekisho.providers.auth.aws_identity import identity_of
from sekisho.providers.plain import key_of, without
from sekisho.providers.provider import Asked, Place

#: LiteLLM's region where nobody names one.
_REGION: Final = "us-west-2"
_ARN: Final = re.compile(r"arn:aws[\w-]*:[\w-]+:(?P<region>[a-z0-9-]*):(?P<account>\d*):(?P<kind>[\w-]+)/(?P<name>.+)")
#: The kinds of ARN whose last part is a model's public id.
_TELLING: Final = ("foundation-model", "inference-profile")
_REGION_NAME: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d+")
#: The first label of an inference profile's id: where its calls may be answered.
_GEOGRAPHY: Final = re.compile(r"^(us|us-gov|eu|apac|ap|au|ca|jp|sa|me|af|global)\.(?=[a-z0-9-]+\.)")


def place(asked: Asked) -> Place:
    """Bedrock Runtime in one region, or at the operator's VPC endpoint."""
    params = asked.params
    told, region_in_model = _unprefixed(unquote(asked.model))
    model = unquote(params.model_id) if params.model_id else told
    arn = _ARN.fullmatch(model)
    role = _ARN.fullmatch(params.aws_role_name or "")
    region = _region(asked, (arn["region"] if arn else None) or region_in_model)
    authority, lack = _authority(asked, region)
    own = params.aws_bedrock_runtime_endpoint or asked.own_address
    return Place(
        base_url=without((own or asked.provider.base_url.format(region=region)).rstrip("/"), "/model"),
        model=model,
        base_model=_hint(told, params.model_id),
        pinned=asked.pinned,
        region=region,
        account=next((found["account"] for found in (role, arn) if found and found["account"]), None),
        authority=authority,
        lack=_lack(region) or lack,
    )


def place_in_mantle(asked: Asked) -> Place:
    """Bedrock's servers of OpenAI's and Anthropic's dialects, which take a Bedrock API key."""
    model, region_in_model = _unprefixed(asked.model)
    region = _region(asked, region_in_model or asked.variable("BEDROCK_MANTLE_REGION"))
    address = asked.own_address or asked.provider.base_url.format(region=region)
    key = key_of(asked)
    return Place(
        base_url=without(address, "/openai/v1", "/v1"),
        model=model,
        region=region,
        authority=StaticKey(key, asked.provider.auth),
        lack=_lack(region) or (None if key else f"needs a Bedrock API key: set {asked.provider.key_variables[0]}."),
    )


@functools.lru_cache(maxsize=4096)
def public_name(model: str) -> str:
    """The model's id, with the geography of its inference profile; "" for an ARN that does not tell it."""
    arn = _ARN.fullmatch(model)
    if arn is None:
        return model
    return arn["name"] if arn["kind"] in _TELLING else ""


@functools.lru_cache(maxsize=4096)
def base_id(model: str) -> str:
    """`us.anthropic.claude-x` -> `anthropic.claude-x`: tokens are counted for a model, not for a profile."""
    return _GEOGRAPHY.sub("", model)


def _unprefixed(model: str) -> tuple[str, str | None]:
    """(model, region) of `us-east-1/anthropic.claude-x`, of `llama/arn:aws:…` and of what has neither."""
    head, slash, rest = model.partition("/")
    if slash and _REGION_NAME.fullmatch(head):
        return rest, head
    if slash and rest.startswith("arn:"):
        return rest, None
    return model, None


def _hint(told: str, model_id: str | None) -> str | None:
    """`model` is the public name when `model_id` says what is called."""
    return (public_name(told) or None) if model_id else None


def _region(asked: Asked, told: str | None) -> str:
    """The operator's word first, then what the model says, then the environment."""
    variables = ("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
    return asked.params.aws_region_name or told or asked.variable(*variables) or _REGION


def _lack(region: str) -> str | None:
    return None if _REGION_NAME.fullmatch(region) else "has an aws_region_name that is no region of AWS."


def _authority(asked: Asked, region: str) -> tuple[Authority, str | None]:
    """(who we are, what is missing): a Bedrock API key, unless the deployment names only an identity of its own."""
    params = asked.params
    own_identity = (
        params.aws_access_key_id or params.aws_profile_name or params.aws_role_name or params.aws_web_identity_token
    )
    key = key_of(asked) if params.api_key or not own_identity else None
    if key is not None:
        return StaticKey(key, asked.provider.auth), None
    lack = identity_of(params, asked.environment, region).lack
    return aws_authority(params, asked.environment, region), lack
