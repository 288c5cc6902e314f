"""Who a deployment is at AWS: keys, a profile, a role, or what the machine gives.

Flows in: a deployment's `aws_*` parameters and the environment. Flows out: an identity, equal for all deployments that
have the same. Must stay true: pure; what is wrong with it is told as one sentence, at load.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

import msgspec

from sekisho.config.environment import Environment
from sekisho.config.model import LitellmParams
from sekisho.core.secret import Secret
from sekisho.providers.auth.sigv4 import AwsKeys

#: How the gateway calls itself in a role's sessions; CloudTrail shows it.
SESSION_NAME: Final = "sekisho"
_ROOT: Final = "oidc/"


class WebToken(msgspec.Struct, frozen=True):
    """A token of another identity provider: in a file, which may be replaced at any time, or as text."""

    path: str | None = None
    text: Secret | None = None


class AwsRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role to assume, and the STS to ask: `endpoint` or the public one of `region`."""

    arn: str
    session_name: str
    external_id: str | None
    tags: tuple[tuple[str, str], ...]
    token: WebToken | None
    endpoint: str | None
    region: str


class AwsIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Whose credentials they are: `keys`, else those of `profile`, else what the machine gives; and the role that is
    assumed with them. `lack` is what is wrong with it, as the end of "Model 'x' …".
    """

    keys: AwsKeys | None = None
    profile: str | None = None
    role: AwsRole | None = None
    lack: str | None = None

    @property
    def name(self) -> str:
        """For the log and for operators; no secret."""
        if self.role is not None:
            return self.role.arn
        return f"the AWS profile '{self.profile}'" if self.profile else "AWS"


def identity_of(params: LitellmParams, environment: Environment, region: str) -> AwsIdentity:
    """What `litellm_params` and the environment say, in LiteLLM's order: profile, keys, the environment's keys, the
    machine. A role is assumed with what these give, or with a web identity's token.
    """
    profile = params.aws_profile_name
    keys = None if profile else _own_keys(params) or _keys_of(environment, params)
    if not profile and keys is None:
        profile = environment.get("AWS_PROFILE")
    web = _web_token(params.aws_web_identity_token, environment)
    role = None
    if params.aws_role_name and (keys or profile or not _has(environment, params.aws_role_name)):
        role = AwsRole(
            arn=params.aws_role_name,
            session_name=params.aws_session_name or SESSION_NAME,
            external_id=params.aws_external_id,
            tags=tuple(_tags(params)),
            token=web,
            endpoint=params.aws_sts_endpoint,
            region=region,
        )
    if role is not None and web is not None:
        keys, profile = None, None
    identity = AwsIdentity(keys=keys, profile=profile, role=role)
    return msgspec.structs.replace(identity, lack=_lack(params, identity, web))


def _has(environment: Environment, role: str) -> bool:
    """Whether the machine already is `role`: a pod whose service account it is mostly may not assume it once more."""
    return role == environment.get("AWS_ROLE_ARN") and environment.get("AWS_WEB_IDENTITY_TOKEN_FILE") is not None


def _own_keys(params: LitellmParams) -> AwsKeys | None:
    if params.aws_access_key_id is None or params.aws_secret_access_key is None:
        return None
    return AwsKeys(
        access_key_id=params.aws_access_key_id.reveal(),
        secret=params.aws_secret_access_key,
        session_token=params.aws_session_token,
    )


def _keys_of(environment: Environment, params: LitellmParams) -> AwsKeys | None:
    """The environment's keys, unless half a pair of the deployment's own asks for an answer."""
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if params.aws_access_key_id is not None or not key_id or not secret:
        return None
    token = environment.get("AWS_SESSION_TOKEN")
    return AwsKeys(access_key_id=key_id, secret=Secret(secret), session_token=Secret(token) if token else None)


def _tags(params: LitellmParams) -> list[tuple[str, str]]:
    """Session tags, as a mapping or as AWS's list of `Key` and `Value`."""
    given = params.aws_session_tags
    return sorted(given.items()) if isinstance(given, Mapping) else [(tag.key, tag.value) for tag in given]


def _web_token(reference: Secret | None, environment: Environment) -> WebToken | None:
    """LiteLLM's ways to write one: the token, a file, `oidc/file/PATH`, `oidc/env/NAME`, `oidc/env_path/NAME`."""
    text = reference.reveal() if reference is not None else ""
    if text.startswith("/"):
        return WebToken(path=text)
    if not text.startswith(_ROOT):
        return WebToken(text=reference) if text else None
    kind, _, rest = text.removeprefix(_ROOT).partition("/")
    if kind == "file" and rest:
        return WebToken(path=rest)
    found = environment.get(rest)
    if kind == "env_path" and found:
        return WebToken(path=found)
    return WebToken(text=Secret(found) if kind == "env" and found else None)


def _lack(params: LitellmParams, identity: AwsIdentity, web: WebToken | None) -> str | None:
    if (params.aws_access_key_id is None) is not (params.aws_secret_access_key is None):
        return "has half a key pair: set aws_access_key_id and aws_secret_access_key."
    if web is not None and not params.aws_role_name:
        return "has an aws_web_identity_token without aws_role_name: say which role it is for."
    if web == WebToken():
        known = (
            "the token, a file's path, oidc/file/PATH, oidc/env/NAME or oidc/env_path/NAME with a variable that is set"
        )
        return f"has an aws_web_identity_token that cannot be read here: write {known}."
    if (identity.keys is None or identity.role is not None) and find_spec("botocore") is None:
        return "asks AWS for credentials, which needs an extra: install sekisho[aws], or set keys or a Bedrock API key."
    return None
