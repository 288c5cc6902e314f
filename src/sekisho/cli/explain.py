"""`sekisho explain < request`: what the gateway sees in a request, without sending it anywhere.

Flows in: on stdin a request as it stands on the wire (request line, headers, body), or JSON with method, path, headers
and body; a configuration where key and route are to be told. Flows out: who, context, rules, plan, cost, a line each.
Must stay true: it recognises and admits exactly as `sekisho serve` does; it writes nothing; neither key nor prompt is
repeated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from sekisho.api.llm.routes import SURFACES, Routes
from sekisho.cli.route import Explain, Line, route_explained
from sekisho.config.load import load_settings
from sekisho.config.model import Settings
from sekisho.core.clock import SystemClock
from sekisho.core.errors import CallerError, MalformedRequest, SekishoError
from sekisho.core.money import usd_text
from sekisho.exchange.meter import estimated_tokens
from sekisho.identity.client import Client, recognise
from sekisho.identity.credential import find_token
from sekisho.identity.keys import Principal, principal_of, resolved_model, token_hash
from sekisho.identity.places import UNREADABLE
from sekisho.limits.rule import NO_LIMIT, Measure, Rule
from sekisho.limits.rules import applicable, rules_of
from sekisho.policy.admit import admit
from sekisho.routing.plan import Wish
from sekisho.store.bindings import binding_of_secret
from sekisho.store.open import read_beside
from sekisho.wire.json_edit import JsonObject

#: Who calls, where no key tells.
NOBODY = Principal(key_hash="")


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One request, its header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class _Described(msgspec.Struct):
    """A request as JSON; headers as an object or as pairs, the body as an object or as text."""

    method: str
    path: str
    headers: dict[str, str] | list[tuple[str, str]]
    body: Any = None


def explain(
    config: Annotated[Path | None, typer.Option(help="LiteLLM's config.yaml: tells whose key it is.")] = None,
    data_dir: Annotated[
        Path, typer.Option(help="Where keys live, unless --config or DATABASE_URL names a server.")
    ] = Path(".data"),
) -> None:
    """Say who sends a request, with what tool, and what would become of it. The request is read from stdin."""
    try:
        request = parse_request(sys.stdin.buffer.read())
        settings = load_settings(config, os.environ) if config else None
        who, principal = whose_key(request.headers, settings, data_dir) if settings else (None, NOBODY)
        lines = explained(request, who, route_explained(settings) if settings else None, principal)
    except SekishoError as error:
        print(f"sekisho: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    for name, value in lines:
        print(f"{name:<12} {value}")


def explained(
    request: Received, who: str | None, plan: Explain | None = None, principal: Principal = NOBODY
) -> list[Line]:
    """The whole answer; `who` and `plan` where they can be told. Raises MalformedRequest on a body that is none."""
    path = request.path.partition("?")[0]
    found = Routes(SURFACES).find(path, path.encode())
    surface = found.methods.get(request.method.upper()) if found is not None else None
    body = JsonObject(request.body.strip() or b"{}")
    model = found.model if found is not None and found.model is not None else _model_of(body)
    dialect = surface.dialect if surface else ""
    lines = [("request", f"{request.method} {path}"), ("dialect", dialect or "no route here")]
    if who is not None:
        lines.append(("key", who))
    client = recognise(request.headers, dialect, body)
    lines += _context(client)
    if model is not None:
        wish = Wish(
            principal=principal,
            headers=request.headers,
            values=body.values,
            session_id=client.session_id,
            tokens=estimated_tokens(len(request.body)),
            streams=True,
        )
        lines += [("model", model), *_rules(principal, model)]
        lines += plan(resolved_model(principal, model), wish, dialect) if plan else ()
    return lines


def parse_request(data: bytes) -> Received:
    """A request from its bytes on the wire or its JSON. Raises MalformedRequest saying what was expected."""
    if data.lstrip()[:1] == b"{":
        return _from_json(data)
    head, body = _split_head(data.lstrip(b"\r\n"))
    first, *rest = head.decode("latin-1").splitlines() or [""]
    words = first.split()
    if len(words) < 2 or not words[1].startswith("/"):
        raise MalformedRequest(
            "Expected a request on stdin: 'POST /v1/messages HTTP/1.1', headers, an empty line and the body; "
            'or JSON with "method", "path", "headers" and "body".'
        )
    pairs = [line.partition(":") for line in rest]
    headers = {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
    return Received(method=words[0], path=words[1], headers=headers, body=body)


def whose_key(headers: Mapping[str, str], settings: Settings, data_dir: Path) -> tuple[str, Principal]:
    """Whose key the headers show, in words and as the gateway sees it. Raises OperatorError where there is no
    database, StoreAway where it cannot be reached.
    """
    key_header = (settings.general.litellm_key_header_name or "").lower() or None
    token, master = find_token(headers, key_header), settings.general.master_key
    if token is None:
        return "none was sent", NOBODY
    if master is not None and token == master.reveal():
        return "the master key", msgspec.structs.replace(NOBODY, is_master=True)
    hashed = token_hash(token)
    binding = read_beside(settings, data_dir, lambda connection: binding_of_secret(connection, hashed))
    if binding is None:
        return "not known to the gateway", NOBODY
    principal = principal_of(binding)
    return _named(principal), principal


def _from_json(data: bytes) -> Received:
    try:
        described = msgspec.json.decode(data, type=_Described)
    except msgspec.DecodeError as error:
        raise MalformedRequest(f"The request's JSON cannot be read: {error}.") from None
    headers = {name.lower(): value for name, value in dict(described.headers).items()}
    text = described.body
    body = text.encode() if isinstance(text, str) else b"" if text is None else msgspec.json.encode(text)
    return Received(method=described.method, path=described.path, headers=headers, body=body)


def _split_head(data: bytes) -> tuple[bytes, bytes]:
    """Head and body around the first empty line, whichever way lines end."""
    ends = [(at, blank) for blank in (b"\r\n\r\n", b"\n\n") if (at := data.find(blank)) >= 0]
    if not ends:
        return data, b""
    at, blank = min(ends)
    return data[:at], data[at + len(blank) :]


def _model_of(body: JsonObject) -> str | None:
    raw = body.values.get("model")
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str)
    except UNREADABLE:
        return None


def _context(client: Client) -> list[Line]:
    return [
        ("tool", client.tool),
        ("version", client.version or "unknown"),
        ("interface", client.interface),
        ("os", client.os),
        ("session", client.session_id or "none"),
        ("confidence", client.confidence),
        ("evidence", ", ".join(client.evidence) or "none"),
    ]


def _rules(principal: Principal, model: str) -> list[Line]:
    """Whether this caller may call the model now, and the limits that the call is held to; nothing for nobody."""
    if principal == NOBODY:
        return []
    try:
        admit(principal, model, SystemClock().now_us())
    except CallerError as error:
        return [("rules", f"refused: {error}")]
    rules = applicable(tuple(rule for scope in principal.scopes for rule in rules_of(scope)), model)
    return [("rules", "admitted"), *(("limit", _limit(rule)) for rule in rules if rule.limit < NO_LIMIT)]


def _limit(rule: Rule) -> str:
    whose = rule.scope_kind.replace("_", " ") + (f", model {rule.model}" if rule.model else "")
    if rule.measure is Measure.MONEY:
        return f"{whose}: {usd_text(rule.limit)} USD" + (f" in {rule.period}" if rule.period else "")
    what = "calls at once" if rule.measure is Measure.PARALLEL else f"{rule.measure.replace('_', ' ')} a minute"
    return f"{whose}: {rule.limit} {what}"


def _named(principal: Principal) -> str:
    facts = [("user", principal.user_id), ("team", principal.team_id), ("", "blocked" if principal.blocked else None)]
    about = ", ".join(f"{name} {value}".strip() for name, value in facts if value)
    return (principal.key_alias or principal.key_name) + (f" ({about})" if about else "")
