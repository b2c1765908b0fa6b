"""The endpoints of one chain: which may be asked, which are asked first, and what they answer.

An endpoint that does not answer, answers no JSON-RPC or is of another chain is passed over; a
node that answers with an error has answered. Which one is asked first goes by health and lag, then
by the operator's order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import httpx

from relayer.evm.endpoint import WRONG_CHAIN_S, Endpoint, labels
from relayer.evm.errors import Malformed, NodeError, Unreachable
from relayer.evm.wire import Query
from relayer.metrics import RelayerMetrics

LATE_S: Final = 0.5
"""Who owes an answer for longer is asked nothing more until it has given it."""
BATCH: Final = 100
"""Requests in one HTTP request; public endpoints refuse much larger batches."""

T = TypeVar("T")
Parse = Callable[[list[Any]], T]


class Pool:
    """Endpoints to read from, and private ones to send to, if there are any."""

    def __init__(
        self,
        chain: str,
        chain_id: int,
        urls: Sequence[str],
        send_urls: Sequence[str],
        timeout_s: float,
        metrics: RelayerMetrics,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        made = [
            Endpoint(chain, url, label, timeout_s, metrics, transport)
            for url, label in zip((*urls, *send_urls), labels((*urls, *send_urls)), strict=True)
        ]
        self.readers: Final = made[: len(urls)]
        self._private: Final = made[len(urls) :]
        self._chain: Final = chain
        self._chain_id: Final = chain_id
        self._late: Final[dict[asyncio.Task[Any], tuple[Endpoint, float]]] = {}
        """Requests that nobody waits for any more: to whom, and since when."""

    @property
    def senders(self) -> list[Endpoint]:
        """Where transactions go."""
        return self._private or self.readers

    def askable(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Return those that may be asked, best first."""

        def rank(endpoint: Endpoint) -> tuple[bool, bool, int]:
            return endpoint.resting, endpoint.lagging, -round(endpoint.score * 4)

        return sorted((e for e in endpoints if not e.barred_s), key=rank)

    def voters(self, quorum: int) -> list[Endpoint]:
        """Return whom to ask for a quorum: the healthy, and others only when they are too few."""
        askable = self.askable(self.readers)
        healthy = [e for e in askable if not (e.resting or e.lagging)]
        return healthy if len(healthy) >= quorum else askable

    def begin(
        self, endpoints: Sequence[Endpoint], calls: Sequence[Query], parse: Parse[T]
    ) -> dict[asyncio.Task[T], Endpoint]:
        """Ask endpoints at once; but not those that owe an answer for long."""
        late = self._owing()
        return {
            asyncio.create_task(self.ask(endpoint, calls, parse)): endpoint
            for endpoint in endpoints
            if endpoint not in late
        }

    def leave(self, tasks: Mapping[asyncio.Task[Any], Endpoint]) -> None:
        """Wait no longer for what has not ended; what comes of it still tells of health."""
        now_s = asyncio.get_running_loop().time()
        for task, endpoint in tasks.items():
            if not task.done():
                self._late[task] = endpoint, now_s
            task.add_done_callback(self._ended)

    async def ask(self, endpoint: Endpoint, calls: Sequence[Query], parse: Parse[T]) -> T:
        """Return what an endpoint's results parse to.

        Raises:
            Silent: it gives no usable answer.
            NodeError: it answered one of the calls with an error.
        """
        await self.confirm(endpoint)
        results: list[Any] = []
        for start in range(0, len(calls), BATCH):
            part = calls[start : start + BATCH]
            for (method, _), answer in zip(part, await endpoint.post(part), strict=True):
                if "error" in answer:
                    endpoint.succeeded()
                    raise NodeError(self._chain, method, answer["error"])
                results.append(answer["result"])
        try:
            parsed = parse(results)
        except Malformed as error:
            asked = ", ".join(dict.fromkeys(method for method, _ in calls))
            raise endpoint.failed(f"to {asked} it {error}", "malformed") from error
        endpoint.succeeded()
        return parsed

    async def confirm(self, endpoint: Endpoint) -> None:
        """Have an endpoint name its chain, unless it has and did not fail since.

        Raises:
            Silent: it does not, or names another.
        """
        if endpoint.confirmed or endpoint in self._private:  # those answer nothing but sending
            return
        (answer,) = await endpoint.post([("eth_chainId", [])])
        try:
            found = int(answer["result"], 16)
        except (KeyError, TypeError, ValueError) as error:
            raise endpoint.failed("does not name its chain", "malformed") from error
        if found != self._chain_id:
            raise endpoint.failed(
                f"serves chain {found}, the configuration says {self._chain_id}",
                "wrong_chain",
                rest_s=WRONG_CHAIN_S,
            )
        endpoint.confirmed = True

    def unreachable(self, endpoints: Sequence[Endpoint], silent: Sequence[str]) -> Unreachable:
        """Return the error of a request that none of `endpoints` answers."""
        passed = [f"{e.label}: left alone for {e.barred_s:.1f} s" for e in endpoints if e.barred_s]
        passed += [f"{e.label}: owes an answer" for e in self._owing() if e in endpoints]
        said = dict.fromkeys([*silent, *passed])
        return Unreachable(
            f"chain {self._chain}: no RPC endpoint answers ({'; '.join(said)}); start the node or "
            "mend rpc in the configuration"
        )

    async def aclose(self) -> None:
        """Close connections."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        for endpoint in (*self.readers, *self._private):
            await endpoint.aclose()

    def _owing(self) -> set[Endpoint]:
        since_s = asyncio.get_running_loop().time() - LATE_S
        return {endpoint for endpoint, left_s in self._late.values() if left_s < since_s}

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._late.pop(task, None)
        if not task.cancelled():
            task.exception()  # counted where it arose; perhaps nobody else takes it
