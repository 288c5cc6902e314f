"""The management API without a socket: requests straight into the ASGI application."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec
from sqlalchemy.engine import Connection

from sekisho.api.admin.app import AdminServices, Desk, build_admin
from sekisho.api.admin.services import Bounds
from sekisho.core.clock import FakeClock
from sekisho.core.envelope import Envelope
from sekisho.core.errors import UnknownModel
from sekisho.core.secret import Secret
from sekisho.identity.access_keys import AccessKeyRing, AccessKeyService
from sekisho.identity.credential import Callers, KeyCallers
from sekisho.identity.keys import KeyRing
from sekisho.ledger.prices import PriceBook
from sekisho.ledger.quote import Quote
from sekisho.limits.memory import MemoryLimiter
from sekisho.limits.rule import Rule
from sekisho.providers.stored import StoredModels
from sekisho.store.edit import Edit
from sekisho.store.entities import Entities
from sekisho.store.spent import spent_nano_usd
from tests.support.ledger import open_database, open_journal

MASTER = "sk-master-0123456789"
ROOT = "ab" * 32


class Prices:
    """Two models: of one the price is known."""

    def of(self, model: str) -> Quote:
        if model not in {"priced", "priceless"}:
            raise UnknownModel(f"No deployment serves '{model}'.", param="model")
        prices = {"input_cost_per_token": "0.000002", "output_cost_per_token": "0.00001"}
        prices |= {"cache_read_input_token_cost": "0.0000002"}
        costs = {name: Decimal(price) for name, price in prices.items()}
        rates = PriceBook.load().resolve("", model, costs) if model == "priced" else None
        return Quote(model, "openai", rates)

    def tokens(self, model: str, body: bytes) -> int:
        self.of(model)
        return len(body)


class Reply(msgspec.Struct):
    """An answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error of LiteLLM's shape, its status checked against its code."""
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["code"] == str(self.status)
        return error


class Admin:
    """A management API over a fresh database."""

    def __init__(
        self,
        folder: Path,
        clock: FakeClock,
        root_key: str | None = ROOT,
        *,
        stores_models: bool = True,
        desk: type[Desk] = Desk,
        limiter: type[MemoryLimiter] = MemoryLimiter,
        bounds: Bounds | None = None,
    ) -> None:
        """`desk`, `limiter`, `bounds`: of their own kind, for tests of what fails, and of what is too much."""
        self.folder = folder
        self.clock = clock
        self.db = open_database(folder)
        self.journal = open_journal(folder, self.db)
        self.ring = KeyRing(self.db, clock, Secret(MASTER))
        envelope = Envelope(root_key)
        self.access_keys = AccessKeyRing(self.db, self.ring, envelope, clock)
        pairs = AccessKeyService(self.db, self.access_keys, envelope, clock)
        self.callers: Callers = KeyCallers(self.ring, self.access_keys, None)
        self.limiter = limiter(clock, self._spent)
        self.models = StoredModels(self.db, envelope, lambda: None)
        self.models.load()
        self.desk = desk(self.db, clock, [self.ring.forget, self.access_keys.heard])
        self._app = build_admin(
            AdminServices(
                access_keys=pairs,
                ring=self.ring,
                db=self.db,
                desk=self.desk,
                limiter=self.limiter,
                quotes=Prices(),
                models=self.models if stores_models else None,
                declared_models=lambda: ["of-the-file"],
                journal=self.journal,
                clock=clock,
                callers=lambda: self.callers,
                bounds=bounds or Bounds(),
            )
        )

    async def _spent(self, rule: Rule, starts_us: int, ends_us: int) -> int:
        def read(connection: Connection) -> int:
            scope = (rule.scope_kind, rule.scope_id, rule.model)
            return spent_nano_usd(connection, *scope, starts_us=starts_us, ends_us=ends_us)

        return self.db.read_now(read)

    def add(self, entities: Entities[Any], **fields: Any) -> None:
        """A row of the directory, straight into its table."""
        now_us = self.clock.now_us()
        self.db.write(lambda connection: Edit(connection, "root", now_us).add(entities, **fields)).result()

    def close(self) -> None:
        self.journal.close()
        self.db.close()

    async def get(self, path: str, *, token: str | None = MASTER, **query: Any) -> Reply:
        return await self.call("GET", path, query=urlencode(query, doseq=True), token=token)

    def encoded(self, value: Any) -> bytes:
        """A body."""
        return msgspec.json.encode(value)

    async def post(self, path: str, value: Any, *, token: str | None = MASTER) -> Reply:
        return await self.call("POST", path, msgspec.json.encode(value), token=token)

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        query: str = "",
        token: str | None = MASTER,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> Reply:
        headers = [*headers, *([(b"content-type", b"application/json")] if body else [])]
        if token is not None:
            headers.append((b"authorization", b"Bearer " + token.encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        answered = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))
