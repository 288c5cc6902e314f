"""A model that was added through the management API -> the same entry that the file would give.

Flows in: plain JSON values, credentials beside them. Flows out: a `ModelEntry`. Must stay true: it is read by the rules
of `model_list`; no value is taken from the gateway's environment, which is not for everybody who may add a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sekisho.config.deployments import read_models
from sekisho.config.model import ModelEntry
from sekisho.config.nodes import MAX_DEPTH, Node, collection
from sekisho.config.problems import Findings, Where
from sekisho.core.errors import MalformedRequest

#: Where such an entry stands.
STORED: Final = Where("database")
_ENVIRONMENT: Final = "os.environ/"
_CREDENTIAL: Final = "litellm_credential_name"


#: Name -> what models that name it take from it.
Credentials = Mapping[str, dict[str, Any]]


def read_stored(
    model_id: str,
    model_name: str,
    params: dict[str, Any],
    info: dict[str, Any],
    credentials: Credentials = MappingProxyType({}),
) -> ModelEntry:
    """The entry; `credentials` are those that it may name. Raises MalformedRequest with the first field that cannot be
    read.
    """
    whole = {"model_name": model_name, "litellm_params": params, "model_info": info | {"id": model_id}}
    named = params.get(_CREDENTIAL)
    shared = None
    if isinstance(named, str):
        values = credentials.get(named)
        if values is None:
            message = f"No stored credential is called '{named[:100]}': make it by /credentials first."
            raise MalformedRequest(message, param=f"litellm_params.{_CREDENTIAL}")
        shared = _node([{"credential_name": named, "credential_values": values}], 0)
    findings = Findings()
    entries = read_models(collection((_node(whole, 0),), STORED), shared, findings)
    for problem in findings.problems:
        key = problem.key.removeprefix("model_list[0].")
        raise MalformedRequest(f"'{key}': {problem.message}", param=key)
    return entries[0]


def _node(value: Any, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise MalformedRequest("'litellm_params' or 'model_info' is nested too deep.", param="litellm_params")
    if isinstance(value, dict):
        return collection({str(key): _node(child, depth + 1) for key, child in value.items()}, STORED)
    if isinstance(value, list | tuple):
        return collection(tuple(_node(child, depth + 1) for child in value), STORED)
    if isinstance(value, str) and value.startswith(_ENVIRONMENT):
        message = "Write the value itself: it is stored sealed. Variables are for the configuration file."
        raise MalformedRequest(message, param="litellm_params")
    return Node(value=value, where=STORED, text=None if value is None else str(value))
