"""A configuration file and an environment -> settings, or every reason why not.

Flows in: a path and the process's environment. Flows out: `Settings`; `ConfigError` with all problems at once.
Must stay true: reads files and nothing else; the same files and environment give equal settings; no key is dropped
without a warning that names it.
Source: LiteLLM's config.yaml, release 1.108, and our section `sekisho`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sekisho.config import keys
from sekisho.config.deployments import read_models
from sekisho.config.environment import Environment, fill_in, overlay
from sekisho.config.include import load_tree
from sekisho.config.model import GeneralSettings, LitellmSettings, ModelEntry, RouterSettings, SekishoSettings, Settings
from sekisho.config.nodes import Node, collection, scalar
from sekisho.config.problems import ConfigError, Findings, Problem, Where
from sekisho.config.read import Reader, off
from sekisho.core.errors import OperatorError
from sekisho.core.secret import Secret

#: LiteLLM's environment variables that stand in for a key of general_settings which the file lacks.
_STAND_INS: Final = {
    "general_settings": {
        "master_key": "LITELLM_MASTER_KEY",
        "database_url": "DATABASE_URL",
        "store_model_in_db": "STORE_MODEL_IN_DB",
    },
    "router_settings": {
        "redis_url": "REDIS_URL",
        "redis_host": "REDIS_HOST",
        "redis_port": "REDIS_PORT",
        "redis_username": "REDIS_USERNAME",
        "redis_password": "REDIS_PASSWORD",
        "redis_ssl": "REDIS_SSL",
    },
}
_SECTIONS: Final = ("litellm_settings", "router_settings", "general_settings", "sekisho")
_SHORTEST_KEY: Final = 8
_WELL_KNOWN_KEYS: Final = frozenset({"sk-1234", "sk-12345678", "sk-password", "changeme", "password"})


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings that `path` gives in the environment `environ`.

    Raises ConfigError with every problem of the file and those it includes.
    """
    findings = Findings()
    tree, complete = load_tree(path, findings)
    settings = _read(tree, Environment(environ), findings, complete=complete)
    warnings = tuple(sorted(findings.warnings, key=_place))
    if findings.problems or settings is None:
        raise ConfigError(tuple(sorted(findings.problems, key=_place)), warnings)
    return settings


def _place(problem: Problem) -> tuple[str, int]:
    return problem.file, problem.line


def load_to_serve(path: Path, environ: Mapping[str, str]) -> tuple[Settings, Secret]:
    """(the settings, the administrator's key). Raises ConfigError, and OperatorError where there is no such key."""
    settings = load_settings(path, environ)
    if settings.general.master_key is None:
        raise OperatorError("No master key: set general_settings.master_key or LITELLM_MASTER_KEY.")
    return settings, settings.general.master_key


def _read(tree: Node, environment: Environment, findings: Findings, *, complete: bool) -> Settings | None:
    reader = Reader(findings)
    empty = collection({}, tree.where)
    variables = tree.entries.get("environment_variables", empty)
    reader.mapping(variables, "environment_variables")
    environment = overlay(variables, environment, findings)
    sections = {key: fill_in(node, environment) for key, node in tree.entries.items() if key != "environment_variables"}
    for name, stand_ins in _STAND_INS.items():
        sections[name] = _with_stand_ins(sections.get(name, empty), stand_ins, environment)
    if "router_settings" in sections:
        sections["router_settings"] = _with_plain_aliases(sections["router_settings"])
    reader.section("", collection(sections, tree.where), "", taken=keys.yaml_keys("") | {"include", "credential_list"})
    values = {name: reader.section(name, sections.get(name, empty), name) for name in _SECTIONS}
    models = read_models(sections.get("model_list"), sections.get("credential_list"), findings)
    checks = _Checks(sections, findings)
    if complete:  # the rest of a file that cannot be read may hold it
        checks.master_key(values["general_settings"], tree.where)
    checks.callbacks()
    checks.guardrails()
    checks.privacy(values["litellm_settings"])
    if findings.problems:
        return None
    checks.models(models, values, tree.where)
    checks.providers(models)
    return Settings(
        model_list=models,
        litellm=LitellmSettings(**values["litellm_settings"]),
        router=RouterSettings(**values["router_settings"]),
        general=GeneralSettings(**values["general_settings"]),
        sekisho=SekishoSettings(**values["sekisho"]),
        environment=environment,
        warnings=tuple(sorted(findings.warnings, key=_place)),
    )


def _with_stand_ins(section: Node, stand_ins: Mapping[str, str], environment: Environment) -> Node:
    """A section with what only the environment says; the file holds over it."""
    entries = dict(section.entries)
    for key, name in stand_ins.items():
        value = environment.get(name)
        node = entries.get(key)
        if value is not None and (node is None or (node.value in (None, "") and not node.missing)):
            entries[key] = scalar(value, Where(f"environment variable {name}"))
    return collection(entries, section.where) if entries else section


def _with_plain_aliases(router: Node) -> Node:
    """`router_settings` with each alias in its long form, `{model: …}`."""
    aliases = router.entries.get("model_group_alias")
    if aliases is None or not isinstance(aliases.value, dict):
        return router
    long = {
        name: node if isinstance(node.value, dict) else collection({"model": node}, node.where)
        for name, node in aliases.entries.items()
    }
    return collection({**router.entries, "model_group_alias": collection(long, aliases.where)}, router.where)


class _Checks:
    """What one key alone does not tell."""

    def __init__(self, sections: Mapping[str, Node], findings: Findings) -> None:
        self._sections = sections
        self._findings = findings

    def _node(self, section: str, key: str) -> Node | None:
        node = self._sections.get(section)
        return node.entries.get(key) if node is not None else None

    def master_key(self, general: Mapping[str, Any], where: Where) -> None:
        key = "general_settings.master_key"
        node = self._node("general_settings", "master_key")
        secret = general.get("master_key")
        if node is None or (node.text or "") == "":
            if node is None or not node.missing:
                message = "No master key. Set it here or as LITELLM_MASTER_KEY: without one anybody could administer."
                self._findings.refuse(node.where if node else where, key, message)
        elif secret is not None and (len(secret.reveal()) < _SHORTEST_KEY or secret.reveal() in _WELL_KNOWN_KEYS):
            message = f"The master key is easy to guess; take at least {_SHORTEST_KEY} random characters."
            self._findings.warn(node.where, key, message)

    def callbacks(self) -> None:
        for key in ("callbacks", "success_callback", "failure_callback"):
            node = self._node("litellm_settings", key)
            for item in (node.items or (node,)) if node is not None else ():
                if isinstance(item.value, str):
                    self._callback(item.value, item.where, f"litellm_settings.{key}")

    def _callback(self, name: str, where: Where, key: str) -> None:
        if name in keys.CHECKING_CALLBACKS:
            message = f"'{name}' is not supported in this release: calls would pass unchecked. Remove it to start."
            self._findings.refuse(where, key, message)
        elif name in keys.RECEIVERS:
            self._findings.warn(where, key, f"Accepted, without effect: nothing is sent to '{name}' in this release.")
        elif "." in name:
            message = f"'{name}' is a Python callback, which this release does not call. Remove it to start without it."
            self._findings.refuse(where, key, message)
        else:
            close = keys.nearest(name, keys.RECEIVERS | keys.CHECKING_CALLBACKS)
            advice = f" Did you mean '{close}'?" if close else ""
            self._findings.warn(where, key, f"Unknown receiver '{name}': nothing is sent to it.{advice}")

    def guardrails(self) -> None:
        section = self._sections.get("guardrails")
        for index, item in enumerate(section.items if section is not None else ()):
            params = item.entries.get("litellm_params")
            default_on = params.entries.get("default_on") if params is not None else None
            if default_on is not None and not off(default_on):
                message = "Guardrails are not part of this release: calls would pass unchecked. Remove it to start."
                self._findings.refuse(default_on.where, f"guardrails[{index}].litellm_params.default_on", message)

    def privacy(self, litellm: Mapping[str, Any]) -> None:
        for key in ("turn_off_message_logging", "redact_messages_in_exceptions", "redact_user_api_key_info"):
            node = self._node("litellm_settings", key)
            if node is not None and litellm.get(key) is False:
                message = "Contents and keys are never logged; 'false' has no effect."
                self._findings.warn(node.where, f"litellm_settings.{key}", message)

    def models(self, models: tuple[ModelEntry, ...], values: Mapping[str, Mapping[str, Any]], where: Where) -> None:
        if not models:
            self._findings.warn(where, "model_list", "No models: every call is answered with an error.")
        router = values["router_settings"]
        aliases = router.get("model_group_alias", {})
        targets = [("router_settings", f"model_group_alias.{name}", alias.model) for name, alias in aliases.items()]
        if "default_model" in router:
            targets.append(("router_settings", "default_model", router["default_model"]))
        for section in ("router_settings", "litellm_settings"):
            targets += [(section, key, name) for key, name in _stand_ins(values[section])]
        for section, key, target in targets:
            if target not in aliases and not any(_serves(entry.model_name, target) for entry in models):
                node = self._node(section, key.partition(".")[0])
                message = "No entry of model_list has the model name that this refers to."
                self._findings.warn(node.where if node else where, f"{section}.{key}", message)

    def providers(self, models: tuple[ModelEntry, ...]) -> None:
        """A policy for a provider that no model is at is a slip of the pen."""
        params = [entry.params for entry in models]
        if not all(one.custom_llm_provider or "/" in one.model for one in params):
            return  # a model without prefix is at whatever provider its name belongs to
        called = frozenset(one.custom_llm_provider or one.model.partition("/")[0] for one in params)
        policies = self._node("sekisho", "providers")
        for name, node in (policies.entries if policies is not None else {}).items():
            if name not in called:
                message = "No entry of model_list is at a provider of this name."
                self._findings.warn(node.where, f"sekisho.providers.{name}", message)


def _stand_ins(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, model name) of every model that a section lets stand in for another."""
    for key in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        for entry in section.get(key, ()):
            yield from ((f"{key}.{name}", target) for name, targets in entry.items() for target in targets)
    yield from (("default_fallbacks", target) for target in section.get("default_fallbacks", ()))


def _serves(pattern: str, name: str) -> bool:
    head, star, tail = pattern.partition("*")
    fits = len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail)
    return fits if star else pattern == name
