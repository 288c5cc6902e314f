"""The sections of config.yaml beside model_list, one frozen Struct each; the text under a field is its documentation.

Flows in: what config/read.py takes from the file. Flows out: typed values with their defaults and units.
Must stay true: a field stands here only when something acts on it, or when its wish is how the gateway always works;
every other key is listed in config/keys.py. The YAML key is the field's name, or the `name=` of its field().
Source: LiteLLM's configuration reference, release 1.108.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import field

from sekisho.config.values import Count, Dollars, Duration, Megabytes, Name, Portion, Retries, Seconds
from sekisho.core.secret import Secret

#: Model names by the model name they stand in for; `"*"` stands for every name.
Fallbacks = tuple[Mapping[Name, tuple[Name, ...]], ...]


class LitellmSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`litellm_settings`: how calls are made."""

    drop_params: bool = False
    """Whether tuning parameters that the serving model does not take (temperature, penalties, …) are left out."""
    num_retries: Retries | None = None
    """Further attempts after a failed call. `router_settings.num_retries` holds over it; 2 where neither is set."""
    request_timeout_seconds: Seconds | None = field(name="request_timeout", default=None)
    """Longest time of one call in seconds. `router_settings.timeout` holds over it."""
    fallbacks: Fallbacks = ()
    """As `router_settings.fallbacks`, where that is not set."""
    context_window_fallbacks: Fallbacks = ()
    """As `router_settings.context_window_fallbacks`, where that is not set."""
    content_policy_fallbacks: Fallbacks = ()
    """As `router_settings.content_policy_fallbacks`, where that is not set."""
    default_fallbacks: tuple[Name, ...] = ()
    """As `router_settings.default_fallbacks`, where that is not set."""
    max_budget: Dollars | None = None
    """What all calls together may cost in USD, in each `budget_duration`."""
    budget_duration: Name | None = None
    """The period of `max_budget`, aligned to the calendar: `1h`, `1d`, `7d`, `30d`, `1mo`; for ever where it is not
    set."""
    timezone: Name = "UTC"
    """The time zone (IANA) whose midnight begins the periods of budgets that name none of their own."""
    allowed_fails: Count | None = None
    """As `router_settings.allowed_fails`, where that is not set."""
    cooldown_seconds: Seconds | None = field(name="cooldown_time", default=None)
    """As `router_settings.cooldown_time`, where that is not set."""
    callbacks: tuple[Name, ...] = ()
    """Receivers of events, by LiteLLM's name. Each one is named in a warning until it is served."""
    success_callback: tuple[Name, ...] = ()
    """Receivers of successful calls; as `callbacks`."""
    failure_callback: tuple[Name, ...] = ()
    """Receivers of failed calls; as `callbacks`."""
    turn_off_message_logging: bool = True
    """Keep prompts and answers out of logs. They are never logged; `false` is named in a warning."""
    redact_messages_in_exceptions: bool = True
    """Keep prompts out of error texts. They never stand in one; `false` is named in a warning."""
    redact_user_api_key_info: bool = True
    """Keep key details out of logs. They never stand in one; `false` is named in a warning."""


class ModelAlias(msgspec.Struct, frozen=True, kw_only=True):
    """A second name for a model group. In the file also as plain text: `alias: group`."""

    model: Name
    """The `model_name` that serves this alias."""
    hidden: bool = False
    """Leave the alias out of `/v1/models`; it can still be called."""


class AllowedFails(msgspec.Struct, frozen=True, kw_only=True):
    """`allowed_fails_policy`: failures in a minute that are borne, by their kind."""

    authentication: Count | None = field(name="AuthenticationErrorAllowedFails", default=None)
    """The provider refused the credential."""
    timeout: Count | None = field(name="TimeoutErrorAllowedFails", default=None)
    """The provider did not answer in time."""
    rate_limit: Count | None = field(name="RateLimitErrorAllowedFails", default=None)
    """The provider asked to slow down."""
    internal_server_error: Count | None = field(name="InternalServerErrorAllowedFails", default=None)
    """The provider failed or was overloaded."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`retry_policy`: further attempts by the kind of failure; `num_retries` where a kind is not set."""

    authentication: Retries | None = field(name="AuthenticationErrorRetries", default=None)
    """The provider refused the credential."""
    timeout: Retries | None = field(name="TimeoutErrorRetries", default=None)
    """The provider did not answer in time."""
    rate_limit: Retries | None = field(name="RateLimitErrorRetries", default=None)
    """The provider asked to slow down."""
    internal_server_error: Retries | None = field(name="InternalServerErrorRetries", default=None)
    """The provider failed or was overloaded."""
    content_policy: Retries | None = field(name="ContentPolicyViolationErrorRetries", default=None)
    """The provider's filter refused the content. Never tried again where this is not set."""
    bad_request: Retries | None = field(name="BadRequestErrorRetries", default=None)
    """The provider called the request wrong. Never tried again where this is not set."""


class StrategyArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`routing_strategy_args`: for latency-based-routing."""

    ttl_seconds: Seconds = field(name="ttl", default=600.0)
    """A deployment that was not measured for so many seconds is tried again."""
    lowest_latency_buffer: Portion = 0.0
    """Deployments slower than the fastest by at most this part of its time count as equally fast."""


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`router_settings`: which deployment serves a call. Holds over the same key in `litellm_settings`."""

    num_retries: Retries | None = None
    """Further attempts after every deployment of the name has failed, each after a pause; 2 where nothing is set."""
    timeout_seconds: Seconds | None = field(name="timeout", default=None)
    """Longest time of one call in seconds."""
    stream_timeout_seconds: Seconds | None = field(name="stream_timeout", default=None)
    """Longest wait for the first event of a streamed call, in seconds."""
    redis_url: Secret | None = None
    """Valkey or Redis in which several processes keep their limits together (`redis://…`, `rediss://…`); `REDIS_URL` in
    the environment where the file has none. Without one, limits are kept in the memory of one process."""
    redis_host: Name | None = None
    """The same in parts, where there is no URL; `REDIS_HOST` in the environment."""
    redis_port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 6379
    """Its port; `REDIS_PORT` in the environment."""
    redis_username: Name | None = None
    """Its user; `REDIS_USERNAME` in the environment."""
    redis_password: Secret | None = None
    """Its password; `REDIS_PASSWORD` in the environment."""
    redis_db: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    """The number of its database."""
    redis_ssl: bool = False
    """Whether it is spoken to over TLS; `REDIS_SSL` in the environment."""
    model_group_alias: Mapping[Name, ModelAlias] = {}
    """Further names for models: `alias: group` or `alias: {model: group, hidden: true}`."""
    default_model: Name | None = None
    """The `model_name` that serves a call whose model is not in the list."""
    routing_strategy: Literal[
        "simple-shuffle",
        "least-busy",
        "latency-based-routing",
        "usage-based-routing",
        "usage-based-routing-v2",
        "cost-based-routing",
    ] = "simple-shuffle"
    """Which deployment of a name is tried first: by chance in proportion to `weight` (else `rpm`, else `tpm`), the one
    with the fewest calls in flight, the fastest, the one with most of its `tpm` and `rpm` left, or the cheapest."""
    routing_strategy_args: StrategyArguments = StrategyArguments()
    """Details of the strategy."""
    fallbacks: Fallbacks = ()
    """`[{name: [other, …]}]`: the models to go to when a model's deployments have failed, in turn. The caller's key
    must be allowed to call them."""
    context_window_fallbacks: Fallbacks = ()
    """The same for requests that are too long for the model; `fallbacks` where it names nothing for the model."""
    content_policy_fallbacks: Fallbacks = ()
    """The same for requests that the provider's filter refused; `fallbacks` where it names nothing for the model."""
    default_fallbacks: tuple[Name, ...] = ()
    """The models to go to where nothing else is named for a model."""
    max_fallbacks: Count = 5
    """At most so many other models are tried for one call."""
    allowed_fails: Count | None = None
    """A deployment with more failures than this in a minute is left out for a while. Where it is not set: one that has
    failed three times in a row, has asked twice in a row to slow down, or has said for how long; while it may have been
    chance it is still tried last."""
    cooldown_seconds: Seconds | None = field(name="cooldown_time", default=None)
    """How long it is left out at first, in seconds, 5 where nothing is set; twice as long each time that the one call
    which then tries it fails, at most ten minutes. The provider's retry-after holds over it."""
    allowed_fails_policy: AllowedFails = AllowedFails()
    """`allowed_fails` by the kind of failure."""
    disable_cooldowns: bool = False
    """Never leave a failing deployment out."""
    retry_policy: RetryPolicy = RetryPolicy()
    """`num_retries` by the kind of failure."""
    model_group_retry_policy: Mapping[Name, RetryPolicy] = {}
    """The same for single models; holds over `retry_policy`."""
    retry_after_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = field(name="retry_after", default=0.0)
    """Shortest pause before a further attempt, in seconds."""
    enable_tag_filtering: bool = False
    """Send a call with tags (of its key, its `metadata.tags` or the header `x-litellm-tags`) to deployments that carry
    them, others to deployments tagged `default`."""
    tag_filtering_match_any: bool = True
    """Whether one tag of a call is enough; else a deployment must carry all of them."""
    affinity_seconds: Seconds = field(name="deployment_affinity_ttl_seconds", default=3600.0)
    """How long a silent conversation stays with the deployment that holds its prompt cache."""


class CustomAuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`general_settings.custom_auth_settings`: how far a company's own function decides who calls."""

    mode: Literal["on", "off", "auto"] | bool = "on"
    """`on`: it alone, beside the master key. `auto`: whom it does not know may show a virtual key. `off`: it is not
    asked. (YAML reads an unquoted on or off as true or false, which mean the same here.)"""


class GeneralSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`general_settings`: the gateway itself."""

    master_key: Secret | None = None
    """The administrator's key; `LITELLM_MASTER_KEY` in the environment where the file has none. Without one the gateway
    refuses to start."""
    database_url: Secret | None = None
    """The PostgreSQL database with keys and ledger (postgresql://…); `DATABASE_URL` in the environment where the file
    has none. Without one they are in a file of SQLite. Read when the gateway starts."""
    store_model_in_db: bool = False
    """Add models through the management API (`/model/new`), beside those of the file. Also `STORE_MODEL_IN_DB` in the
    environment. Their parameters are sealed under `SEKISHO_ROOT_KEY`. Read when the gateway starts."""
    custom_auth: Name | None = None
    """`module.function`: a company's own function that says who calls; the module beside config.yaml, or installed. See
    [authentication.md](authentication.md)."""
    custom_auth_settings: CustomAuthSettings = CustomAuthSettings()
    """How far that function decides."""
    litellm_key_header_name: Name | None = None
    """One more request header that may carry the caller's key."""
    max_request_size_mb: Megabytes | None = None
    """Largest request body in megabytes (1,048,576 bytes); holds over `sekisho.body_limit_mb`."""
    calls_kept: Duration | None = field(name="maximum_spend_logs_retention_period", default=None)
    """For how long calls stay in the ledger: `90d`, `12w`, `6mo`. Whole UTC days are given up, when all of the day is
    older; what they add up to stays. At least as long as the longest budget period, of which the beginning is counted
    from calls. For ever where it is not set."""
    calls_kept_interval: Duration = field(name="maximum_spend_logs_retention_interval", default="1d")
    """How often old calls are looked for."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """`sekisho.timeouts`: how long a provider may take, in seconds."""

    connect_seconds: Seconds = 10.0
    """To open a connection, TLS included."""
    first_byte_seconds: Seconds = 600.0
    """From the end of the request to the first byte of the answer. A deployment's `stream_timeout` holds over it."""
    between_chunks_seconds: Seconds = 300.0
    """Between two pieces of a streamed answer."""
    caller_stalled_seconds: Seconds = 300.0
    """How long a caller may take nothing of a streamed answer before the call ends as if it had hung up."""
    total_seconds: Seconds = 6000.0
    """The whole call. A deployment's `timeout`, `router_settings.timeout` and `litellm_settings.request_timeout` hold
    over it, in this order."""


class ProviderPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`sekisho.providers.NAME`: how to treat one provider."""

    hang_up: Literal["cancel", "drain"] | None = None
    """What happens upstream when the caller hangs up: `cancel` closes the provider's stream, `drain` reads it to the
    end for its exact usage. Without it the provider's own default holds."""


class Residency(msgspec.Struct, frozen=True, kw_only=True):
    """`sekisho.residency`, and `residency` of a key's metadata, a team or an organisation: where calls may be
    processed. All that there are must hold.
    """

    regions: tuple[Name, ...] = ()
    """Allowed regions, `*` for any text (`eu-*`): `region_name` of a deployment, else the geography of its inference
    profile (`eu`, `us`, `global`), else its region. A deployment whose region is not known is not allowed."""
    providers: tuple[Name, ...] = ()
    """Allowed providers, by the name before the slash in `model`."""
    accounts: tuple[Name, ...] = ()
    """Allowed accounts at the providers: an AWS account, a Google project. A deployment of which that
    is not known is not allowed."""


class RoutingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`sekisho.routing`: what callers may decide. What only tightens they may always: a shorter time, fewer retries."""

    callers_may: tuple[Literal["choose_deployment", "wait_longer", "retry_more", "name_fallbacks"], ...] = ()
    """`choose_deployment`: by id in the header `x-sekisho-deployment`. `wait_longer`, `retry_more`: than configured, in
    `x-litellm-timeout`, `x-litellm-stream-timeout` and `x-litellm-num-retries`. `name_fallbacks`: in `fallbacks` of an
    OpenAI body. The master key may always."""


class MediaPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`sekisho.media`: images and documents that callers name by URL, for models that take no URLs."""

    fetch: bool = True
    """Whether the gateway fetches them. `false`: such a call is refused by name."""
    max_mb: Megabytes = 20.0
    """Largest file in megabytes (1,048,576 bytes)."""
    timeout_seconds: Seconds = 10.0
    """Longest time for one file, redirects included."""
    allowed_hosts: tuple[Name, ...] = ()
    """Servers of your own: these host names may have private addresses and speak http. Everything else is fetched over
    https, from public addresses only."""


class CacheMarks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sekisho.cache_marks[]`: which prompt-cache marks the gateway adds to requests. Marks of the caller are kept, and
    there are never more than four.
    """

    models: tuple[Name, ...] = ()
    """The `model_name`s it holds for, `*` for any text; all where it is empty."""
    keys: tuple[Name, ...] = ()
    """The aliases of the keys it holds for; all where it is empty."""
    system: bool = True
    """Mark the end of the system text."""
    tools: bool = True
    """Mark the last tool."""
    last_messages: Annotated[int, msgspec.Meta(ge=0, le=4)] = 2
    """Mark so many of the user's last messages, results of tools among them."""
    ttl: Literal["5m", "1h"] | None = None
    """How long the provider keeps what is marked; its own default where it is not set."""


class LimitPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sekisho.limits`: how budgets and rates are kept."""

    output_floor_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1_024
    """Where a budget has not room for all that a call asks for, its answer is cut to what there is, said in the header
    x-sekisho-max-tokens. It is refused when there is not room for so many tokens."""
    budget_status: Literal[400, 429] = 429
    """The HTTP status of an exhausted budget, as LiteLLM gives it (400 until early 2026, 429 since). Coding agents
    always get 400: at 429 they try again for minutes and do not show why."""


class AuthenticationPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sekisho.authentication`: a company's own way to say who calls. See [authentication.md](authentication.md)."""

    plugin: Name | None = None
    """A function of an installed package, by its name in the entry-point group `sekisho.authentication`; in the place
    of `general_settings.custom_auth`, whose mode holds for it too."""
    timeout_seconds: Seconds = 10.0
    """How long a caller waits for the function, then gets 503; the reading of the body by it included."""


class StopPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sekisho.stop`: how the gateway ends when it is told to by SIGTERM."""

    notice_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    """For so long it goes on taking calls, while `/health/readiness` says 503 and every answer is the last one of its
    connection: a load balancer notices and sends calls elsewhere. Longer than its health checks take; 0 where there is
    none in front. SIGINT does without."""
    drain_seconds: Seconds = 30.0
    """Then it listens no more, and calls that are running may go on for so long. What still runs is cut, and booked as
    incomplete."""


class SekishoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`sekisho`: what LiteLLM's file has no word for."""

    timeouts: Timeouts = Timeouts()
    """How long a provider may take."""
    ping_after_seconds: Seconds = 15.0
    """A streaming caller who has heard nothing for so long gets a ping, so that nothing in between hangs up."""
    body_limit_mb: Megabytes = 32.0
    """Largest request body in megabytes (1,048,576 bytes), also after decompression."""
    database: Name | None = None
    """Path of the SQLite file with keys and ledger; `sekisho.db` in the data directory where it is not set. It holds
    over `database_url`."""
    providers: Mapping[Name, ProviderPolicy] = {}
    """Policy by provider, by the name before the slash in `model` (`anthropic`, `openai`, …)."""
    residency: Residency = Residency()
    """Where calls of every key may be processed."""
    routing: RoutingPolicy = RoutingPolicy()
    """What callers may decide of a call's route."""
    media: MediaPolicy = MediaPolicy()
    """Images and documents that callers name by URL."""
    cache_marks: tuple[CacheMarks, ...] = ()
    """Prompt-cache marks by model and key: the first entry that fits holds. A deployment's own
    `cache_control_injection_points` holds over it."""
    limits: LimitPolicy = LimitPolicy()
    """How budgets and rates are kept."""
    authentication: AuthenticationPolicy = AuthenticationPolicy()
    """A company's own way to say who calls."""
    stop: StopPolicy = StopPolicy()
    """How the gateway ends."""
    unknown_price: Literal["allow", "refuse"] = "refuse"
    """Whether a model without a known price may be called under a money budget. Its cost is then unknown, and nothing
    of the budget is used."""
