"""How many tokens a call may take, before it is made: learnt from what calls like it have taken.

Flows in: sizes of bodies, what a request allows, what providers counted. Flows out: tokens to reserve. Must stay true:
the input is estimated from above; nothing of a body is read, so that it costs a microsecond whatever its size; what is
learnt is bounded, and old samples leave.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from typing import Final, Literal

#: Samples that a share is taken from.
_SAMPLES: Final = 256
#: So many samples tell more than what is assumed.
_ENOUGH: Final = 16
_MODELS_MAX: Final = 1_000
#: What a body is assumed to hold while nothing is known: tokens a byte, and what providers add themselves.
_TOKENS_PER_BYTE: Final = 0.4
_ADDED_TOKENS: Final = 256
#: However little was seen lately: pictures have many bytes to a token, and the next body may have none.
_LEAST_TOKENS_PER_BYTE: Final = 0.25
#: Above the most that was seen, as a part of it: the next body may be denser.
_MARGIN: Final = 1.1
#: An answer's tokens while nothing is known of the model's, in mode "expected".
_ANSWER_TOKENS: Final = 2_048
#: Output where neither the request nor the model names a maximum.
UNBOUNDED_OUTPUT_TOKENS: Final = 128_000


class _Recent:
    """The last samples of something, in order of size."""

    __slots__ = ("_by_age", "_by_size")

    def __init__(self) -> None:
        self._by_age: deque[float] = deque()
        self._by_size: list[float] = []

    def add(self, sample: float) -> None:
        if len(self._by_age) == _SAMPLES:
            del self._by_size[bisect_left(self._by_size, self._by_age.popleft())]
        self._by_age.append(sample)
        insort(self._by_size, sample)

    def at(self, share: float) -> float | None:
        """The sample that this share of them does not exceed; None while there are too few."""
        count = len(self._by_size)
        return self._by_size[min(count - 1, int(share * count))] if count >= _ENOUGH else None


class _Model:
    """What a model's calls have taught: tokens a byte by the body's size, and tokens of answers."""

    __slots__ = ("answers", "ratios")

    def __init__(self) -> None:
        self.ratios = tuple(_Recent() for _ in range(_SIZES))
        self.answers = _Recent()


#: Bodies below 1 kB, 8 kB and 64 kB, and larger ones: in small ones weighs what providers add.
_SIZES: Final = 4


def _size_of(body_bytes: int) -> int:
    return min(_SIZES - 1, max(0, (body_bytes.bit_length() - 8) // 3))


class Estimator:
    """One a process; what it has learnt does not outlive it. `model` is the served model's own name."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, _Model] = OrderedDict()

    def input_tokens(self, model: str, body_bytes: int) -> int:
        """Tokens of a body, from above: the most that bodies of about this size held lately, and a tenth."""
        known = self._models.get(model)
        ratio = known.ratios[_size_of(body_bytes)].at(1.0) if known is not None else None
        if ratio is None:
            return _ADDED_TOKENS + int(body_bytes * _TOKENS_PER_BYTE)
        return int(body_bytes * max(ratio * _MARGIN, _LEAST_TOKENS_PER_BYTE)) + 1

    def output_tokens(self, model: str, allowed: int | None, mode: Literal["hard", "expected"]) -> int:
        """Tokens of an answer: "hard" all that is allowed, "expected" what 99 of 100 answers stay within.

        `allowed` is the request's own maximum, else the model's.
        """
        most = UNBOUNDED_OUTPUT_TOKENS if allowed is None else allowed
        if mode == "hard":
            return most
        known = self._models.get(model)
        usual = known.answers.at(0.99) if known is not None else None
        return min(most, _ANSWER_TOKENS if usual is None else int(usual))

    def learn(self, model: str, body_bytes: int, prompt_tokens: int, output_tokens: int) -> None:
        """What a provider counted of a call that came to its end; prompt tokens with the cached ones."""
        known = self._models.get(model)
        if known is None:
            known = self._models[model] = _Model()
            if len(self._models) > _MODELS_MAX:
                self._models.popitem(last=False)
        if body_bytes > 0 and prompt_tokens > 0:
            known.ratios[_size_of(body_bytes)].add(prompt_tokens / body_bytes)
        if output_tokens > 0:
            known.answers.add(output_tokens)
