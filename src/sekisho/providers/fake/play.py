"""Plays a scripted answer to a caller, event by event, with the scripted fault in its place.

Flows in: the pieces of an answer. Flows out: bytes on the connection, and the bill of what was sent.
"""

from __future__ import annotations

import msgspec

from sekisho.canonical.usage import Usage
from sekisho.providers.fake.answer import Piece
from sekisho.providers.fake.book import Bill
from sekisho.providers.fake.caller import Caller
from sekisho.providers.fake.script import Script

NOT_HTTP = b"SSH-2.0-scripted\r\n"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be played: the pieces, how the body is declared, and what is billed for it.

    `length` is the body's length where it is announced (a whole reply), None for a stream.
    """

    pieces: tuple[Piece, ...]
    headers: dict[str, str]
    usage: Usage
    length: int | None = None


async def play(caller: Caller, part: Part, script: Script, bill: Bill) -> None:
    """Send everything, or as much as the script and the caller allow."""
    if script.first_delay_ms and await caller.gone_within(script.first_delay_ms / 1000):
        bill.end = "gone"
        return
    if script.not_http:
        bill.end = "failed"
        await caller.write_raw(NOT_HTTP)
        return
    if await _fault(caller, script, bill):  # before the headers: the connection ends or stalls unanswered
        return
    length = {} if part.length is None else {"content-length": str(part.length)}
    await caller.start(200, part.headers | length)
    _accept(part, bill)
    spoken = 0
    for piece in part.pieces:
        if await caller.gone_within(script.delay_ms / 1000 if bill.pieces_sent else 0):
            bill.end = "gone"
            return
        await caller.write(piece.data)
        bill.pieces_sent += 1
        spoken += piece.spoken
        _charge(part, bill, spoken)
        if await _fault(caller, script, bill):
            return
    await caller.finish()
    bill.end = "done"


def _accept(part: Part, bill: Bill) -> None:
    """Input is due at once; a whole reply was made whole, so its output is due too, read or not."""
    bill.accept(part.usage)
    if part.length is not None:
        bill.output_tokens = part.usage.output_tokens


def _charge(part: Part, bill: Bill, spoken: int) -> None:
    if part.length is None and spoken:
        speaking = sum(piece.spoken for piece in part.pieces)
        bill.output_tokens = part.usage.output_tokens * spoken // speaking


async def _fault(caller: Caller, script: Script, bill: Bill) -> bool:
    """Commit the fault that is due after `bill.pieces_sent` events, if any."""
    sent = bill.pieces_sent
    if sent == script.cut_after:
        bill.end = "cut"
        await caller.cut()
    elif sent == script.reset_after:
        bill.end = "reset"
        await caller.reset()
    elif sent == script.stall_after:
        bill.end = "stalled"
        await caller.gone_within(None)
        bill.end = "gone"
    else:
        return False
    return True
