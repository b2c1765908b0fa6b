"""One chain's loop: read what it holds, decide, push. A lane shares nothing but the newest offer,
so a slow or dead chain delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.model.errors import Fatal, PlumblineError, Retryable
from oracle.model.messages import Receipt
from oracle.model.topics import Topic
from oracle.report.report import subset
from oracle.report.word import GROUP_SIZE
from relayer.base import Chain, Clock, Delivery, Refused
from relayer.metrics import RelayerMetrics
from relayer.policy import Push, PushPolicy, decide, strongest
from relayer.stored import stored_ms
from relayer.tail import Offer, Tail

BACKOFF_S: Final = (0.5, 30.0)
"""First and longest wait after a failure; it doubles between them."""
MAX_DOUBLINGS: Final = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Destination:
    """A chain to push to, and when."""

    chain: Chain
    policies: Mapping[int, PushPolicy]
    """By market number."""
    poll_s: float
    """What the chain holds is read at least so often."""
    backoff_s: tuple[float, float] = BACKOFF_S


class Lane:
    """Serves one destination until cancelled."""

    def __init__(
        self,
        destination: Destination,
        tail: Tail,
        bus: Bus,
        salt: bytes,
        names: Mapping[int, str],
        metrics: RelayerMetrics,
        clock: Clock,
        may_push: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_push` is asked before each push: another relayer may have the chain by then."""
        self.name: Final = destination.chain.name
        self.pushing = False
        self._may_push: Final = may_push
        self._ailing_since: float | None = None
        self._to: Final = destination
        self._chain: Final = destination.chain
        self._groups: Final = sorted({market // GROUP_SIZE for market in destination.policies})
        self._tail: Final = tail
        self._bus: Final = bus
        self._salt: Final = salt
        self._names: Final = names
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._log: Final = _log.bind(chain=self._chain.name)
        self._held: dict[int, bytes] = {}
        self._failures = 0

    @property
    def ailing_s(self) -> float:
        """For how long nothing that was due has got through; 0 while all is well."""
        if self._ailing_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._ailing_since

    async def run(self) -> None:
        """Serve; whatever fails is logged, counted, backed off from and tried with newer input.

        Raises:
            Fatal: a person must mend something.
        """
        started = False
        while True:
            try:
                if not started:
                    await self._chain.start(self._salt)
                started = True
                await self._serve()
            except Fatal:
                raise
            except PlumblineError as error:
                self._log.warning("chain_failed", error=str(error), failures=self._failures + 1)
                self._metrics.failed.labels(self._chain.name, _name_of(error)).inc()
            except Exception as error:  # noqa: BLE001 (the lane's supervisor: other chains go on)
                self._log.exception("chain_crashed", failures=self._failures + 1)
                self._metrics.failed.labels(self._chain.name, type(error).__name__).inc()
            self._ail()
            first_s, longest_s = self._to.backoff_s
            await asyncio.sleep(min(first_s * 2**self._failures, longest_s))
            self._failures = min(self._failures + 1, MAX_DOUBLINGS)

    async def _serve(self) -> None:
        loop, seen = asyncio.get_running_loop(), -1
        await self._read()
        read_at = loop.time()
        while True:
            self._metrics.progress.labels(self._chain.name).set(self._clock() / 1e9)
            left_s = max(read_at + self._to.poll_s - loop.time(), 0)
            offer = await self._tail.newer_than(seen, left_s)
            if offer is None:
                await self._read()
                read_at = loop.time()
                offer = self._tail.newest
            if offer is None:
                continue
            seen = offer.slot
            if self._may_push() and decide(self._held, offer.words, self._to.policies):
                self._ail()
                await self.deliver(offer)
                read_at = loop.time()
            self._failures, self._ailing_since = 0, None

    def _ail(self) -> None:
        if self._ailing_since is None:
            self._ailing_since = asyncio.get_running_loop().time()

    async def deliver(self, offer: Offer) -> Receipt | None:
        """Push what is due by what the chain holds at this moment; None when nothing is, or may be.

        Raises:
            Refused: the contract would revert, or did.
            Retryable: the chain cannot be reached, or no receipt came in time.
        """
        await self._read()
        pushes = decide(self._held, offer.words, self._to.policies)
        if not pushes:
            self._metrics.stale.labels(self._chain.name).inc()
            return None
        groups = tuple(push.group for push in pushes)
        everything = len(groups) == len(offer.words)
        if not self._may_push():
            return None
        delivery = Delivery(
            body=offer.body if everything else subset(offer.body, groups),
            groups=groups,
            slot=offer.slot,
            reason=strongest(pushes),
            signed_ns=offer.signed_ns,
        )
        self.pushing = True
        try:
            receipt = await self._chain.push(delivery)
        finally:
            self.pushing = False
        self._count(receipt, pushes)
        await self._publish(receipt)
        if not receipt.accepted:
            raise Refused(
                f"chain {self._chain.name}: {receipt.transaction} reverted in block "
                f"{receipt.block}: {receipt.error}",
                receipt.error,
            )
        await self._read()
        return receipt

    async def _read(self) -> None:
        self._held = await self._chain.held(self._groups)
        for market in self._to.policies:
            at_ms = stored_ms(self._held[market // GROUP_SIZE])
            if at_ms is not None:
                self._metrics.mark_time.labels(self._chain.name, self._name(market)).set(
                    at_ms / 1000
                )

    async def _publish(self, receipt: Receipt) -> None:
        """Tell the log. The chain has the update already, so a log out of reach is no failure."""
        try:
            await self._bus.publish(Topic.RECEIPTS, [(self._chain.name, receipt)])
        except Retryable as error:
            self._log.warning(
                "receipt_unpublished", transaction=receipt.transaction, error=str(error)
            )
            self._metrics.failed.labels(self._chain.name, "ReceiptUnpublished").inc()

    def _count(self, receipt: Receipt, pushes: list[Push]) -> None:
        chain = self._chain.name
        for push in pushes:
            self._metrics.groups.labels(chain, push.reason).inc()
        self._metrics.signed_to_sent.labels(chain).observe(
            (receipt.sent_ns - receipt.signed_ns) / 1e9
        )
        self._metrics.sent_to_receipt.labels(chain).observe(
            (receipt.received_ns - receipt.sent_ns) / 1e9
        )
        if receipt.accepted:
            self._metrics.accepted.labels(chain, receipt.reason).inc()
            for market in self._to.policies:
                if market // GROUP_SIZE in receipt.groups:
                    self._metrics.success.labels(chain, self._name(market)).set(
                        receipt.received_ns / 1e9
                    )
        self._log.info(
            "pushed",
            reason=receipt.reason,
            slot=receipt.slot,
            groups=receipt.groups,
            accepted=receipt.accepted,
            gas=receipt.gas_used,
            transaction=receipt.transaction,
        )

    def _name(self, market: int) -> str:
        return self._names.get(market, str(market))


def _name_of(error: PlumblineError) -> str:
    return error.error if isinstance(error, Refused) else type(error).__name__
