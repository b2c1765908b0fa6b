"""Two members joined without a network: a client whose requests run the other's gate."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from prometheus_client import CollectorRegistry

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.clocks import PeerClocks
from oracle.committee.peering.gate import BODY_S, Gate, Route
from oracle.committee.peering.http import Http, NoAnswer, Said
from oracle.committee.peering.sessions import OwnSession
from oracle.committee.peering.transport import Answer, Peer, PeerClient
from oracle.committee.peering.trust import Sessions
from oracle.keys.signer import LocalSigner
from tests.vectors.generate import address, members

SALT = bytes(range(32))
KEYS = members()
MEMBERS = tuple(address(key) for key in KEYS)
NOW_NS = 1_790_000_000 * 10**9
PATH = "/v1/echo"


async def echo(member: int, body: bytes) -> Answer:
    """Answer with the number that the gate found, and the body."""
    return Answer(200, bytes([member]) + body)


class InMemory:
    """`Http` that ends at a handler of httpx's, as its ASGI transport is."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._http = httpx.AsyncClient(transport=transport)

    async def post(
        self, base: str, path: str, headers: Mapping[str, str], body: bytes, most_bytes: int
    ) -> Said:
        """Hand the request over."""
        try:
            answer = await self._http.post(base + path, headers=dict(headers), content=body)
        except httpx.HTTPError as error:
            raise NoAnswer(str(error)) from error
        return Said(answer.status_code, answer.headers, answer.content)

    async def aclose(self) -> None:
        """Close nothing: there is no connection."""


class Link:
    """Member 0 asks, member 1 answers; both clocks can be set."""

    def __init__(
        self,
        routes: Mapping[str, Route] | None = None,
        salt: bytes = SALT,
        body_s: float = BODY_S,
    ) -> None:
        self.asking_ns = self.answering_ns = NOW_NS
        self.registry = CollectorRegistry()
        self.metrics = CommitteeMetrics(CollectorRegistry())
        self.reasons: list[str] = []
        self.gate = Gate(
            MEMBERS,
            OwnSession(SALT, LocalSigner(KEYS[1].secret)),
            Sessions(SALT, MEMBERS),
            routes or {PATH: Route(echo, 1000)},
            lambda: self.reasons,
            CommitteeMetrics(self.registry),
            200.0,
            lambda: self.answering_ns,
            body_s,
        )
        self.own = OwnSession(salt, LocalSigner(KEYS[0].secret))
        self.clocks = PeerClocks()
        transport = httpx.ASGITransport(self.gate)
        self.http = httpx.AsyncClient(transport=transport)
        self.carrier: Http = InMemory(transport)
        self.client = self.client_of(self.own)

    def client_of(self, own: OwnSession, to: int = 1) -> PeerClient:
        """Return a client that asks member `to`, and ends at member 1's gate."""
        return PeerClient(
            Peer(to, MEMBERS[to], "http://member"),
            own,
            Sessions(SALT, MEMBERS),
            self.clocks,
            self.metrics,
            self.carrier,
            lambda: self.asking_ns,
        )

    def refused(self, reason: str) -> float:
        """Return how many requests the gate refused for a reason."""
        labels = {"what": "request", "reason": reason}
        name = "plumbline_committee_refusals_total"
        return self.registry.get_sample_value(name, labels) or 0.0
