"""Who else binds a call: the end user in whose name it is made, and its tags.

Flows in: a call whose key and body are known. Flows out: the same, its principal bound by what is declared of them
too. Must stay true: what a caller says of itself binds it more, never less; a call that names nobody costs no query.
"""

from __future__ import annotations

import msgspec

from sekisho.exchange.call import Call
from sekisho.exchange.gateway import Gateway
from sekisho.identity.named import end_user_named, tags_named
from sekisho.identity.scopes import joined


async def bind_named(call: Call, gateway: Gateway) -> None:
    """Add the scopes of those whom the call names. Raises StoreAway."""
    principal, values = call.admitted, call.asked.body.values
    call.end_user = principal.end_user or end_user_named(call.headers, values)
    tags = tuple(dict.fromkeys((*principal.tags, *tags_named(call.headers, values))))
    if not tags and call.end_user is None:
        return
    scopes = await gateway.call_scopes.of_call(call.end_user, tags)
    call.principal = msgspec.structs.replace(principal, tags=tags, scopes=joined(principal.scopes, scopes))
