"""Deployments as the gateway makes them of a configuration.

In: litellm_params, environment variables. Out: the deployment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from sekisho.config.load import load_settings
from sekisho.providers.deployment import Deployment, resolve_all
from tests.support.application import environment, write_config


def deployed(folder: Path, params: dict[str, Any], info: Any = None, name: Any = "m", **variables: Any) -> Deployment:
    """The one deployment of `params`."""
    entry = {"model_name": name, "litellm_params": params, "model_info": info or {}}
    path = write_config(folder, msgspec.json.encode({"model_list": [entry]}).decode())
    [one] = resolve_all(load_settings(path, environment() | variables))
    return one


def proof(one: Deployment) -> dict[str, str]:
    """The headers that prove who we are."""
    return one.authority.headers("POST", one.base_url, b"", {})
