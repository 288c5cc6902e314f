"""The sections of config.yaml beside model_list, one frozen Struct each; the text under a field is its documentation.

Flows in: what config/read.py takes from the file. Flows out: typed values with their defaults and units.
Must stay true: a field stands here only when something acts on it, or when its wish is how the gateway always works;
every other key is listed in config/keys.py. The YAML key is the field's name, or the `name=` of its field().
Source: LiteLLM's configuration reference, release 1.108.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import field

from sekisho.config.values import Megabytes, Name, Retries, Seconds
from sekisho.core.secret import Secret


class LitellmSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`litellm_settings`: how calls are made."""

    drop_params: bool = False
    """Whether tuning parameters that the serving model does not take (temperature, penalties, …) are left out."""
    num_retries: Retries | None = None
    """Further attempts after a failed call. `router_settings.num_retries` holds over it; 2 where neither is set."""
    request_timeout_seconds: Seconds | None = field(name="request_timeout", default=None)
    """Longest time of one call in seconds. `router_settings.timeout` holds over it."""
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


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`router_settings`: which deployment serves a call. Holds over the same key in `litellm_settings`."""

    num_retries: Retries | None = None
    """Further attempts after a failed call, on the deployments of the same name in turn; 2 where nothing is set."""
    timeout_seconds: Seconds | None = field(name="timeout", default=None)
    """Longest time of one call in seconds."""
    stream_timeout_seconds: Seconds | None = field(name="stream_timeout", default=None)
    """Longest wait for the first event of a streamed call, in seconds."""
    model_group_alias: Mapping[Name, ModelAlias] = {}
    """Further names for models: `alias: group` or `alias: {model: group, hidden: true}`."""
    default_model: Name | None = None
    """The `model_name` that serves a call whose model is not in the list."""


class GeneralSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`general_settings`: the gateway itself."""

    master_key: Secret | None = None
    """The administrator's key; `LITELLM_MASTER_KEY` in the environment where the file has none. Without one the gateway
    refuses to start."""
    database_url: Secret | None = None
    """Where keys and the ledger live; `DATABASE_URL` in the environment where the file has none. It is named in
    a warning, because this release keeps them in SQLite (`sekisho.database`)."""
    store_model_in_db: bool = False
    """Manage models through the API. Also `STORE_MODEL_IN_DB` in the environment. It is named in a warning, because
    models come from the file alone in this release."""
    litellm_key_header_name: Name | None = None
    """One more request header that may carry the caller's key."""
    max_request_size_mb: Megabytes | None = None
    """Largest request body in megabytes (1,048,576 bytes); holds over `sekisho.body_limit_mb`."""


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


class SekishoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`sekisho`: what LiteLLM's file has no word for."""

    timeouts: Timeouts = Timeouts()
    """How long a provider may take."""
    ping_after_seconds: Seconds = 15.0
    """A streaming caller who has heard nothing for so long gets a ping, so that nothing in between hangs up."""
    body_limit_mb: Megabytes = 32.0
    """Largest request body in megabytes (1,048,576 bytes), also after decompression."""
    database: Name | None = None
    """Path of the SQLite file with keys and ledger; `sekisho.db` in the data directory where it is not set."""
    providers: Mapping[Name, ProviderPolicy] = {}
    """Policy by provider, by the name before the slash in `model` (`anthropic`, `openai`, …)."""
    unknown_price: Literal["allow", "refuse"] = "refuse"
    """Whether a model without a known price may be called under a money budget. Budgets are not enforced in this
    release, so that such calls pass with an empty cost; setting it is named in a warning."""
