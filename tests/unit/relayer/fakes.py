"""A chain that behaves as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from oracle.model.messages import Receipt
from oracle.model.validity import Validity
from oracle.report.report import Leaf, decode
from oracle.report.word import ENTRY_BITS, GROUP_SIZE, VALIDITY_BITS
from relayer.base import Delivery, MayPush, PassedOn, always
from relayer.stored import stored_ms


class FakeChain:
    """Holds words like a contract: newer ones only. `failures` are raised in turn, then none."""

    chain_id = 1
    kind = "fake"

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.words: dict[int, bytes] = {}
        self.deliveries: list[Delivery] = []
        self.start_failures: list[Exception] = []
        self.failures: list[Exception] = []
        self.reverts = ""
        self.starts = self.reads = 0
        self.ready, self.open = asyncio.Event(), asyncio.Event()
        """While clear, a push hangs: before it may be sent, and once it is."""
        self.ready.set()
        self.open.set()
        self.push_failures: list[Exception] = []
        self.forgets = 0
        """So many pushes are receipted, and not stored."""
        self.unbound: frozenset[int] = frozenset()
        """Markets that it stores as MISSING, whatever the report says."""
        self.sent_before: list[Delivery] = []
        self.unclaimed: list[Receipt] = []
        self.spent_wei = 0
        self.on_held: list[dict[int, bytes]] = []
        """Words that another relayer stores just before a read, one a read."""

    async def start(self, salt: bytes) -> None:
        """Count; fail as told."""
        self.starts += 1
        if self.start_failures:
            raise self.start_failures.pop(0)

    async def held(self, groups: Collection[int]) -> dict[int, bytes]:
        """Return the words."""
        self.reads += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.on_held:
            self.words |= self.on_held.pop(0)
        return {group: self.words.get(group, bytes(32)) for group in groups}

    async def push(self, delivery: Delivery, may_push: MayPush = always) -> Receipt:
        """Store what is newer."""
        await self.ready.wait()
        if not may_push():
            raise PassedOn(self.name)
        self.deliveries.append(delivery)
        await self.open.wait()
        if self.push_failures:
            raise self.push_failures.pop(0)
        stored = []
        for leaf in decode(delivery.body).leaves if not self.reverts else ():
            held_ms = stored_ms(self.words.get(leaf.group, bytes(32)))
            if held_ms is None or held_ms < (stored_ms(leaf.word) or 0):
                if not self.forgets:
                    self.words[leaf.group] = self._merged(leaf)
                stored.append(leaf.group)
        self.forgets = max(self.forgets - 1, 0)
        return Receipt(
            chain=self.name,
            chain_id=self.chain_id,
            slot=delivery.slot,
            reason=delivery.reason,
            transaction=hex(len(self.deliveries)),
            accepted=not self.reverts,
            error=self.reverts,
            block=1,
            gas_used=1,
            groups=tuple(stored),
            signed_ns=delivery.signed_ns,
            sent_ns=delivery.signed_ns + 10**9,
            received_ns=delivery.signed_ns + 2 * 10**9,
        )

    def _merged(self, leaf: Leaf) -> bytes:
        word = int.from_bytes(leaf.word, "big")
        for at in range(GROUP_SIZE):
            if leaf.group * GROUP_SIZE + at in self.unbound:
                top = (at + 1) * ENTRY_BITS - VALIDITY_BITS
                word &= ~((1 << VALIDITY_BITS) - 1 << top)
                word |= Validity.MISSING << top
        return word.to_bytes(32, "big")

    def in_flight(self) -> list[Delivery]:
        """Return what an earlier process sent."""
        return self.sent_before

    async def settled(self) -> list[Receipt]:
        """Return what `unclaimed` has."""
        receipts, self.unclaimed = self.unclaimed, []
        return receipts

    def spent_day_wei(self) -> int:
        """Return what a test says."""
        return self.spent_wei

    async def aclose(self) -> None:
        """Do nothing."""
