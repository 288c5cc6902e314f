"""docs/configuration.md, made from the settings' own docstrings and the tables of keys.

Flows in: the Structs' source text. Flows out: one page of Markdown. `python -m sekisho.config.reference` prints it.
Must stay true: the committed page equals what this module makes (a test compares them).
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from sekisho.config import keys
from sekisho.config.model import DatedPrices, InjectionPoint
from sekisho.config.sections import (
    AllowedFails,
    AuthenticationPolicy,
    CacheMarks,
    CustomAuthSettings,
    LimitPolicy,
    MediaPolicy,
    ModelAlias,
    ProviderPolicy,
    Residency,
    RetryPolicy,
    RoutingPolicy,
    StopPolicy,
    StrategyArguments,
    Timeouts,
)

_INTRO: Final = """\
# Configuration

<!-- Made by `python -m sekisho.config.reference`; change the docstrings in src/sekisho/config/ instead. -->

Sekisho reads LiteLLM's `config.yaml` (release 1.108) and one section of its own, `sekisho:`.

- `os.environ/NAME` as a whole value stands for that environment variable, anywhere in the file. One that is not set is
  an error; in a deployment's `litellm_params` it is a warning, and calls to that deployment are answered with an error
  that names it.
- `environment_variables:` sets variables for the file; they hold over those of the process.
- `include:` is a list of further files, relative to the file that names them. Lists are joined, sections merged key by
  key; where both set a key the included file holds, and a warning says so.
- `credential_list:` holds shared credentials: `credential_name` and `credential_values`. A deployment that names one in
  `litellm_credential_name` takes from it what it does not set itself.
- An unknown key, and one that has no effect in this release, is named in a warning with its file and line. A control
  that would be missed without notice is refused: the gateway does not start until it is removed.
- `sekisho check-config FILE` tells all of this without starting. `SIGHUP` reloads the file whole, or keeps the old
  settings and says why.
"""
_SECTIONS: Final = {
    "model_list[]": "model_list[]",
    "litellm_params": "model_list[].litellm_params",
    "model_info": "model_list[].model_info",
    "litellm_settings": "litellm_settings",
    "router_settings": "router_settings",
    "general_settings": "general_settings",
    "sekisho": "sekisho",
}
NESTED: Final[Mapping[str, type[msgspec.Struct]]] = {
    "sekisho.timeouts": Timeouts,
    "sekisho.providers.NAME": ProviderPolicy,
    "sekisho.media": MediaPolicy,
    "sekisho.cache_marks[]": CacheMarks,
    "sekisho.limits": LimitPolicy,
    "sekisho.stop": StopPolicy,
    "sekisho.authentication": AuthenticationPolicy,
    "general_settings.custom_auth_settings": CustomAuthSettings,
    "model_list[].litellm_params.cache_control_injection_points[]": InjectionPoint,
    "model_list[].model_info.prices[]": DatedPrices,
    "sekisho.residency": Residency,
    "sekisho.routing": RoutingPolicy,
    "router_settings.model_group_alias.NAME": ModelAlias,
    "router_settings.routing_strategy_args": StrategyArguments,
    "router_settings.allowed_fails_policy": AllowedFails,
    "router_settings.retry_policy": RetryPolicy,
}


def field_docs(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Field name -> the text under it in the class body, on one line. Raises OSError where the source is not there."""
    body = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    docs = {}
    for field, text in itertools.pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            docs[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return docs


def reference_page() -> str:
    """The whole page."""
    parts = [_INTRO]
    for section, title in _SECTIONS.items():
        used = frozenset(key for key in keys.yaml_keys(section) if keys.status(section, key) is keys.Status.USED)
        parts += [f"## `{title}`\n", *_used(keys.SECTIONS[section], used)]
    for title, struct in NESTED.items():
        parts += [
            f"## `{title}`\n",
            *_used(struct, frozenset(field.encode_name for field in msgspec.structs.fields(struct))),
        ]
    parts += ["## Accepted, without effect in this release\n", *_table(keys.ACCEPTED)]
    parts += ["## Refused while switched on\n", *_table(keys.REFUSED)]
    parts.append(
        "Also refused: Python callbacks by dotted path, callbacks that check contents "
        f"({', '.join(f'`{name}`' for name in sorted(keys.CHECKING_CALLBACKS))}), guardrails with `default_on`.\n"
    )
    return "\n".join(parts)


def _used(struct: type[msgspec.Struct], shown: frozenset[str]) -> Iterator[str]:
    docs = field_docs(struct)
    yield "| key | default | meaning |\n|---|---|---|"
    for field in msgspec.structs.fields(struct):
        if field.encode_name in shown and field.name != "costs":
            yield f"| `{field.encode_name}` | {_default(field)} | {docs[field.name]} |"
    if "costs" in docs:
        names = " ".join(f"`{name}`" for name in sorted(keys.COST_NAMES))
        yield f"| {names} and LiteLLM's other cost keys | the public price table | {docs['costs']} |"
    yield ""


def _default(field: Any) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None or value in ((), {}) or isinstance(value, msgspec.Struct):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


def _table(tables: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield "| section | keys | meaning |\n|---|---|---|"
    for section, table in tables.items():
        groups: dict[str, list[str]] = {}
        for key, meaning in table.items():
            groups.setdefault(meaning, []).append(f"`{key}`")
        title = f"`{_SECTIONS[section]}`" if section else "top level"
        for meaning, names in groups.items():
            yield f"| {title} | {' '.join(names)} | {meaning} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference_page())
