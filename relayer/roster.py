"""This relayer's part in the sharing of chains: which are its own now."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.bus.sharing import Sharing
from oracle.model.errors import Retryable
from oracle.model.messages import Duty
from oracle.model.topics import Topic
from relayer.ailments import Ailments
from relayer.duties import Claim, Share, divide, encode, own_share, read_share
from relayer.metrics import RelayerMetrics

LOOK_S: Final = 0.5
RETRY_S: Final = 1.0
RESTATE_S: Final = 1.0
"""Least time between two wishes to divide anew, however often we are misheard."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """Who this relayer is, and when it gives way."""

    relayer: str = "relayer"
    """No two relayers have the same: it comes from their wallets."""
    wallets: Mapping[str, str] = field(default_factory=dict)
    """By chain; no two relayers have the same on one."""
    give_way_s: float = 30.0
    sit_out_s: float = 60.0


class Roster:
    """Takes part in the group of a deployment's relayers, and tells which chains are ours.

    `ailing_s` says for how long nothing that was due has got through to a chain.
    """

    def __init__(
        self,
        bus: Bus,
        deployment: str,
        serves: tuple[str, ...],
        terms: Terms,
        metrics: RelayerMetrics,
        ailing_s: Callable[[str], float],
    ) -> None:
        self.owned: frozenset[str] = frozenset()
        self._bus: Final = bus
        self._deployment: Final = deployment
        self._group: Final = f"relayers.{deployment[2:18]}"
        self._serves: Final = tuple(sorted(serves))
        self._terms: Final = terms
        self._metrics: Final = metrics
        self._ailing_s: Final = ailing_s
        self._ailments: Final = Ailments(terms.give_way_s, terms.sit_out_s)
        self._sharing: Sharing | None = None
        self._changed: Final = asyncio.Condition()
        self._announcing: Final[set[asyncio.Task[None]]] = set()
        self._refused: Mapping[str, str] = {}
        self._turn = 0
        self._misheard = False
        self._restated_at = -RESTATE_S
        for chain in self._serves:
            metrics.owned.labels(chain).set(0)
            metrics.wallet_shared.labels(chain).set(0)
            metrics.gave_way.labels(chain)  # from 0 on, or the first time is no increase

    def may_push(self, chain: str) -> bool:
        """Whether a chain is ours at this moment: ours by the last division, and that holds."""
        return chain in self.owned and self._sharing is not None and self._sharing.holds()

    async def until(self, chain: str, *, ours: bool) -> None:
        """Wait until a chain is ours, or until it no longer is."""
        async with self._changed:
            await self._changed.wait_for(lambda: (chain in self.owned) is ours)

    async def run(self) -> None:
        """Take part until cancelled; a group that cannot be reached is joined again.

        Raises:
            Fatal: another process has our name, and with it our wallets.
        """
        while True:
            try:
                await self._take_part()
            except Retryable as error:
                _log.warning("group_unreachable", group=self._group, error=str(error))
                self._metrics.group_failed.inc()
            await asyncio.sleep(RETRY_S)

    async def _take_part(self) -> None:
        sharing = self._bus.share(self._group, self._terms.relayer, self._claim, divide)
        async with sharing:
            self._sharing = sharing
            try:
                while True:
                    share = await sharing.next(timeout_s=min(LOOK_S, self._terms.give_way_s / 4))
                    if share is not None:
                        await self._take(read_share(share))
                    self._look(sharing)
            finally:
                self._sharing = None
                self._show()
                for task in self._announcing:
                    task.cancel()

    def _claim(self) -> bytes:
        self._turn += 1
        holding = self._sharing is not None and self._sharing.holds()
        return encode(
            Claim(
                relayer=self._terms.relayer,
                serves=self._serves,
                holds=tuple(sorted(self.owned)) if holding else (),
                ailing=self._ailments.flagged,
                wallets=dict(self._terms.wallets),
                turn=self._turn,
            )
        )

    async def _take(self, share: Share) -> None:
        if share.heard is None:
            _log.warning("claim_not_understood", group=self._group, relayer=self._terms.relayer)
        else:
            said = (self._serves, self._ailments.flagged)
            self._misheard = (share.heard.serves, share.heard.ailing) != said
        self._tell_refused(share.refused)
        before, self.owned = self.owned, own_share(share, self._terms.relayer)
        for chain in sorted(self.owned - before):
            _log.info("duty_taken", chain=chain, relayer=self._terms.relayer)
        for chain in sorted(before - self.owned):
            _log.info("duty_passed_on", chain=chain, to=share.owners.get(chain, ""))
        async with self._changed:
            self._changed.notify_all()
        if self.owned - before:
            task = asyncio.create_task(self._announce(self.owned - before))
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)

    def _tell_refused(self, refused: Mapping[str, str]) -> None:
        before, self._refused = self._refused, refused
        for chain in self._serves:
            self._metrics.wallet_shared.labels(chain).set(chain in refused)
            if chain in refused and chain not in before:
                wallet = self._terms.wallets.get(chain)
                _log.error(
                    "wallet_shared",
                    chain=chain,
                    wallet=wallet,
                    of=refused[chain],
                    do="give each relayer a wallet of its own on this chain: two would spend each "
                    "other's nonces; until then this one does not get the chain",
                )
            elif chain in before and chain not in refused:
                _log.info("wallet_shared_over", chain=chain)

    def _look(self, sharing: Sharing) -> None:
        self._show()
        now, before = time.monotonic(), set(self._ailments.flagged)
        if self._ailments.look(self.owned, self._ailing_s, now):
            self._misheard = True  # nobody knows yet
            for chain in sorted(set(self._ailments.flagged) - before):
                self._metrics.gave_way.labels(chain).inc()
                _log.warning("gives_way", chain=chain, relayer=self._terms.relayer)
        if self._misheard and now - self._restated_at >= RESTATE_S:
            self._restated_at = now
            sharing.restate()

    def _show(self) -> None:
        for chain in self._serves:
            self._metrics.owned.labels(chain).set(self.may_push(chain))

    async def _announce(self, taken: frozenset[str]) -> None:
        """Tell the log who has what. The group knows already, so a failure is only noted."""
        duties = [
            Duty(self._deployment, chain, self._terms.relayer, time.time_ns())
            for chain in sorted(taken)
        ]
        try:
            await self._bus.publish(Topic.DUTIES, [(duty.key, duty) for duty in duties])
        except Retryable as error:
            _log.warning("duty_unannounced", error=str(error))


def name_of(wallets: Mapping[str, str]) -> str:
    """Return a relayer's name from its wallet on each chain.

    Two processes with all wallets in common have one name, and Kafka tells them; where only some
    are, their claims do.
    """
    first, *others = dict.fromkeys(wallets[chain] for chain in sorted(wallets))
    if not others:
        return first
    return f"{first}+{zlib.crc32(' '.join(others).encode()):08x}"
