"""What the ledger keeps of a call: an intent before the first byte goes upstream, one row when it is over.

Flows in: names, counts and times from the exchange. Flows out: spool records (JSON) and database rows.
Must stay true: no prompt text, no key and no secret stands in any field; new fields have a default, because a spool
written before an upgrade is read after it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.core.bounds import ERROR_DETAIL_CHARS
from sekisho.core.errors import ErrorClass

Status = Literal["success", "failure", "incomplete"]

#: Error class and detail of a call that a stop of the gateway cut off.
STOPPED_DETAIL = "The gateway stopped before this call ended; it is booked at its estimate."
#: Any name or id that a caller or provider chose ends here.
TEXT_CHARS = 500
#: The words of callers and providers for a tier or a place are shorter.
WORD_CHARS = 40
#: A caller's metadata over this size is not stored: half a JSON text is none.
METADATA_CHARS = 8_000
#: What a provider may say at most of one call: sums over any number of calls still fit into a BIGINT.
TOKENS_MAX = 10**12
COST_MAX_NANO_USD = 10**16
#: Tags kept of one call.
TAGS = 50


class Hold(msgspec.Struct, frozen=True, kw_only=True, tag="hold", tag_field="record"):
    """'This call is about to reserve in a store that outlives us.' Where neither intent nor row follows, it was not
    sent, and what it holds there is given back.
    """

    call_id: str


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="intent", tag_field="record"):
    """'This call is about to go upstream.' Written before the first byte; the row of the same `call_id` settles it.

    `estimate_nano_usd` is what the call is booked at if the process dies; None when the price is unknown.
    """

    call_id: str
    started_us: int
    key_hash: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    requested_model: str | None = None
    routed_model: str | None = None
    provider: str | None = None
    deployment_id: str | None = None
    api_base: str | None = None
    dialect: str | None = None
    upstream_dialect: str | None = None
    operation: str | None = None
    stream: bool = False
    tool: str | None = None
    tool_version: str | None = None
    interface: str | None = None
    os: str | None = None
    client_confidence: str | None = None
    session_id: str | None = None
    client_request_id: str | None = None
    estimated_input_tokens: int = 0
    estimated_output_tokens: int = 0
    estimate_nano_usd: int | None = None
    price_version: str | None = None
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    spend_logs_metadata: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    model_group: str | None = None
    region: str | None = None
    account: str | None = None
    service_tier: str | None = None


class CallRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="row", tag_field="record"):
    """One call, over. Times are epoch µs UTC, money is nano-USD, tokens are disjoint kinds as in `Usage`.

    `call_id` is our request id (UUIDv7). `api_base` is the host only. `cost_nano_usd` None means the price is
    unknown, never zero. `usage_complete` is False where tokens or cost are an estimate. `http_status` is what the
    caller got. `spend_logs_metadata` is the caller's JSON text (header x-litellm-spend-logs-metadata), bounded.
    `service_tier` is the provider's word, else the caller's.
    """

    call_id: str
    started_us: int
    ended_us: int
    status: Status
    http_status: int
    first_token_us: int | None = None
    session_id: str | None = None
    client_request_id: str | None = None
    key_hash: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    tool: str | None = None
    tool_version: str | None = None
    interface: str | None = None
    os: str | None = None
    client_confidence: str | None = None
    requested_model: str | None = None
    routed_model: str | None = None
    served_model: str | None = None
    provider: str | None = None
    deployment_id: str | None = None
    api_base: str | None = None
    dialect: str | None = None
    upstream_dialect: str | None = None
    operation: str | None = None
    stream: bool = False
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano_usd: int | None = None
    price_version: str | None = None
    usage_complete: bool = True
    error_class: str | None = None
    error_detail: str | None = None
    attempts: int = 1
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    spend_logs_metadata: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    model_group: str | None = None
    region: str | None = None
    account: str | None = None
    service_tier: str | None = None
    inference_geo: str | None = None

    @property
    def usage(self) -> Usage:
        """The tokens as one value."""
        return Usage(
            input_tokens=self.input_tokens,
            cache_read_tokens=self.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens,
            output_tokens=self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
        )


#: What stands in the spool.
Record = Hold | Intent | CallRow
#: What an intent and its row have in common, by name.
_SHARED_FIELDS = tuple(name for name in Intent.__struct_fields__ if name in CallRow.__struct_fields__)
#: A provider may count beyond any column; the call is booked all the same.
_COUNTS = tuple(name for name in CallRow.__struct_fields__ if name.endswith("_tokens"))
#: Texts that a caller or a provider chose: cut before they are stored.
_CALLER_TEXTS = ("session_id", "client_request_id", "requested_model", "served_model", "end_user", "tool_version")

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """A spool record."""
    return _encoder.encode(record)


def decode_record(payload: bytes) -> Record:
    """The other way. Raises msgspec.MsgspecError for what is no record."""
    return _decoder.decode(payload)


def row_of_lost_call(intent: Intent, ended_us: int) -> CallRow:
    """The row of a call that the process did not live to settle: its estimate, flagged."""
    shared = {name: getattr(intent, name) for name in _SHARED_FIELDS}
    return CallRow(
        **shared,
        ended_us=max(ended_us, intent.started_us),
        status="incomplete",
        http_status=0,
        input_tokens=intent.estimated_input_tokens,
        output_tokens=intent.estimated_output_tokens,
        cost_nano_usd=intent.estimate_nano_usd,
        usage_complete=False,
        error_class=ErrorClass.INTERNAL.value,
        error_detail=STOPPED_DETAIL,
    )


def to_columns(row: CallRow) -> dict[str, Any]:
    """A row as the `calls` table takes it, its texts bounded."""
    columns = msgspec.structs.asdict(row)
    columns["tags"] = msgspec.json.encode(row.tags[:TAGS]).decode() if row.tags else None
    for name in _COUNTS:
        columns[name] = min(columns[name], TOKENS_MAX)
    for name in _CALLER_TEXTS:
        columns[name] = _bounded(columns[name], TEXT_CHARS)
    if row.cost_nano_usd is not None:
        columns["cost_nano_usd"] = min(row.cost_nano_usd, COST_MAX_NANO_USD)
    columns["error_detail"] = _bounded(row.error_detail, ERROR_DETAIL_CHARS)
    if row.spend_logs_metadata is not None and len(row.spend_logs_metadata) > METADATA_CHARS:
        columns["spend_logs_metadata"] = None
    return columns


def from_columns(columns: dict[str, Any]) -> CallRow:
    """A row as it stands in the `calls` table."""
    tags = msgspec.json.decode(columns["tags"], type=tuple[str, ...]) if columns["tags"] else ()
    return CallRow(**(columns | {"tags": tags}))


def _bounded(text: str | None, characters: int) -> str | None:
    """Cut, and without NUL, which PostgreSQL's text cannot hold."""
    if text is None or (len(text) <= characters and "\x00" not in text):
        return text
    return text[:characters].replace("\x00", "")
