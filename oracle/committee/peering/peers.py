"""All other members at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.clocks import PeerClocks
from oracle.committee.peering.http import Http, KeptAlive
from oracle.committee.peering.sessions import OwnSession
from oracle.committee.peering.transport import Answer, Peer, PeerClient, Unreachable
from oracle.committee.peering.trust import Sessions
from oracle.model.errors import Retryable


class Peers:
    """The clients of all other members, with what runs in the background to them."""

    def __init__(
        self,
        peers: Sequence[Peer],
        own: OwnSession,
        sessions: Sessions,
        metrics: CommitteeMetrics,
        now_ns: Callable[[], int] = time.time_ns,
        http: Http | None = None,
    ) -> None:
        """Make a client for each; `http` carries all requests, by default over the network."""
        self.clocks: Final = PeerClocks()
        self._http = http or KeptAlive()
        self._clients: Final[Mapping[int, PeerClient]] = {
            peer.number: PeerClient(peer, own, sessions, self.clocks, metrics, self._http, now_ns)
            for peer in peers
        }
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def numbers(self) -> list[int]:
        """Numbers of all other members, rising."""
        return sorted(self._clients)

    @property
    def reachable(self) -> list[int]:
        """Numbers of those that are not known to be out of reach."""
        return [number for number in self.numbers if self._clients[number].reachable]

    async def ask(
        self, number: int, path: str, body: bytes, timeout_s: float, *, urgent: bool = False
    ) -> Answer | None:
        """Ask one member, if urgent also one left alone; None when it does not answer."""
        try:
            return await self._clients[number].ask(path, body, timeout_s, urgent=urgent)
        except (Unreachable, Retryable):
            return None

    def tell(self, path: str, body: bytes, timeout_s: float) -> None:
        """Send to every member and wait for none."""
        for number in self.numbers:
            self.start(self.ask(number, path, body, timeout_s))

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the rest; it ends with `aclose` at the latest."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def aclose(self) -> None:
        """End what runs and close all connections."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._http.aclose()
