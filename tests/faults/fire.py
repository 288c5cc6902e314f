"""Three regions of Bedrock with two accounts each, of which one throttles, one stalls and one drops what it began; and
callers of every dialect, who count what they see.

In: how many calls, and how many at once. Out: every call by how it ended, calls of the providers, the gateway's log.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from botocore.eventstream import EventStreamBuffer

from sekisho.providers.fake.script import Script
from tests.faults.dialects import Dialect, Way, check_error, is_complete, stream_error
from tests.support.caller import silence
from tests.support.gateway import Gateway, gateway
from tests.support.provider import RunningProvider, provider
from tests.support.sse_client import Call, Cut, call

REGIONS: Final = {"tokyo": "ap-northeast-1", "oregon": "us-west-2", "dublin": "eu-west-1"}
NAMES: Final = tuple(f"{city}-{account}" for city in REGIONS for account in ("one", "two"))
MODEL: Final = "bedrock/converse/anthropic.claude-sonnet-4-5-20250929-v1:0"
#: What the broken ones do with every call.
BROKEN: Final = {
    "tokyo-one": Script(status=429, error="rate_limit"),
    "oregon-two": Script(stall_after=0),
    "dublin-one": Script(cut_after=1),  # after messageStart, before the first content; half of a whole answer
}
#: Faults after the first content: the answer has begun, and only an error can be told.
LATE: Final = ("cut_after=5", "reset_after=5", "error_in_stream=rate_limit error_after=5", "stall_after=5")
#: One call in so many has one of them; odd, so that it falls to every asker in turn.
LATE_EVERY: Final = 25
CONVERSE: Final = "/model/claude/converse"
_ASKERS: Final[tuple[Dialect | None, ...]] = ("messages", "chat", "responses", None)


@dataclass
class Seen:
    """What callers saw. `visible` are failures of calls that could have been served."""

    well: int = 0
    late: int = 0
    visible: list[str] = field(default_factory=list)
    served_by: Counter[str] = field(default_factory=Counter)


class Fire:
    """The gateway, its six providers, and what was seen so far."""

    def __init__(self, gate: Gateway, providers: dict[str, RunningProvider], key: str) -> None:
        self.gate, self.providers = gate, providers
        self.seen = Seen()
        #: Calls that the providers had got when all were well again.
        self.upstream_burning = 0
        self.headers = {"authorization": f"Bearer {key}"}
        self._numbers = itertools.count()

    @property
    def upstream(self) -> int:
        """Calls that the providers got so far."""
        return sum(one.app.book.serial for one in self.providers.values())

    def told_of(self, name: str) -> list[str]:
        """The log's lines on one deployment."""
        return [line for line in self.gate.process.output.splitlines() if f"({name}," in line]

    def heal(self) -> None:
        """From now on all are well."""
        self.upstream_burning = self.upstream
        for one in self.providers.values():
            one.app.defaults = Script()

    def break_all(self, script: Script) -> None:
        """From now on all do this."""
        for one in self.providers.values():
            one.app.defaults = script

    async def calls(self, count: int, at_once: int, heal_after: int | None = None) -> None:
        """So many calls; all deployments are well after so many of them."""
        before = next(self._numbers)

        async def caller() -> None:
            while (number := next(self._numbers)) <= before + count:
                if number - before == heal_after:
                    self.heal()
                await self._one(number)

        await asyncio.gather(*(caller() for _ in range(at_once)))

    async def until_back(self, within_calls: int) -> None:
        """Calls, one after the other, until the log says of all that were broken that they are back."""
        for _ in range(within_calls):
            if all("is back" in (self.told_of(name) or [""])[-1] for name in BROKEN):
                return
            await self._one(next(self._numbers))
            await silence(0.02)

    async def _one(self, number: int) -> None:
        asker, streams = _ASKERS[number % 4], number % 5 != 0
        late = LATE[number // LATE_EVERY // len(_ASKERS) % len(LATE)] if number % LATE_EVERY == 1 else ""
        path, body = _asked(asker, f"Question {number}. [fake: {late}]", streams=streams)
        try:
            async with call("POST", self.gate.url + path, body, self.headers) as answer:
                self.seen.served_by[answer.headers.get("x-litellm-model-id", "none")] += 1
                problem = await _problem(answer, asker, streams=streams, late=bool(late))
        except (Cut, ConnectionError) as error:
            problem = repr(error)
        if problem is not None:
            self.seen.visible.append(f"call {number} ({asker or 'converse'} {late}): {problem}")
        elif late:
            self.seen.late += 1
        else:
            self.seen.well += 1


def _asked(asker: Dialect | None, text: str, *, streams: bool) -> tuple[str, dict[str, Any]]:
    """Path and body. Each call begins in words of its own: it is at home nowhere."""
    if asker is not None:
        way = Way(asker, "claude")
        return way.path, way.body("", stream=streams, text=text)
    asked = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    return CONVERSE + ("-stream" if streams else ""), asked


async def _problem(answer: Call, asker: Dialect | None, *, streams: bool, late: bool) -> str | None:
    """What is wrong with an answer; None where it is whole, or ends in an error as it should. Raises Cut."""
    if answer.status != 200:
        return f"status {answer.status}: {(await answer.body())[:300]!r}"
    if not streams:
        return None if await answer.json() else "empty"
    if asker is None:
        return _converse_problem(await answer.body(), late=late)
    events = await answer.events()
    if late:
        if is_complete(asker, events):
            return "it says that it is complete"
        stream_error(asker, events)
        return None
    return None if is_complete(asker, events) else f"it ends with {events[-1:]!r}"


def _converse_problem(body: bytes, *, late: bool) -> str | None:
    """The same for AWS's framing. botocore raises on a message that is broken."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    told: list[dict[str, Any]] = [message.to_response_dict()["headers"] for message in buffer]
    kinds = [str(headers.get(":event-type") or headers.get(":exception-type")) for headers in told]
    if late:
        return None if kinds and kinds[-1].endswith("Exception") and "messageStop" not in kinds else f"it says {kinds}"
    return None if "messageStop" in kinds else f"it says {kinds}"


def all_are_down(asker: Dialect, status: int, headers: dict[str, str], body: bytes) -> None:
    """Fails unless an answer says in its dialect that nobody can serve now, and when somebody may."""
    assert status == (529 if asker == "messages" else 503), body
    assert 1 <= int(headers["retry-after"]) <= 600
    assert "cools down" in check_error(asker, json.loads(body))["message"]


def config_of(urls: dict[str, str], *, patience_seconds: float, cooldown_seconds: float) -> dict[str, Any]:
    """One name over six deployments. Keys are AWS's own examples, another pair an account."""
    entries = [
        {
            "model_name": "claude",
            "litellm_params": {
                "model": MODEL,
                "aws_region_name": REGIONS[name.partition("-")[0]],
                "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE" if name.endswith("one") else "AKIAI44QH8DHBEXAMPLE",
                "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "aws_bedrock_runtime_endpoint": url,
            },
            "model_info": {"id": name},
        }
        for name, url in urls.items()
    ]
    patience = {"first_byte_seconds": patience_seconds, "between_chunks_seconds": patience_seconds}
    return {
        "model_list": entries,
        "router_settings": {"cooldown_time": cooldown_seconds},
        "sekisho": {"timeouts": patience},
    }


@contextmanager
def fire(folder: Path, *, patience_seconds: float, cooldown_seconds: float) -> Iterator[Fire]:
    """A gateway in front of all six."""
    with ExitStack() as stack:
        providers = {name: stack.enter_context(provider(BROKEN.get(name))) for name in NAMES}
        urls = {name: one.url for name, one in providers.items()}
        config = config_of(urls, patience_seconds=patience_seconds, cooldown_seconds=cooldown_seconds)
        gate = stack.enter_context(gateway(folder, config))
        yield Fire(gate, providers, asyncio.run(gate.make_key(key_alias="fire")))
    assert "unexpected" not in gate.process.output, "a defect of the gateway, whatever the callers saw"
    assert "Traceback" not in gate.process.output
