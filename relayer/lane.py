"""One chain's loop: read what it holds, decide, push. A lane shares nothing but the newest offer,
so a slow or dead chain delays no other. Pushes run beside the loop: what must go at once goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.model.errors import PlumblineError
from oracle.model.messages import Receipt
from oracle.report.report import decode, subset
from oracle.report.word import GROUP_SIZE
from relayer.base import Chain, Clock, Delivery, MayPush, PassedOn, TooLarge, always
from relayer.budget import REASONS, Budget, Level
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics
from relayer.parting import PartSize
from relayer.policy import AT_ONCE, Push, PushPolicy, decide, overlaid, split, strongest, unheard
from relayer.receipts import Receipts
from relayer.spending import Spending
from relayer.tail import Offer, Tail
from relayer.tally import Tally
from relayer.trouble import BACKOFF_S, Trouble

MOST_GROUPS: Final = 64
MOST_FLIGHTS: Final = 4
"""Pushes under way at once; each but the first is a change of validity, or part of one offer."""

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
    budget: Budget | None = None
    most_groups: int = MOST_GROUPS
    """In one transaction."""


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
        may_push: MayPush = always,
    ) -> None:
        """`may_push` is asked before each push, and by the chain once that is ready to be sent:
        another relayer may have the chain by then."""
        self.name: Final = destination.chain.name
        self._may_push: Final = may_push
        self._to: Final = destination
        self._chain: Final = destination.chain
        self._groups: Final = sorted({market // GROUP_SIZE for market in destination.policies})
        self._saving: Final = (
            destination.budget.saving(destination.policies) if destination.budget else {}
        )
        self._tail: Final = tail
        self._salt: Final = salt
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._log: Final = _log.bind(chain=self._chain.name)
        self._tally: Final = Tally(self.name, destination.policies, names, metrics)
        faults = Faults(self.name, metrics)
        self._trouble: Final = Trouble(self.name, destination.backoff_s, faults, metrics)
        self._spending: Final = Spending(self._chain, destination.budget, faults, metrics)
        self._receipts: Final = Receipts(self.name, bus, self._tally, faults, metrics)
        self._held: dict[int, bytes] = {}
        self._flights: Final[dict[asyncio.Task[Receipt], Mapping[int, bytes]]] = {}
        """Pushes under way, and the words that each brings."""
        self._unheard: Final[set[int]] = set()
        """Markets of which the chain makes MISSING what we bring."""
        self._part_size: Final = PartSize(destination.most_groups)

    @property
    def pushing(self) -> bool:
        """Whether a push of ours is under way."""
        return bool(self._flights)

    @property
    def ailing_s(self) -> float:
        """For how long nothing that was due has got through; 0 while all is well."""
        return self._trouble.ailing_s

    async def run(self) -> None:
        """Serve; whatever fails is logged, counted, backed off from and tried with newer input.

        What needs a person (Fatal) is tried again too, at the longest wait: other chains go on.
        """
        started = False
        try:
            while True:
                try:
                    if not started:
                        await self._chain.start(self._salt)
                    started = True
                    await self._serve()
                except PlumblineError as error:
                    wait_s = self._trouble.failed(error)
                except Exception as error:  # noqa: BLE001 (the lane's supervisor: others go on)
                    self._log.exception("chain_crashed")
                    wait_s = self._trouble.failed(error)
                await asyncio.sleep(wait_s)
        finally:
            await self._cancel_flights()

    async def deliver(self, offer: Offer) -> list[Receipt]:
        """Push what is due by what the chain holds at this moment, and wait until it is in blocks.

        Returns no receipt when nothing is due, or may be pushed.

        Raises:
            UpdateRefused: the contract would revert, or did.
            Retryable: the chain cannot be reached, or no receipt came in time.
        """
        await self._launch(offer)
        receipts = []
        while self._flights:
            await asyncio.wait(self._flights, return_when=asyncio.FIRST_COMPLETED)
            receipts += await self._land()
        return receipts

    async def _serve(self) -> None:
        loop, seen = asyncio.get_running_loop(), -1
        await self._read()
        read_at = loop.time()
        while True:
            self._metrics.progress.labels(self.name).set(self._clock() / 1e9)
            await self._publish_unclaimed()
            left_s = max(read_at + self._to.poll_s - loop.time(), 0)
            offer = await self._newer_than(seen, left_s)
            if not await self._land() and offer is None:
                await self._read()
                read_at = loop.time()
            offer = offer or self._tail.newest
            if offer is None:
                continue
            seen = offer.slot
            if self._due(offer):
                self._trouble.begin()
                await self._launch(offer)
                read_at = loop.time()
            elif self._flights or self._chain.in_flight():
                self._trouble.begin()
            else:
                self._trouble.end()

    async def _newer_than(self, slot: int, timeout_s: float) -> Offer | None:
        """Wait for a newer offer, a push that ends, or the time."""
        newer = asyncio.create_task(self._tail.newer_than(slot, timeout_s))
        try:
            await asyncio.wait([newer, *self._flights], return_when=asyncio.FIRST_COMPLETED)
            return newer.result() if newer.done() else None
        finally:
            newer.cancel()

    def _due(self, offer: Offer) -> list[Push]:
        """Decide by what the chain will hold once what is under way has landed."""
        level, in_flight = self._spending.level(), self._chain.in_flight()
        if not self._may_push() or max(len(self._flights), len(in_flight)) >= MOST_FLIGHTS:
            return []
        under_way = [*self._flights.values(), *map(_words, in_flight)]
        reasons = REASONS[level] & AT_ONCE if under_way else REASONS[level]
        policies = self._to.policies if level is Level.FULL else self._saving
        held = overlaid(self._held, under_way)
        return decide(held, offer.words, policies, reasons, self._unheard)

    async def _launch(self, offer: Offer) -> None:
        """Read what the chain holds now, and push what is due by that, in bounded parts."""
        await self._read()
        pushes = self._due(offer)
        if not pushes:
            self._metrics.stale.labels(self.name).inc()
        for part in split(pushes, self._part_size.groups)[:MOST_FLIGHTS]:
            groups = tuple(push.group for push in part)
            everything = len(groups) == len(offer.words)
            delivery = Delivery(
                body=offer.body if everything else subset(offer.body, groups),
                groups=groups,
                slot=offer.slot,
                reason=strongest(part),
                signed_ns=offer.signed_ns,
            )
            flight = asyncio.create_task(self._chain.push(delivery, self._may_push))
            self._flights[flight] = {group: offer.words[group] for group in groups}
            self._tally.pushed(part)

    async def _land(self) -> list[Receipt]:
        """Take the pushes that have ended.

        Raises:
            UpdateRefused, Retryable: as `deliver`; what else has ended is taken the next time.
        """
        receipts = []
        for flight in [flight for flight in self._flights if flight.done()]:
            words = self._flights.pop(flight)
            try:
                receipt = flight.result()
            except PassedOn as error:
                self._log.info("push_withheld", why=str(error))
                continue
            except TooLarge:
                self._part_size.refused(len(words))
                self._log.warning("updates_parted", most_groups=self._part_size.groups)
                raise
            self._part_size.taken(len(words))
            await self._receipts.publish(receipt)
            self._receipts.judge(receipt)
            await self._read()
            self._receipts.compare(receipt, words, self._held)
            self._note_unheard(words)
            self._trouble.end()
            receipts.append(receipt)
        return receipts

    def _note_unheard(self, brought: Mapping[int, bytes]) -> None:
        found = unheard(brought, self._held)
        for market in sorted(found - self._unheard):
            self._log.warning("market_not_of_our_epoch", market=market)
        self._unheard.difference_update(
            group * GROUP_SIZE + at for group in brought for at in range(GROUP_SIZE)
        )
        self._unheard.update(found)

    async def _read(self) -> None:
        self._held = await self._chain.held(self._groups)
        self._tally.held(self._held)

    async def _publish_unclaimed(self) -> None:
        for receipt in await self._chain.settled():
            await self._receipts.publish(receipt)

    async def _cancel_flights(self) -> None:
        for flight in self._flights:
            flight.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)
        self._flights.clear()


def _words(delivery: Delivery) -> dict[int, bytes]:
    return {leaf.group: leaf.word for leaf in decode(delivery.body).leaves}
