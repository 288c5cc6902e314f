"""After an administrator has set what a scope has spent, its budgets are counted anew.

Flows in: the row as it is now. Flows out: nothing. Must stay true: what is stored holds, also where the shared counters
cannot be reached just now; then they follow when they are next read from the ledger, and the log says so.
"""

from __future__ import annotations

import logging

from sekisho.api.admin.forgive import counts_all_time, held_limits
from sekisho.api.admin.services import AdminServices
from sekisho.core.errors import SekishoError
from sekisho.identity.scopes import Kind, Scope
from sekisho.limits.rules import rules_of
from sekisho.store.limits import Limits

log = logging.getLogger("sekisho.api")


async def recount(services: AdminServices, kind: Kind, name: str, limits: Limits, budget_id: str | None = None) -> None:
    """Budgets without a period follow what was set; those with one count what the ledger says (see forgive.py)."""
    limits = await services.desk.read(lambda connection: held_limits(connection, limits, budget_id))
    rules = [rule for rule in rules_of(Scope(kind=kind, id=name, limits=limits)) if counts_all_time(rule)]
    try:
        await services.limiter.reseed(rules, services.desk.now_us)
    except SekishoError as error:
        log.warning("the budgets of %s %s were not counted anew: %s", kind, name, error)
