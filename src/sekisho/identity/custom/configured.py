"""Who recognises callers, by the configuration. Flows in: settings. Flows out: Callers. Raises OperatorError, and then
nothing of a company's own function is asked.
"""

from __future__ import annotations

from pathlib import Path

from sekisho.config.model import Settings
from sekisho.core.clock import Clock
from sekisho.core.errors import OperatorError
from sekisho.identity.access_keys import AccessKeyRing
from sekisho.identity.credential import Callers, KeyCallers
from sekisho.identity.custom.bound import BoundCallers
from sekisho.identity.custom.callers import CustomCallers
from sekisho.identity.custom.load import Function, function_named, function_offered
from sekisho.identity.keys import KeyRing


def callers_of(
    settings: Settings, file: Path, rings: tuple[KeyRing, AccessKeyRing], bound: BoundCallers, clock: Clock
) -> Callers:
    """Those of `settings`, which were read from `file`."""
    keys, access_keys = rings
    by_keys = KeyCallers(keys, access_keys, (settings.general.litellm_key_header_name or "").lower() or None)
    mode, seconds = settings.general.custom_auth_settings.mode, settings.sekisho.authentication.timeout_seconds
    function = _function(settings, file.absolute().parent) if mode not in ("off", False) else None
    if function is None:
        return by_keys
    return CustomCallers(function, by_keys, bound, clock, mode="auto" if mode == "auto" else "on", seconds=seconds)


def _function(settings: Settings, folder: Path) -> Function | None:
    dotted, plugin = settings.general.custom_auth, settings.sekisho.authentication.plugin
    if dotted is not None and plugin is not None:
        raise OperatorError("Set one of general_settings.custom_auth and sekisho.authentication.plugin, not both.")
    if plugin is not None:
        return function_offered(plugin)
    return function_named(dotted, folder) if dotted is not None else None
