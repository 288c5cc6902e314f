"""A model name -> the deployments that have it.

Flows in: the configured deployments, aliases and the default. Flows out: the name's group. Must stay true: exact names
come before wildcards, the most particular wildcard before others; a group is never empty.
"""

from __future__ import annotations

from collections.abc import Mapping

from sekisho.core.errors import UnknownModel
from sekisho.providers.deployment import Deployment

Group = tuple[Deployment, ...]


class Index:
    """The model list, indexed. Immutable."""

    def __init__(
        self,
        deployments: Group,
        aliases: Mapping[str, str],
        default_model: str | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self.deployments = deployments
        self.aliases = dict(aliases)
        self._default = default_model
        #: Aliases that work and are not listed.
        self._hidden = hidden
        self.exact: dict[str, Group] = {}
        self._patterns: dict[str, Group] = {}
        for deployment in deployments:
            groups = self._patterns if "*" in deployment.model_name else self.exact
            groups[deployment.model_name] = (*groups.get(deployment.model_name, ()), deployment)
        self._by_length = sorted(self._patterns, key=len, reverse=True)

    def find(self, requested: str) -> tuple[str, Group]:
        """(the name it is routed by, its deployments that can be used at all). Raises UnknownModel."""
        name = self.aliases.get(requested, requested)
        group = self._group(name)
        if group is None and self._default is not None:
            name = self._default
            group = self._group(name)
        if group is None:
            raise UnknownModel(
                f"Invalid model name: no deployment serves '{requested}'. GET /v1/models lists what there is.",
                code="model_not_found",
                param="model",
            )
        usable = tuple(one for one in group if one.unusable is None)
        if not usable:
            raise UnknownModel(group[0].unusable or "", code="model_not_usable", param="model")
        return name, usable

    def _group(self, name: str) -> Group | None:
        exact = self.exact.get(name)
        if exact is not None:
            return exact
        for pattern in self._by_length:
            head, _, tail = pattern.partition("*")
            if len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail):
                return tuple(deployment.concrete(name) for deployment in self._patterns[pattern])
        return None

    def model_names(self) -> list[str]:
        """Every name a caller may ask for, in the order of the file, aliases last, each once."""
        shown = [alias for alias in self.aliases if alias not in self._hidden]
        return list(dict.fromkeys([one.model_name for one in self.deployments] + shown))
