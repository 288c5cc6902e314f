"""LiteLLM's stored models as ours: opened with its salt key, sealed with our root key.

Flows in: a `Source`, the two keys. Flows out: rows. Must stay true: a model is read by the rules of config.yaml before
it is stored; one that does not open, or that is not understood, is told and left out; a salt key that opens nothing at
all is the wrong one and stops the import.
"""

from __future__ import annotations

from typing import Any, Final

from sekisho.api.admin.fields import storable
from sekisho.cli.litellm.fields import CannotImport, document, stamps
from sekisho.cli.litellm.findings import Findings
from sekisho.cli.litellm.salt import CannotDecrypt, Salt
from sekisho.cli.litellm.source import Row, Source
from sekisho.config.model import Settings
from sekisho.config.stored import read_stored
from sekisho.core.envelope import ROOT_KEY, Envelope
from sekisho.core.errors import MalformedRequest, OperatorError
from sekisho.providers.deployment import resolve
from sekisho.providers.stored import sealed_params
from sekisho.store.directory import ModelRow

SALT_KEY: Final = "LITELLM_SALT_KEY"
#: LiteLLM encrypts with this where there is no salt key.
MASTER_KEY: Final = "LITELLM_MASTER_KEY"
_CREDENTIAL: Final = "litellm_credential_name"


def read_models(
    source: Source, salt: Salt | None, envelope: Envelope, findings: Findings, now_us: int
) -> list[ModelRow]:
    """Those that open and are understood. Raises OperatorError for a wrong salt key."""
    rows = source.tables["models"]
    missing = SALT_KEY if salt is None else None if envelope.ready else ROOT_KEY
    if salt is None or missing:
        for row in rows:
            findings.add(f"models not imported: {missing} is not set", _named(row))
        return []
    opened = _opened(rows, salt, findings)
    if rows and not opened:
        raise OperatorError(
            f"{SALT_KEY} opens none of LiteLLM's {len(rows)} models: set the one that LiteLLM runs with "
            f"({MASTER_KEY} where it has none), or unset both to import all but the models."
        )
    credentials, made = _credentials(source, salt), []
    for row, params in opened:
        try:
            made.append(_made(row, _with_credential(params, credentials), envelope, findings, now_us))
        except (CannotImport, MalformedRequest) as error:
            findings.add(f"models not imported: {error}", _named(row))
    return made


def _opened(rows: list[Row], salt: Salt, findings: Findings) -> list[tuple[Row, dict[str, Any]]]:
    opened = []
    for row in rows:
        try:
            params = salt.opened(document(row["litellm_params"]))
        except CannotDecrypt as error:
            findings.add(f"models not imported: {error}", _named(row))
            continue
        opened.append((row, {name: value for name, value in params.items() if value is not None}))
    return opened


def _credentials(source: Source, salt: Salt) -> dict[str, dict[str, Any]]:
    """Name -> values of those that open. A model that names another one is told."""
    found: dict[str, dict[str, Any]] = {}
    for row in source.tables["credentials"]:
        try:
            found[row["credential_name"]] = salt.opened(document(row["credential_values"]))
        except CannotDecrypt:
            continue
    return found


def _with_credential(params: dict[str, Any], credentials: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The parameters with the values that they name. Raises CannotImport where there are none."""
    name = params.pop(_CREDENTIAL, None)
    if name is not None and name not in credentials:
        raise CannotImport(f"its credential '{name}' does not open, or stands in LiteLLM's file")
    return credentials.get(str(name), {}) | params


def _made(row: Row, params: dict[str, Any], envelope: Envelope, findings: Findings, now_us: int) -> ModelRow:
    model_id, name = str(row["model_id"]), str(row["model_name"])
    info = {key: value for key, value in document(row.get("model_info")).items() if key != "id" and value is not None}
    entry = read_stored(model_id, name, storable(params), storable(info))
    found = resolve(entry, Settings())
    if not found.provider.services:
        findings.add(f"models that cannot be called: nobody knows the provider '{found.provider.name}'", _named(row))
    columns: dict[str, Any] = sealed_params(envelope, model_id, params) | stamps(row, now_us)
    return ModelRow(model_id=model_id, model_name=name, info=info, blocked=bool(row.get("blocked")), **columns)


def _named(row: Row) -> str:
    return f"{row['model_name']} ({row['model_id']})"
