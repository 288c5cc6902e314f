"""A requested model name -> the deployments to try, in turn.

Flows in: the configured deployments and aliases. Flows out: a plan, never empty. Exact names come before wildcards,
the most particular wildcard before others; several deployments of one name take turns in being first.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from sekisho.core.errors import UnknownModel
from sekisho.providers.deployment import Deployment

#: What servers taught of so many models; a wildcard serves every name that callers think of.
_REMEMBERED = 4096


class Router:
    """The model list, indexed. Immutable after construction, except for the turn and what servers taught it."""

    def __init__(
        self,
        deployments: tuple[Deployment, ...],
        aliases: Mapping[str, str],
        default_model: str | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self.deployments = deployments
        self.aliases = dict(aliases)
        self._default = default_model
        #: Aliases that work and are not listed.
        self._hidden = hidden
        self._exact: dict[str, tuple[Deployment, ...]] = {}
        self._patterns: dict[str, tuple[Deployment, ...]] = {}
        for deployment in deployments:
            index = self._patterns if "*" in deployment.model_name else self._exact
            index[deployment.model_name] = (*index.get(deployment.model_name, ()), deployment)
        self._by_length = sorted(self._patterns, key=len, reverse=True)
        self._turn = itertools.count()
        #: (deployment id, model) -> dialects that its server answered it does not have for that model.
        self._unserved: dict[tuple[str, str], frozenset[str]] = {}

    def plan(self, requested: str) -> tuple[Deployment, ...]:
        """The deployments for a requested model, in the order to try them. Raises UnknownModel."""
        group = self._group(self.aliases.get(requested, requested))
        if group is None and self._default is not None:
            group = self._group(self._default)
        if group is None:
            raise UnknownModel(
                f"Invalid model name: no deployment serves '{requested}'. GET /v1/models lists what there is.",
                code="model_not_found",
                param="model",
            )
        turn = next(self._turn) % len(group) if len(group) > 1 else 0
        usable = [one for one in (*group[turn:], *group[:turn]) if one.unusable is None]
        if not usable:
            raise UnknownModel(group[0].unusable or "", code="model_not_usable", param="model")
        return tuple(usable)

    def _group(self, name: str) -> tuple[Deployment, ...] | None:
        exact = self._exact.get(name)
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

    def unserved(self, deployment: Deployment) -> frozenset[str]:
        """The dialects that this deployment's server does not have, as far as it has told us.

        By model, for a wildcard serves many and one of them may be served in one dialect only.
        """
        return self._unserved.get((deployment.id, deployment.model), frozenset())

    def learn_unserved(self, deployment: Deployment, dialect: str) -> bool:
        """Remember it; False when no other dialect is left to try (then nothing is remembered)."""
        unserved = self.unserved(deployment) | {dialect}
        if deployment.pinned_dialect is not None or not set(deployment.dialects) - unserved:
            return False
        if len(self._unserved) >= _REMEMBERED:
            self._unserved.clear()
        self._unserved[deployment.id, deployment.model] = unserved
        return True

    def forget_unserved(self, deployment: Deployment) -> None:
        """It was no lack: something between us and the server answered for it."""
        self._unserved.pop((deployment.id, deployment.model), None)
