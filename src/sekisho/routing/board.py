"""What is known of each deployment while the gateway runs: calls in flight, room, pace, health.

Flows in: the outcome of every attempt. Flows out: a `Standing` a deployment, which routing reads. Must stay true: every
flight that begins is ended exactly once; a log line says when something begins to cool down and when it is back, and
no line holds a secret; what a reload leaves as it was keeps its standing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from sekisho.config.model import LitellmParams
from sekisho.core.clock import Clock
from sekisho.core.errors import ErrorInfo
from sekisho.core.secret import Secret
from sekisho.providers.deployment import Deployment
from sekisho.routing.breaker import CREDENTIAL_FAULTS, Breaker, Cooldown
from sekisho.routing.pace import Pace
from sekisho.routing.room import Minute

log = logging.getLogger("sekisho.routing")

#: Standings held at once: a wildcard makes a deployment of every name that callers think of.
_REMEMBERED: Final = 4096
#: A stream that has said nothing for so long, and much longer than usual, puts others before its deployment.
_DOUBT_SECONDS: Final = 5.0
_DOUBT_TIMES: Final = 4.0
_MICRO: Final = 1_000_000
#: Parameters that say as whom a deployment is called.
_CREDENTIAL: Final = re.compile(
    r"api_key|aws_(access_key_id|secret_access_key|session_token|profile_name|role_name|web_identity_token)"
    r"|vertex_(credentials|project)|azure_(ad_token|username|password)|tenant_id|client_(id|secret)"
)


class Standing:
    """One deployment as it stands. Only the board changes it."""

    __slots__ = ("credential", "deployment", "health", "in_flight", "minute", "per_token", "silent", "to_first")

    def __init__(self, deployment: Deployment, credential: Breaker) -> None:
        self.deployment = deployment
        self.health = Breaker()
        #: Shared by all deployments that are called as the same party.
        self.credential = credential
        self.in_flight = 0
        #: Streams that have said nothing yet, the eldest first, and when each began.
        self.silent: dict[Flight, int] = {}
        self.minute = Minute()
        #: Seconds to the first content of a stream, and for each token of a whole answer.
        self.to_first = Pace()
        self.per_token = Pace()

    def lets(self, now_us: int) -> bool:
        """Whether it may be called, by its health and its credential's."""
        return self.health.lets(now_us) and self.credential.lets(now_us)

    def mild(self, now_us: int) -> bool:
        """Whether it is left out and may be called all the same where nothing else can."""
        return self.health.mild and self.credential.lets(now_us)

    def back_us(self, now_us: int) -> int:
        """When it may be called again; a moment from now while another call is probing it."""
        until_us = max(self.health.until_us, self.credential.until_us)
        return max(until_us, now_us + _MICRO)

    def doubtful(self, now_us: int) -> bool:
        """Whether a stream has been silent for so long that it has probably stalled, before its time is over."""
        if not self.silent:
            return False
        waited = (now_us - next(iter(self.silent.values()))) / _MICRO
        if waited < _DOUBT_SECONDS:
            return False
        usual = self.to_first.seconds(now_us, 600 * _MICRO)
        return usual is None or waited > usual * _DOUBT_TIMES

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it."""
        return not self.in_flight and not self.health.until_us


class Flight:
    """One attempt under way. `tokens`: about so many were taken from the deployment's minute."""

    __slots__ = ("begun_us", "measured", "over", "standing", "streams", "tokens")

    def __init__(self, standing: Standing, begun_us: int, tokens: int, *, streams: bool, measured: bool) -> None:
        self.standing = standing
        self.begun_us = begun_us
        self.tokens = tokens
        self.streams = streams
        self.measured = measured
        self.over = False


class Board:
    """All standings of this process, across reloads."""

    def __init__(self, clock: Clock, *, remembered: int = _REMEMBERED) -> None:
        self._clock = clock
        self._remembered = remembered
        self._standings: dict[tuple[str, str], Standing] = {}
        self._credentials: dict[object, Breaker] = {}

    def now_us(self) -> int:
        """The time that everything here is measured in."""
        return self._clock.monotonic_us()

    def standing(self, deployment: Deployment) -> Standing:
        """How a deployment stands; by model, for a wildcard serves many."""
        key = deployment.id, deployment.model
        found = self._standings.get(key)
        return found if found is not None else self._enter(key, deployment)

    def _enter(self, key: tuple[str, str], deployment: Deployment) -> Standing:
        if len(self._standings) >= self._remembered:
            self._standings = {name: one for name, one in self._standings.items() if not one.idle}
        credential = self._credentials.setdefault(credential_of(deployment), Breaker())
        standing = self._standings[key] = Standing(deployment, credential)
        return standing

    def keep(self, deployments: Iterable[Deployment]) -> None:
        """After a reload: forget the standings of what is gone or configured otherwise."""
        params = {one.id: one.entry.params for one in deployments}
        self._standings = {
            key: standing
            for key, standing in self._standings.items()
            if params.get(key[0]) == standing.deployment.entry.params
        }
        used = {credential_of(one) for one in deployments}
        self._credentials = {key: breaker for key, breaker in self._credentials.items() if key in used}

    def begin(self, deployment: Deployment, tokens: int, *, streams: bool, measured: bool = True) -> Flight:
        """An attempt begins with a prompt of about so many tokens. What is not `measured` counts for health alone."""
        standing, now_us = self.standing(deployment), self._clock.monotonic_us()
        flight = Flight(standing, now_us, tokens, streams=streams, measured=measured)
        standing.in_flight += 1
        if measured:
            standing.minute.take(tokens, now_us)
            if streams:
                standing.silent[flight] = now_us
        for breaker in (standing.health, standing.credential):
            if breaker.until_us:
                breaker.begin(flight, now_us)
        return flight

    def answered(self, flight: Flight) -> None:
        """The provider has taken the call: the first content of a stream is there, or a whole answer."""
        standing = flight.standing
        if flight.measured and flight.streams:
            now_us = self._clock.monotonic_us()
            standing.silent.pop(flight, None)
            standing.to_first.add((now_us - flight.begun_us) / _MICRO, now_us)
        for what, breaker in (("deployment", standing.health), ("credential", standing.credential)):
            if breaker.troubled and breaker.succeed(flight, flight.begun_us):
                log.warning("%s is back: %s", what, told(standing.deployment))

    def succeeded(self, flight: Flight, tokens: int | None, output_tokens: int) -> None:
        """The answer is over; `tokens` is all that the provider counted, None where it did not."""
        if flight.over:
            return
        self._end(flight)
        if not flight.measured:
            return
        if tokens is not None:
            flight.standing.minute.correct(tokens - flight.tokens, flight.begun_us)
        if output_tokens and not flight.streams:
            now_us = self._clock.monotonic_us()
            flight.standing.per_token.add((now_us - flight.begun_us) / _MICRO / output_tokens, now_us)

    def failed(self, flight: Flight, info: ErrorInfo, rule: Cooldown, *, model_only: bool = False) -> None:
        """The attempt failed, before its first content or after; a refusal of the credential is laid to the deployment
        where it may be about its model alone.
        """
        if flight.over:
            return
        self._end(flight)
        standing, now_us = flight.standing, self._clock.monotonic_us()
        breaker, what = standing.health, "deployment"
        if info.error_class in CREDENTIAL_FAULTS and not model_only:
            breaker, what = standing.credential, "credential"
        seconds = breaker.fail(flight, flight.begun_us, now_us, info, rule)
        standing.health.leave(flight)
        standing.credential.leave(flight)
        if seconds is not None:
            why = f"{info.error_class.value}, status {info.status}"
            log.warning("%s cools down for %.0f s (%s): %s", what, seconds, why, told(standing.deployment))

    def left(self, flight: Flight) -> None:
        """The attempt ended without proving anything: its caller hung up, or it was never sent."""
        if not flight.over:
            self._end(flight)
            flight.standing.health.leave(flight)
            flight.standing.credential.leave(flight)

    def _end(self, flight: Flight) -> None:
        flight.over = True
        flight.standing.in_flight -= 1
        flight.standing.silent.pop(flight, None)


def told(deployment: Deployment) -> str:
    """A deployment in a line of the log: its name and place, nothing secret."""
    return f"{deployment.model_name} ({deployment.id[:12]}, {deployment.provider.name} at {deployment.host})"


def credential_of(deployment: Deployment) -> object:
    """Equal for deployments that are called as the same party at the same host."""
    parts = _credential_parts(deployment.entry.params)
    plain = all(_is_plain(value) for _, value in parts)
    return (deployment.provider.name, deployment.host, *parts) if plain else deployment.id


def _credential_parts(params: LitellmParams) -> list[tuple[str, object]]:
    given = [*msgspec.structs.asdict(params).items(), *params.rest.items()]
    return sorted((name, value) for name, value in given if value is not None and _CREDENTIAL.fullmatch(name))


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, Secret))
