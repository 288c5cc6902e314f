"""Tag routing, as LiteLLM's `enable_tag_filtering`: a call with tags goes to deployments that carry them.

Flows in: deployments and the call's tags (of its key, its header and its body). Flows out: those that may serve it.
Must stay true: a call whose tags nobody carries goes to deployments tagged `default`, and nowhere where there are none;
a call without tags does so too, and to any where none is tagged `default`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sekisho.identity.named import tags_named
from sekisho.providers.deployment import Deployment
from sekisho.routing.plan import Wish

_DEFAULT: Final = "default"


def tags_of(wish: Wish) -> frozenset[str]:
    """The tags of a call: its key's, its header's, and those in `metadata` of its body."""
    return frozenset((*wish.principal.tags, *tags_named(wish.headers, wish.values)))


def with_tags(group: Sequence[Deployment], tags: frozenset[str], *, match_any: bool) -> list[Deployment]:
    """The deployments of `group` that may serve a call with these tags."""
    default = [one for one in group if _DEFAULT in one.entry.params.tags]
    if not tags:
        return default or list(group)
    carried = [(one, tags.intersection(one.entry.params.tags)) for one in group]
    fitting = [one for one, shared in carried if (shared if match_any else shared == tags)]
    return fitting or default
