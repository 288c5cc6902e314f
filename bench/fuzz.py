"""`make soak ARGS=--fuzz`: every codec against bodies and streams that are nearly right, for as long as asked.

In: recordings with parts changed, and JSON that Hypothesis makes up. Out: a line a minute; each kind of failure once,
with the input that made it in --out. Exit 1 where anything but a declared error was raised, or one input took seconds.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bench import fuzz_targets as targets
from bench.fuzz_bodies import ODD, Seeds, Spoiler
from sekisho.wire.dialect import Dialect
from sekisho.wire.registry import CARRIED, DIALECTS

SLOW_SECONDS = 2.0
_BATCH = 100
#: Keys that mean something in one dialect or another.
_WORDS = (
    *("type", "role", "content", "text", "id", "name", "messages", "input", "contents", "parts", "tools", "tool_calls"),
    *("function", "arguments", "system", "model", "stream", "usage", "output", "choices", "delta", "index", "message"),
    *("candidates", "contentBlockIndex", "thinking", "signature", "stopReason", "finish_reason", "error"),
)
_JSON = st.recursive(
    st.sampled_from([value for value in ODD if not isinstance(value, (list, dict))])
    | st.text(max_size=8)
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=30,
)


class Fuzz:
    """One run. `found` holds the failures by their kind."""

    def __init__(self, start: int, folder: Path | None) -> None:
        self.dice = random.Random(start)  # noqa: S311 - one seed, one run
        self.seeds = Seeds()
        self.spoiler = Spoiler(self.dice)
        self.found: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self._folder = folder

    def round(self) -> None:
        """Some of everything, in each dialect."""
        for dialect in DIALECTS:
            requests, replies = self.seeds.requests[dialect.name], self.seeds.replies[dialect.name]
            acts: tuple[tuple[list[Any], Callable[[Dialect, bytes], object]], ...]
            acts = (requests, targets.request), (replies, targets.reply)
            for values, act in acts:
                body = self.spoiler.json(self.dice.choice(values), self.dice.choice(values))
                self._try(f"{getattr(act, '__name__', '')} {dialect.name}", body, partial(act, dialect, body))
            data = self.spoiler.stream(self.dice.choice(self.seeds.streams[dialect.name]))
            pieces = self.spoiler.pieces(data)
            asked = targets.request(dialect, msgspec.json.encode(self.dice.choice(requests)))
            self._try(f"stream {dialect.name}", data, partial(targets.stream, dialect, pieces, asked))
            body = self.spoiler.json(self.dice.choice(replies), self.dice.choice(requests))
            self._try(f"anything {dialect.name}", body, partial(targets.anything, dialect, body, self.dice))

    def carried(self) -> None:
        """Streams in the framings that carry others' events: spoiled before they are framed, or after."""
        for dialect in CARRIED:
            data = self.dice.choice(self.seeds.streams[dialect.name.partition("@")[0]])
            before = self.spoiler.stream(data) if self.dice.random() < 0.6 else data
            self._try(f"stream {dialect.name}", before, partial(self._framed, dialect, before))

    def _framed(self, dialect: Dialect, data: bytes) -> None:
        with targets.declared():
            data = targets.framed(dialect, data)
        targets.stream(dialect, self.spoiler.pieces(self.spoiler.stream(data)))

    def made_up(self) -> None:
        """A batch of JSON that nobody has sent before."""
        options = settings(
            max_examples=_BATCH,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        @seed(self.dice.getrandbits(32))
        @options
        @given(_JSON, st.sampled_from(DIALECTS))
        def one(value: Any, dialect: Any) -> None:
            body = self.spoiler.deepened(msgspec.json.encode(value))
            self._try(f"made up {dialect.name}", body, lambda: targets.anything(dialect, body, self.dice))

        one()

    def _try(self, what: str, data: bytes, act: Callable[[], object]) -> None:
        self.tried[what.partition(" ")[0]] += 1
        began = time.process_time()
        try:
            act()
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is looked for
            self._note(what, data, f"{type(failure).__name__} in {_place(failure)}: {str(failure)[:120]}")
        if (taken := time.process_time() - began) > SLOW_SECONDS:
            self._note(what, data, f"slow: {taken:.1f} s for {len(data)} bytes")

    def _note(self, what: str, data: bytes, told: str) -> None:
        kind = told.partition(":")[0] + (told.partition(":")[2] if "Unlike" in told else "")
        self.found[kind] += 1
        if self.found[kind] > 1:
            return
        sys.stdout.write(f"FOUND {what}: {told}\n")
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{len(self.found):03}-{what.replace(' ', '-')}").write_bytes(data)


def _place(failure: Exception) -> str:
    """Where in the gateway it was raised."""
    own = [frame for frame in traceback.extract_tb(failure.__traceback__) if "sekisho" in frame.filename]
    last = own[-1] if own else traceback.extract_tb(failure.__traceback__)[-1]
    return f"{Path(last.filename).parent.name}/{Path(last.filename).name}:{last.lineno}"


def run(minutes: float, start: int, folder: Path | None) -> Fuzz:
    """So many minutes of it."""
    one = Fuzz(start, folder)
    ends, told_at = time.monotonic() + minutes * 60, time.monotonic() + 60
    for number in itertools.count():
        one.round()
        one.carried()
        if number % 40 == 0:
            one.made_up()
        now = time.monotonic()
        if now > told_at:
            told_at = now + 60
            sys.stdout.write(f"{one.tried.total()} inputs, {len(one.found)} kinds of failure\n")
            sys.stdout.flush()
        if now > ends:
            return one
    raise AssertionError


def fuzz(minutes: float, start: int | None, folder: Path | None) -> int:
    """Run, and tell; the exit code."""
    start = random.SystemRandom().getrandbits(32) if start is None else start
    sys.stdout.write(f"seed {start}\n")
    done = run(minutes, start, folder)
    shares = ", ".join(f"{count} {name}" for name, count in done.tried.most_common())
    sys.stdout.write(f"{done.tried.total()} inputs ({shares}): {len(done.found)} kinds of failure\n")
    return 1 if done.found else 0


def main() -> int:
    """As a program of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--out", type=Path, default=None, help="a folder for the inputs that failed")
    options = parser.parse_args()
    return fuzz(options.minutes, options.seed, options.out)


if __name__ == "__main__":
    sys.exit(main())
