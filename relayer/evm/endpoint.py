"""One RPC endpoint: its requests, and what they say of its health."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import structlog

from relayer.evm.connection import RATE_LIMITED_S, Broken, Connection
from relayer.evm.wire import Query, is_rate_limit
from relayer.metrics import RelayerMetrics

REST_S: Final = (0.25, 15.0)
"""After a failure an endpoint is not the first choice for so long; doubling, with jitter."""
WRONG_CHAIN_S: Final = 30.0
_MAX_DOUBLINGS: Final = 10
_WEIGHT: Final = 0.2
"""Of the newest request in the score."""
_log = structlog.get_logger(__name__)
_jitter: Final = random.SystemRandom()


class Silent(Exception):
    """An endpoint gave no usable answer."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind: Final = kind


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block that an endpoint, or several, know. `base_wei` is None before EIP-1559."""

    number: int
    hash: str
    time_s: int
    base_wei: int | None


def labels(urls: Sequence[str]) -> list[str]:
    """Return a name for each URL that leaves out path and query, where providers put keys."""
    seen: Counter[str] = Counter()
    names = []
    for url in urls:
        host = httpx.URL(url).netloc.decode().rpartition("@")[2]
        seen[host] += 1
        names.append(host if seen[host] == 1 else f"{host}#{seen[host]}")
    return names


class Endpoint:
    """One URL, known by a label (see `labels`).

    `score` is the weighted share of requests that were answered, 1 at best. `resting` endpoints
    failed lately: they are asked when no better one is left. `barred` ones asked to be left alone.
    """

    def __init__(
        self,
        chain: str,
        url: str,
        label: str,
        timeout_s: float,
        metrics: RelayerMetrics,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.label: Final = label
        self.confirmed = False
        """Has named the right chain, and not failed since."""
        self.score = 1.0
        self.head: Head | None = None
        self.lagging = False
        self._chain: Final = chain
        self._metrics: Final = metrics
        self._connection: Final = Connection(
            url, timeout_s, transport, metrics.rpc_requests.labels(chain, label).inc
        )
        self._ids: Final = itertools.count(1)
        self._failures = 0
        self._failing = ""
        """The kind of failure that it is in; each is logged when it begins."""
        self._contradicted = False
        self._rests_until = self._barred_until = 0.0
        self._show()

    @property
    def sound(self) -> bool:
        """Whether its newest request was answered."""
        return not self._failures

    @property
    def resting(self) -> bool:
        """Whether it failed lately."""
        return time.monotonic() < self._rests_until

    @property
    def barred_s(self) -> float:
        """For how long it must not be asked; 0 when it may be."""
        return max(self._barred_until - time.monotonic(), 0.0)

    async def post(self, calls: Sequence[Query]) -> list[dict[str, Any]]:
        """Return one answer for each call: a result, or the node's error.

        Raises:
            Silent: no usable answer; it is counted and rests.
        """
        requests = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
            for method, params in calls
        ]
        began, singly = time.monotonic(), self._connection.singly
        try:
            answers = await self._connection.exchange(requests)
        except Broken as error:
            raise self.failed(str(error), error.kind, bar_s=error.bar_s) from error
        if singly and not self._connection.singly:
            _log.info("rpc_recovered", chain=self._chain, endpoint=self.label)
        elif self._connection.singly and not singly:
            self._metrics.rpc_errors.labels(self._chain, self.label, "no_batches").inc()
            _log.warning(
                "rpc_failed", chain=self._chain, endpoint=self.label, kind="no_batches",
                error="one request for each call from now on",
            )  # fmt: skip
        self._metrics.rpc_latency.labels(self._chain, self.label).observe(time.monotonic() - began)
        if any(is_rate_limit(answer) for answer in answers):
            raise self.failed("rate limited", "rate_limited", bar_s=RATE_LIMITED_S)
        return answers

    def succeeded(self) -> None:
        """Note that it gave a usable answer."""
        if self._failing:
            _log.info("rpc_recovered", chain=self._chain, endpoint=self.label)
        self._failures, self._failing = 0, ""
        self._rests_until = 0.0
        self.score += (1 - self.score) * _WEIGHT
        self._show()

    def failed(self, why: str, kind: str, *, bar_s: float = 0.0, rest_s: float = 0.0) -> Silent:
        """Count a failure, let the endpoint rest, and return the error to raise."""
        if kind != self._failing:
            _log.warning("rpc_failed", chain=self._chain, endpoint=self.label, kind=kind, error=why)
        self._failing = kind
        self._barred_until = max(self._barred_until, time.monotonic() + bar_s)
        self._count(kind, rest_s)
        return Silent(f"{self.label}: {why}", kind)

    def _count(self, kind: str, rest_s: float = 0.0) -> None:
        self._metrics.rpc_errors.labels(self._chain, self.label, kind).inc()
        first_s, longest_s = REST_S
        rest_s = max(rest_s, min(first_s * 2 ** min(self._failures, _MAX_DOUBLINGS), longest_s))
        self._rests_until = time.monotonic() + rest_s * _jitter.uniform(0.5, 1.5)
        self._failures += 1
        self.confirmed = False
        self.score -= self.score * _WEIGHT
        self._show()

    def disagreed(self, asked: str) -> None:
        """Count an answer that a quorum contradicts: logged when that begins.

        To answer again is no recovery from it; see `agreed`.
        """
        if not self._contradicted:
            _log.warning(
                "rpc_failed", chain=self._chain, endpoint=self.label, kind="disagrees",
                error=f"disagrees on {asked}",
            )  # fmt: skip
        self._contradicted = True
        self._count("disagrees")

    def agreed(self) -> None:
        """Note that it said what a quorum says."""
        if self._contradicted:
            _log.info("rpc_recovered", chain=self._chain, endpoint=self.label)
        self._contradicted = False

    def measure(self, head: Head, lag_blocks: int, *, lagging: bool) -> None:
        """Note the newest block it knows, and how far that is behind."""
        if lagging and not self.lagging:
            self._metrics.rpc_errors.labels(self._chain, self.label, "lagging").inc()
            _log.warning(
                "rpc_failed", chain=self._chain, endpoint=self.label, kind="lagging",
                error=f"{lag_blocks} blocks behind, at {head.number}",
            )  # fmt: skip
        self.head, self.lagging = head, lagging
        self._metrics.rpc_lag_blocks.labels(self._chain, self.label).set(lag_blocks)
        self._show()

    async def aclose(self) -> None:
        """Close connections."""
        await self._connection.aclose()

    def _show(self) -> None:
        labels = (self._chain, self.label)
        self._metrics.rpc_score.labels(*labels).set(self.score)
        self._metrics.rpc_usable.labels(*labels).set(not (self.lagging or self._failures))
