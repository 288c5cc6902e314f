"""Models beside the configuration's, and the credentials that they share: their parameters are sealed.

Flows in: rows of `models` and `credentials`. Flows out: model entries. Must stay true: what the file declares holds
over what is stored under the same id; a row that cannot be opened or read leaves its model out and is named in the log,
and nothing else stands still for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from sekisho.config.model import ModelEntry, Settings
from sekisho.config.stored import Credentials, read_stored
from sekisho.core.envelope import ROOT_KEY, CannotOpen, Envelope
from sekisho.core.errors import CallerError, ErrorClass, SekishoError
from sekisho.core.secret import Secret
from sekisho.store.db import Store
from sekisho.store.directory import CREDENTIALS, MODELS, CredentialRow, ModelRow
from sekisho.store.entities import Entities

log = logging.getLogger("sekisho.providers")

#: What parameters are sealed for.
PURPOSE = "model-params"
CREDENTIAL_PURPOSE = "credential-values"
MODELS_MAX = 10_000


class NothingSealed(CallerError):
    """The gateway has no root secret, so that it can store no provider's key."""

    error_class = ErrorClass.UNSUPPORTED_FEATURE

    def __init__(self) -> None:
        message = f"This gateway cannot store models: its operator has to set {ROOT_KEY} first."
        super().__init__(message, code=ROOT_KEY)


class StoredModels:
    """`entries` are those that were read last, none before `load`. `changed` has them called from then on."""

    def __init__(self, db: Store, envelope: Envelope, changed: Callable[[], None]) -> None:
        self._db = db
        self._envelope = envelope
        self._changed = changed
        self._loaded = False
        self._refreshing: set[asyncio.Task[None]] = set()
        #: Reads are numbered as they begin: the last that was begun, and the last that was taken.
        self._begun, self._taken = 0, 0
        self.entries: tuple[ModelEntry, ...] = ()
        self._credentials: Credentials = {}
        self._naming: dict[str, list[str]] = {}

    def load(self) -> None:
        """Read them, at the start, sealed under the present root secret from now on."""
        self._db.write(lambda connection: take_over(connection, self._envelope)).result()
        self.look()
        self._loaded = True

    def look(self) -> None:
        """Read them and change nothing, for a command beside a gateway."""
        self._take(self._db.read(self._read).result())

    async def refresh(self) -> None:
        """Read them anew, and have them called; what was begun later and is here already has seen more."""
        self._begun += 1
        begun = self._begun
        found = await asyncio.wrap_future(self._db.read(self._read))
        if begun < self._taken:
            return
        self._taken = begun
        self._take(found)
        self._changed()

    def heard(self, kind: str, _name: str) -> None:
        """A listener of the feed of changes: something was stored, here or by another process."""
        if kind in {"model", "credential"} and self._loaded:
            task = asyncio.get_running_loop().create_task(self.refresh())
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)

    def beside(self, settings: Settings) -> Settings:
        """The settings with these models after the file's own."""
        declared = {entry.info.id for entry in settings.model_list}
        added = tuple(entry for entry in self.entries if entry.info.id not in declared)
        return msgspec.structs.replace(settings, model_list=settings.model_list + added) if added else settings

    def seal(self, model_id: str, params: dict[str, Any]) -> dict[str, str]:
        """The columns that hold the parameters. Raises NothingSealed."""
        if not self._envelope.ready:
            raise NothingSealed
        return sealed_params(self._envelope, model_id, params)

    def open(self, row: ModelRow) -> dict[str, Any]:
        """The parameters of a row. Raises CannotOpen or RootKeyMissing."""
        opened = self._envelope.open(row.params, PURPOSE, row.model_id).reveal()
        params: dict[str, Any] = msgspec.json.decode(opened)
        return params

    def read(self, model_id: str, name: str, params: dict[str, Any], info: dict[str, Any]) -> ModelEntry:
        """The entry that such a model would be. Raises MalformedRequest."""
        return read_stored(model_id, name, params, info, self._credentials)

    def seal_values(self, name: str, values: dict[str, Any]) -> dict[str, str]:
        """The columns that hold a credential's values, which are read as a model would. Raises MalformedRequest,
        NothingSealed.
        """
        if not self._envelope.ready:
            raise NothingSealed
        tried = {"model": "openai/any", "litellm_credential_name": name}
        read_stored("any", "any", tried, {}, {name: values})
        return _sealed(self._envelope, values, CREDENTIAL_PURPOSE, name)

    def open_values(self, row: CredentialRow) -> dict[str, Any]:
        """A credential's values. Raises CannotOpen or RootKeyMissing."""
        opened = self._envelope.open(row.params, CREDENTIAL_PURPOSE, row.credential_name).reveal()
        values: dict[str, Any] = msgspec.json.decode(opened)
        return values

    def naming(self, credential: str) -> list[str]:
        """The ids of the models that name a credential, blocked ones too."""
        return self._naming.get(credential, [])

    def _take(self, found: tuple[list[ModelRow], list[CredentialRow]]) -> None:
        models, credentials = found
        self._credentials = dict(self._values(credentials))
        opened = list(self._opened(models))
        self._naming = {}
        for row, params in opened:
            if isinstance(named := params.get("litellm_credential_name"), str):
                self._naming.setdefault(named, []).append(row.model_id)
        self.entries = tuple(self._entries(opened))

    def _read(self, connection: Connection) -> tuple[list[ModelRow], list[CredentialRow]]:
        return MODELS.find(connection, limit=MODELS_MAX), CREDENTIALS.find(connection, limit=MODELS_MAX)

    def _values(self, rows: list[CredentialRow]) -> Iterator[tuple[str, dict[str, Any]]]:
        for row in rows:
            try:
                yield row.credential_name, self.open_values(row)
            except SekishoError as error:
                log.warning("the stored credential %s does not open: %s", row.credential_name, error)

    def _opened(self, rows: list[ModelRow]) -> Iterator[tuple[ModelRow, dict[str, Any]]]:
        for row in rows:
            try:
                yield row, self.open(row)
            except SekishoError as error:
                log.warning("the stored model %s is left out: %s", row.model_id, error)

    def _entries(self, opened: list[tuple[ModelRow, dict[str, Any]]]) -> Iterator[ModelEntry]:
        for row, params in opened:
            if row.blocked:
                continue
            try:
                yield self.read(row.model_id, row.model_name, params, row.info)
            except SekishoError as error:
                log.warning("the stored model %s is left out: %s", row.model_id, error)


def sealed_params(envelope: Envelope, model_id: str, params: dict[str, Any]) -> dict[str, str]:
    """The columns that hold a model's parameters. Raises RootKeyMissing."""
    return _sealed(envelope, params, PURPOSE, model_id)


def take_over(connection: Connection, envelope: Envelope) -> None:
    """Seal what a former root key sealed under the present one, so that the former can be removed."""
    if not envelope.ready:
        return
    for entities, purpose in ((MODELS, PURPOSE), (CREDENTIALS, CREDENTIAL_PURPOSE)):
        _take_over(connection, envelope, entities, purpose)


def _take_over(connection: Connection, envelope: Envelope, entities: Entities[Any], purpose: str) -> None:
    for row in entities.find(connection, entities.table.c.root_id != envelope.root_id, limit=MODELS_MAX):
        (name,) = entities.ident(row)
        try:
            sealed = envelope.rewrap(row.params, purpose, name)
        except CannotOpen as error:
            log.warning("the stored %s %s does not open: %s", entities.kind, name, error)
            continue
        entities.update(connection, row, {"params": sealed, "root_id": envelope.root_id})


def _sealed(envelope: Envelope, values: dict[str, Any], purpose: str, name: str) -> dict[str, str]:
    text = Secret(msgspec.json.encode(values).decode())
    return {"params": envelope.seal(text, purpose, name), "root_id": envelope.root_id}
