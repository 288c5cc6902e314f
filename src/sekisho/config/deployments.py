"""`model_list` and `credential_list` -> model entries.

Flows in: the two lists as nodes. Flows out: one `ModelEntry` for each entry that can be read.
Must stay true: prices are taken from the text as written; a variable that is not set makes its deployment unusable
(`params.missing`), not the whole file.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Final

import msgspec

from sekisho.config import keys
from sekisho.config.model import DatedPrices, LitellmParams, ModelEntry, ModelInfo
from sekisho.config.nodes import Node, collection
from sekisho.config.problems import Findings
from sekisho.config.read import Reader, plain
from sekisho.config.values import price

_ENTRY: Final = "model_list[]"


def read_models(models: Node | None, credentials: Node | None, findings: Findings) -> tuple[ModelEntry, ...]:
    """The entries of `model_list`, in the file's order."""
    reading = _Models(findings)
    reading.take_credentials(credentials)
    if models is None or models.value is None:
        return ()
    if not isinstance(models.value, tuple):
        findings.refuse(models.where, "model_list", "Expected a list of models.")
        return ()
    entries = [reading.entry(node, f"model_list[{index}]") for index, node in enumerate(models.value)]
    return tuple(entry for entry in entries if entry is not None)


class _Models:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._reader = Reader(findings)
        self._credentials: dict[str, Node] = {}
        self._ids: dict[str, str] = {}

    def take_credentials(self, section: Node | None) -> None:
        if section is None or section.value is None:
            return
        if not isinstance(section.value, tuple):
            self._findings.refuse(section.where, "credential_list", "Expected a list of credentials.")
        known = frozenset({"credential_name", "credential_values", "credential_info"})
        for index, node in enumerate(section.items):
            path = f"credential_list[{index}]"
            entries = self._reader.mapping(node, path)
            for key in entries.keys() - known:
                self._reader.unknown(key, entries[key], f"{path}.{key}", known)
            name = entries.get("credential_name")
            if name is None or not isinstance(name.value, str):
                self._findings.refuse(node.where, path, "Needs the key 'credential_name', as text.")
            elif name.value in self._credentials:
                self._findings.refuse(name.where, path, "A credential of this name stands above.")
            else:
                values = entries.get("credential_values", collection({}, node.where))
                self._reader.mapping(values, f"{path}.credential_values")
                self._credentials[name.value] = values

    def entry(self, node: Node, path: str) -> ModelEntry | None:
        if not isinstance(node.value, dict):
            self._findings.refuse(node.where, path, "Expected a mapping with 'model_name' and 'litellm_params'.")
            return None
        taken = frozenset({"litellm_params", "model_info"})
        entries = node.entries
        values = self._reader.section(_ENTRY, node, path, taken=taken)
        params = self._params(entries.get("litellm_params"), node, path)
        info = entries.get("model_info", collection({}, node.where))
        details = self._info(info, f"{path}.model_info")
        costs = {**(params.costs if params else {}), **self._costs(info, f"{path}.model_info")}
        self._reader.needs("model_name", node, path)
        if "model_name" not in values or params is None:
            return None
        self._check_wildcards(values["model_name"], params.model, node, path)
        params = msgspec.structs.replace(params, costs=costs)
        return ModelEntry(**values, params=params, info=details, where=node.where)

    def _params(self, node: Node | None, entry: Node, path: str) -> LitellmParams | None:
        if node is None or node.value is None:
            self._reader.needs("litellm_params", entry, path)
            return None
        path = f"{path}.litellm_params"
        self._reader.mapping(node, path)
        node = self._with_credential(node, path)
        used, missing, rest = self._sort_params(node, path)
        values = self._reader.section("litellm_params", used, path)
        self._reader.needs("model", node, path)
        if "model" not in values:
            return None
        return LitellmParams(**values, costs=self._costs(node, path), rest=rest, missing=missing)

    def _sort_params(self, node: Node, path: str) -> tuple[Node, tuple[str, ...], dict[str, Any]]:
        """The keys that can be read, the variables that are not set, and the values of keys without a field."""
        used: dict[str, Node] = {}
        missing: list[str] = []
        rest = {}
        fields = keys.yaml_keys("litellm_params")
        for key, child in node.entries.items():
            gone = [part.missing for part in child.walk() if part.missing]
            if gone and key != "model":
                missing += gone
                message = f"The environment variable {gone[0]} is not set: this deployment cannot be called."
                self._findings.warn(child.where, f"{path}.{key}", message)
                continue
            if keys.is_cost(key):
                continue
            used[key] = child
            if key not in fields:
                rest.update(plain(collection({key: child}, child.where), hide=True))
        return collection(used, node.where), tuple(dict.fromkeys(missing)), rest

    def _with_credential(self, node: Node, path: str) -> Node:
        """The parameters over the values of the credential they name."""
        name = node.entries.get("litellm_credential_name")
        if name is None or not isinstance(name.value, str):
            return node
        values = self._credentials.get(name.value)
        if values is None:
            message = "No entry of credential_list has this name."
            self._findings.refuse(name.where, f"{path}.litellm_credential_name", message)
            return node
        return collection({**values.entries, **node.entries}, node.where)

    def _costs(self, node: Node, path: str) -> dict[str, Decimal]:
        costs = {}
        for key, child in node.entries.items():
            if not keys.is_cost(key) or child.value is None:
                continue
            try:
                costs[key] = price(child.text or "")
            except ValueError as error:
                self._findings.refuse(child.where, f"{path}.{key}", str(error))
        return costs

    def _info(self, node: Node, path: str) -> ModelInfo:
        """Facts of any name are kept; only one that looks like a slip of the pen is named."""
        values: dict[str, Any] = {}
        rest = {}
        known = keys.yaml_keys("model_info")
        for key, child in self._reader.mapping(node, path).items():
            if key == "prices":
                values["prices"] = self._prices(child, f"{path}.prices")
                continue
            if key in known:
                self._reader.field(ModelInfo, key, child, f"{path}.{key}", values)
                continue
            if keys.is_cost(key):
                continue
            rest[key] = plain(child)
            if keys.status("model_info", key) or keys.nearest(key, known | keys.COST_NAMES):
                self._reader.name_key("model_info", key, child, f"{path}.{key}")
        if "id" in values and self._ids.setdefault(values["id"], path) != path:
            message = f"{self._ids[values['id']]} has the same id."
            self._findings.refuse(node.entries["id"].where, f"{path}.id", message)
        return ModelInfo(**values, rest=rest)

    def _prices(self, node: Node, path: str) -> tuple[DatedPrices, ...]:
        """Prices by the day from which they hold, the earliest first."""
        if node.value is not None and not isinstance(node.value, tuple):
            self._findings.refuse(node.where, path, "Expected a list of entries with 'effective_from' and prices.")
        found: dict[dt.date, DatedPrices] = {}
        for index, item in enumerate(node.items):
            inside = f"{path}[{index}]"
            day = self._day(item, inside)
            costs = self._costs(item, inside)
            for key, child in item.entries.items():
                if key != "effective_from" and not keys.is_cost(key):
                    self._reader.unknown(key, child, f"{inside}.{key}", keys.COST_NAMES | {"effective_from"})
            if day in found:
                self._findings.refuse(item.where, inside, f"There are prices from {day} on already.")
            elif day is not None and not costs:
                self._findings.refuse(item.where, inside, "Has no price, such as 'input_cost_per_token'.")
            elif day is not None:
                found[day] = DatedPrices(effective_from=day, costs=costs)
        return tuple(found[day] for day in sorted(found))

    def _day(self, node: Node, path: str) -> dt.date | None:
        self._reader.mapping(node, path)
        self._reader.needs("effective_from", node, path)
        child = node.entries.get("effective_from")
        if child is None or child.value is None:
            return None
        try:
            return dt.date.fromisoformat(child.text or "")
        except ValueError:
            self._findings.refuse(child.where, f"{path}.effective_from", "Expected a day, like 2026-07-01.")
            return None

    def _check_wildcards(self, name: str, model: str, node: Node, path: str) -> None:
        where = node.entries["model_name"].where
        if name != name.strip():
            self._findings.refuse(where, f"{path}.model_name", "Has a space at its begin or end.")
        if name.count("*") > 1 or model.count("*") > 1:
            self._findings.refuse(where, f"{path}.model_name", "One '*' at most, in the name and in the model.")
        elif "*" in model and "*" not in name:
            message = "The model has a '*' but the name has none, so that nothing can stand for it."
            self._findings.refuse(where, f"{path}.model_name", message)
