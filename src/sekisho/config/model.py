"""The settings as one frozen tree, and the entries of `model_list`; the text under a field is its documentation.

Flows in: what config/load.py has read and checked. Flows out: values for every other part.
Must stay true: nothing here changes after loading; a reload makes a new tree. Secrets are `Secret`, so that printing a
tree shows none.
Source: LiteLLM's configuration reference, release 1.108.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import field

from sekisho.config.environment import Environment
from sekisho.config.problems import Problem, Where
from sekisho.config.sections import GeneralSettings, LitellmSettings, ModelAlias, RouterSettings, SekishoSettings
from sekisho.config.values import Count, CredentialFile, Name, Retries, Seconds, Weight
from sekisho.core.secret import Secret

__all__ = [
    "GeneralSettings",
    "LitellmParams",
    "LitellmSettings",
    "ModelAlias",
    "ModelEntry",
    "ModelInfo",
    "RouterSettings",
    "SekishoSettings",
    "SessionTag",
    "Settings",
]

_DEFAULT_RETRIES: Final = 2


class SessionTag(msgspec.Struct, frozen=True):
    """One of `aws_session_tags`, as AWS writes it."""

    key: Name = field(name="Key")
    """The tag's name."""
    value: str = field(name="Value")
    """The tag's value."""


class MarkControl(msgspec.Struct, frozen=True, kw_only=True):
    """The mark of an injection point, as LiteLLM's files write it."""

    type: Literal["ephemeral"] = "ephemeral"
    """The only kind there is."""
    ttl: Literal["5m", "1h"] | None = None
    """How long the provider keeps what is marked."""


class InjectionPoint(msgspec.Struct, frozen=True, kw_only=True):
    """`cache_control_injection_points[]`: one place that gets a prompt-cache mark."""

    location: Literal["message", "tool_config"]
    """`message` needs a role or an index; `tool_config` is the last tool."""
    role: Name | None = None
    """Every message of this role, the last ones first where there is no room for all."""
    index: int | None = None
    """One message, from the end when negative; the system text in front is message 0."""
    control: MarkControl = MarkControl()
    """How long the mark holds."""

    def __post_init__(self) -> None:
        """Raises ValueError for a message that nothing names."""
        if self.location == "message" and self.role is None and self.index is None:
            raise ValueError("A message needs a role or an index")


class LitellmParams(msgspec.Struct, frozen=True, kw_only=True):
    """`model_list[].litellm_params`: where a deployment is and how it is called."""

    model: Name
    """`provider/model`, as the provider is to be asked; `*` stands for the text that `*` in `model_name` stood for."""
    api_key: Secret | None = None
    """The provider's key. Where it is not set the provider's usual environment variable is used."""
    api_base: Name | None = None
    """The provider's address. Where it is not set, the provider's public one."""
    api_version: Name | None = None
    """Azure: a date means the paths by deployment, `preview`, `latest` or none the v1 API."""
    organization: Name | None = None
    """OpenAI's organisation id, sent as a header with every call."""
    model_id: Name | None = None
    """Bedrock: what is called in place of `model`, which then only names the family: the ARN of an inference profile,
    of Provisioned Throughput, of a prompt router."""
    vertex_project: Name | None = None
    """Vertex AI: the project. Without it that of `VERTEXAI_PROJECT`, or the one that the credentials belong to."""
    vertex_location: Name | None = None
    """Vertex AI: a region, `global`, `us` or `eu`; that of `VERTEXAI_LOCATION`, or us-central1, where it is not set."""
    vertex_credentials: CredentialFile | None = None
    """Google's credentials: the path of a file, its JSON text, or the same as a mapping. Without them
    `GOOGLE_APPLICATION_CREDENTIALS`, and then what the machine gives."""
    azure_ad_token: Secret | None = None
    """Azure: a token of Entra ID that somebody else renews."""
    tenant_id: Name | None = None
    """Azure: the tenant of an application; `AZURE_TENANT_ID` where it is not set."""
    client_id: Name | None = None
    """Azure: the application, or the user-assigned managed identity; `AZURE_CLIENT_ID` where it is not set."""
    client_secret: Secret | None = None
    """Azure: the application's secret; `AZURE_CLIENT_SECRET` where it is not set. Without a key, a token and a secret
    the machine's own identity is used."""
    azure_scope: Name | None = None
    """Azure: what a token is asked for; `https://cognitiveservices.azure.com/.default` where it is not set."""
    custom_llm_provider: Name | None = None
    """The provider, where `model` does not begin with it."""
    aws_region_name: Name | None = None
    """AWS's region. Where it is not set: the one in the model's ARN, then `AWS_REGION_NAME`, `AWS_REGION` and
    `AWS_DEFAULT_REGION` of the environment, then us-west-2."""
    aws_access_key_id: Secret | None = None
    """An access key of AWS, with `aws_secret_access_key`. Where no key, profile, role or Bedrock API key is set, the
    environment's are used, then what the machine gives."""
    aws_secret_access_key: Secret | None = None
    """The secret of the access key."""
    aws_session_token: Secret | None = None
    """The session token of a temporary access key."""
    aws_profile_name: Name | None = None
    """A profile in AWS's configuration files, for its credentials."""
    aws_role_name: Name | None = None
    """The ARN of a role to assume, with the keys, the profile or what the machine gives; also in another account."""
    aws_session_name: Name | None = None
    """The name of the role's session, as CloudTrail shows it; `sekisho` where it is not set."""
    aws_external_id: Name | None = None
    """The external id that the role's trust policy asks for."""
    aws_session_tags: Mapping[Name, str] | tuple[SessionTag, ...] = ()
    """Tags of the role's session: a mapping, or a list of `Key` and `Value`."""
    aws_web_identity_token: Secret | None = None
    """Another identity provider's token to assume `aws_role_name` with: its text, a file's path, `oidc/file/PATH`,
    `oidc/env/NAME` or `oidc/env_path/NAME`."""
    aws_sts_endpoint: Name | None = None
    """The address of STS, for a VPC endpoint; the public one of the region where it is not set."""
    aws_bedrock_runtime_endpoint: Name | None = None
    """The address of Bedrock Runtime, for a VPC endpoint; the public one of the region where it is not set."""
    timeout_seconds: Seconds | None = field(name="timeout", default=None)
    """Longest time of one call in seconds."""
    stream_timeout_seconds: Seconds | None = field(name="stream_timeout", default=None)
    """Longest wait for the first event of a streamed call, in seconds."""
    num_retries: Retries | None = None
    """Further attempts after a failed call."""
    extra_headers: Mapping[Name, Secret] = {}
    """Headers sent to the provider with every call."""
    use_chat_completions_api: bool = False
    """Call an OpenAI deployment by chat completions for every caller, never by Responses."""
    drop_params: bool | None = None
    """As `litellm_settings.drop_params`, for this deployment."""
    weight: Weight | None = None
    """Share of the calls among deployments of one name; the average of the others' where it is not set."""
    rpm: Count | None = None
    """Requests a minute that the deployment can take; it is passed over when it has taken them."""
    tpm: Count | None = None
    """Tokens a minute that the deployment can take; it is passed over when it has taken them."""
    order: Count | None = None
    """Deployments of the lowest order are called first, the next when those have failed, and last those without one."""
    tags: tuple[Name, ...] = ()
    """Labels of the deployment, for `router_settings.enable_tag_filtering`."""
    cooldown_seconds: Seconds | None = field(name="cooldown_time", default=None)
    """As `router_settings.cooldown_time`, for this deployment."""
    region_name: Name | None = None
    """Where the deployment processes calls, for `sekisho.residency`; its provider's region where it is not set."""
    cache_control_injection_points: tuple[InjectionPoint, ...] = ()
    """Where requests to this deployment get prompt-cache marks; at most four with the caller's own, which are kept."""
    litellm_credential_name: Name | None = None
    """An entry of `credential_list` whose values hold for every key that is not set here."""
    costs: Mapping[str, Decimal] = field(name="costs", default={})
    """Prices in USD, exact as written. They hold over the public price table, and those in `model_info` over these."""
    rest: Mapping[str, Any] = field(name="rest", default={})
    """Filled with every other key of the deployment; each is named in a warning."""
    missing: tuple[str, ...] = field(name="missing", default=())
    """Filled with environment variables that this deployment asks for and that are not set: it cannot be called."""


class DatedPrices(msgspec.Struct, frozen=True, kw_only=True):
    """`model_info.prices[]`: prices that hold from a day on."""

    effective_from: dt.date
    """The first UTC day on which they hold, like 2026-07-01."""
    costs: Mapping[str, Decimal] = field(name="costs", default={})
    """Prices in USD, exact as written. Kinds that are not named cost what they cost the day before."""

    @property
    def from_us(self) -> int:
        """The beginning of that day, in epoch µs."""
        return round(dt.datetime.combine(self.effective_from, dt.time(), dt.UTC).timestamp()) * 1_000_000


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`model_list[].model_info`: facts about a deployment, shown by `/model/info`."""

    id: Name | None = None
    """A fixed id of the deployment; derived from its place and parameters where it is not set."""
    base_model: Name | None = None
    """The model whose price holds, where `model` does not tell it."""
    mode: Name | None = None
    """What the deployment does: chat, responses, completion, embedding, …"""
    max_input_tokens: Count | None = None
    """The context window in tokens."""
    max_output_tokens: Count | None = None
    """Most tokens of an answer."""
    max_tokens: Count | None = None
    """An older name of `max_output_tokens`."""
    prices: tuple[DatedPrices, ...] = ()
    """Prices from certain days on, each an entry with `effective_from` and cost keys: they hold over the public price
    table and over cost keys without a day. `sekisho ledger rerate` prices calls anew that were made before they were
    written here."""
    rest: Mapping[str, Any] = field(name="rest", default={})
    """Filled with every other key, shown by `/model/info` as it is."""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`model_list[]`: one deployment. Several of one `model_name` share its calls."""

    model_name: Name
    """The name that callers use; `*` stands for any text, as in `openai/*`."""
    params: LitellmParams = field(name="litellm_params")
    """Where the deployment is and how it is called."""
    info: ModelInfo = field(name="model_info", default=ModelInfo())
    """Facts about the deployment."""
    where: Where = field(name="where", default=Where(""))
    """Filled with the entry's file and line."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration."""

    model_list: tuple[ModelEntry, ...] = ()
    """The deployments."""
    litellm: LitellmSettings = field(name="litellm_settings", default=LitellmSettings())
    """How calls are made."""
    router: RouterSettings = field(name="router_settings", default=RouterSettings())
    """Which deployment serves a call."""
    general: GeneralSettings = field(name="general_settings", default=GeneralSettings())
    """The gateway itself."""
    sekisho: SekishoSettings = SekishoSettings()
    """What LiteLLM's file has no word for."""
    environment: Environment = field(name="environment_variables", default=Environment({}))
    """Variables that hold over those of the process: a mapping of names to values."""
    warnings: tuple[Problem, ...] = ()
    """What the file asks for and does not get."""

    @property
    def num_retries(self) -> int:
        """Further attempts after a failed call where the deployment does not say."""
        for value in (self.router.num_retries, self.litellm.num_retries):
            if value is not None:
                return value
        return _DEFAULT_RETRIES

    @property
    def total_seconds(self) -> float:
        """Longest time of one call where the deployment does not say."""
        return (
            self.router.timeout_seconds or self.litellm.request_timeout_seconds or self.sekisho.timeouts.total_seconds
        )

    @property
    def first_byte_seconds(self) -> float:
        """Longest wait for an answer's first byte where the deployment does not say."""
        return self.router.stream_timeout_seconds or self.sekisho.timeouts.first_byte_seconds

    @property
    def database_url(self) -> Secret | None:
        """The database server with keys and ledger; None for a file of SQLite."""
        return self.general.database_url if self.sekisho.database is None else None

    @property
    def redis_url(self) -> Secret | None:
        """Where limits are kept by several processes; None for the memory of one."""
        router = self.router
        if router.redis_url is not None or router.redis_host is None:
            return router.redis_url
        secret = router.redis_password.reveal() if router.redis_password is not None else ""
        who = f"{quote(router.redis_username or '', safe='')}:{quote(secret, safe='')}@" if secret else ""
        scheme = "rediss" if router.redis_ssl else "redis"
        return Secret(f"{scheme}://{who}{router.redis_host}:{router.redis_port}/{router.redis_db}")

    @property
    def body_limit_bytes(self) -> int:
        """Largest request body."""
        return round((self.general.max_request_size_mb or self.sekisho.body_limit_mb) * 1024 * 1024)
