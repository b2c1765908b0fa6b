"""Ask the other members: signed requests with a time limit, a bound and a circuit for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog
from eth_hash.auto import keccak

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.clocks import PeerClocks
from oracle.committee.peering.http import Http, NoAnswer
from oracle.committee.peering.sessions import OwnSession
from oracle.committee.peering.trust import WINDOW_NS, Sessions, check_signature
from oracle.committee.wire.requests import (
    ANSWER_HEADER,
    REQUEST_HEADER,
    Distrust,
    Distrusted,
    Reply,
)
from oracle.model.errors import Retryable

IN_FLIGHT: Final = 8
"""Requests to one peer at a time; beyond that the next ones fail at once."""
MOST_ANSWER_BYTES: Final = 4 * 2**20
FAILURES_TO_OPEN: Final = 4
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 4.0

_log = structlog.get_logger(__name__)


class Unreachable(Retryable):
    """A peer did not answer, or not as itself."""


class Peer(NamedTuple):
    """Another member and where it listens."""

    number: int
    address: bytes
    url: str
    """`http(s)://host:port`, without a path."""


class Answer(NamedTuple):
    """What a peer said, believed to be its own words."""

    status: int
    body: bytes

    @property
    def taken(self) -> bool:
        """Whether the peer took the request."""
        return self.status == 200


class Circuit:
    """Whether a peer is asked at all: after failures only now and then, until one succeeds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failures, self._pause_s, self._until = 0, FIRST_PAUSE_S, 0.0

    @property
    def open(self) -> bool:
        """Whether the peer is left alone but for a try now and then."""
        return self._failures >= FAILURES_TO_OPEN

    def admits(self) -> bool:
        """Whether to ask now; while open, one try at the end of each pause."""
        if not self.open:
            return True
        if self._monotonic() < self._until:
            return False
        self._until = self._monotonic() + self._pause_s
        return True

    def succeeded(self) -> None:
        """Say that the peer answered."""
        self._failures, self._pause_s = 0, FIRST_PAUSE_S

    def failed(self) -> None:
        """Say that it did not."""
        self._failures += 1
        if self.open:
            self._until = self._monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


class PeerClient:
    """Requests to one peer."""

    def __init__(
        self,
        peer: Peer,
        own: OwnSession,
        sessions: Sessions,
        clocks: PeerClocks,
        metrics: CommitteeMetrics,
        http: Http,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.peer = peer
        self._own, self._sessions, self._clocks = own, sessions, clocks
        self._metrics, self._http, self._now_ns = metrics, http, now_ns
        self._label = str(peer.number)
        self._circuit = Circuit()
        self._in_flight = 0

    @property
    def reachable(self) -> bool:
        """Whether the peer has answered lately, or has not been asked often enough to tell."""
        return not self._circuit.open

    async def ask(
        self, path: str, body: bytes, timeout_s: float, *, urgent: bool = False
    ) -> Answer:
        """Send a signed request and return the answer that the peer signed.

        One that is urgent is sent also to a peer that has not answered lately.

        Raises:
            Unreachable: no answer in time, none of its own, or it is not asked just now.
        """
        if not urgent and not self._circuit.admits():
            self._count("circuit_open")
            raise Unreachable(f"member {self._label} has not answered lately")
        if self._in_flight >= IN_FLIGHT:
            self._count("busy")
            raise Unreachable(f"member {self._label} has {IN_FLIGHT} requests to answer already")
        self._in_flight += 1
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._exchange(path, body)
        except (TimeoutError, NoAnswer, Distrusted) as error:
            self._fail(path, error)
            raise Unreachable(f"member {self._label}: {_named(error)}") from error
        finally:
            self._in_flight -= 1
        self._circuit.succeeded()
        self._metrics.circuit.labels(self._label).set(0)
        self._count("answered" if answer.taken else "refused")
        return answer

    async def _exchange(self, path: str, body: bytes) -> Answer:
        sent_ns = self._now_ns()
        envelope = await self._own.envelope(self.peer.address, path, body, sent_ns)
        request = keccak(envelope.message(self._own.salt, path, body))
        headers = {
            REQUEST_HEADER: envelope.encode(),
            "content-type": "application/octet-stream",
        }
        began = time.perf_counter()
        said = await self._http.post(self.peer.url, path, headers, body, MOST_ANSWER_BYTES)
        self._metrics.round_trip.labels(self._label).observe(time.perf_counter() - began)
        reply = Reply.decode(said.headers.get(ANSWER_HEADER, ""))
        self._check(reply, request, said.status, said.body)
        received_ns = self._now_ns()
        self._clocks.add(self.peer.number, sent_ns, reply.time_ns, received_ns)
        offset_ns = self._clocks.offset_ns(self.peer.number) or 0
        self._metrics.offset.labels(self._label).set(offset_ns / 1e9)
        said_ns = max(sent_ns - WINDOW_NS, min(reply.time_ns, received_ns + WINDOW_NS))
        self._sessions.check(reply.session, said_ns // 10**6)
        return Answer(said.status, said.body)

    def _check(self, reply: Reply, request: bytes, status: int, body: bytes) -> None:
        # By the answer's own time: a clock that is off is to be measured before it is not believed.
        self._sessions.check(reply.session, reply.time_ns // 10**6)
        if reply.session.member != self.peer.address:
            raise Distrusted(Distrust.BAD_SIGNATURE, "another member answers there")
        message = reply.message(self._own.salt, request, status, body)
        check_signature(message, reply.signature, reply.session)

    def _fail(self, path: str, error: Exception) -> None:
        was_open = self._circuit.open
        self._circuit.failed()
        self._count(_named(error))
        if self._circuit.open and not was_open:
            self._metrics.circuit.labels(self._label).set(1)
            _log.warning(
                "peer_unreachable",
                peer=self.peer.number,
                url=self.peer.url,
                path=path,
                why=f"{type(error).__name__} {error}".strip(),
            )

    def _count(self, outcome: str) -> None:
        self._metrics.requests.labels(self._label, outcome).inc()


def _named(error: Exception) -> str:
    if isinstance(error, Distrusted):
        return str(error.reason)
    return "timeout" if isinstance(error, TimeoutError) else "connection"
