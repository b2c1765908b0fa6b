"""A relayer in a process of its own that dies at a named point, as `kill -9` would have it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.config.deployment import EvmChainConfig
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.model.messages import SignedReport
from relayer.evm.chain import EvmChain, connect
from relayer.evm.journal import Journal
from relayer.evm.ledger import Bid, Transaction, TransactionState
from relayer.lane import Destination
from relayer.metrics import RelayerMetrics
from relayer.policy import PushPolicy
from relayer.service import Relayer
from relayer.tail import open_offer
from tests.unit.relayer.words import COMMITTEE

POLICY = PushPolicy(deviation_bps=10.0, heartbeat_ms=60_000, confidence=3.0, early=1.0)

POINTS = (
    "before the journal",
    "inside the journal's write",
    "after the journal",
    "before the broadcast",
    "after the broadcast",
    "before the block is noted",
    "after the block is noted",
)
REPLACING_POINTS = (
    "before the replacement",
    "inside the replacement's write",
    "after the replacement",
    "before the second broadcast",
    "after the second broadcast",
)
STRANDING_POINTS = (
    "before they are set aside",
    "inside the setting aside",
    "after they are set aside",
)


@dataclass(frozen=True)
class Life:
    """What a process is to do, and where it ends; an empty `dies_at` is to the end."""

    config: dict[str, Any]
    journal: Path
    broadcasts: Path
    """Every raw transaction is noted here before it is sent."""
    report: SignedReport
    dies_at: str = ""

    def reached(self, point: str) -> None:
        """Die here if this is the point."""
        if point == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalJournal(Journal):
    """Dies around or within its writes."""

    def __init__(self, life: Life) -> None:
        self._life = life
        super().__init__(life.journal)

    def add(self, transaction: Transaction) -> None:
        """Die before or after."""
        self._life.reached("before the journal")
        super().add(transaction)
        self._life.reached("after the journal")

    def add_bid(self, transaction: Transaction, bid: Bid) -> None:
        """Die before or after."""
        self._life.reached("before the replacement")
        super().add_bid(transaction, bid)
        self._life.reached("after the replacement")

    def update(self, transaction: Transaction, paid_wei: int = 0) -> None:
        """Die before or after a block is noted."""
        if transaction.state is TransactionState.MINED:
            self._life.reached("before the block is noted")
        super().update(transaction, paid_wei)
        if transaction.state is TransactionState.MINED:
            self._life.reached("after the block is noted")

    def update_all(self, transactions: Iterable[Transaction]) -> None:
        """Die before or after."""
        self._life.reached("before they are set aside")
        super().update_all(transactions)
        self._life.reached("after they are set aside")

    def _update(self, transaction: Transaction) -> None:
        super()._update(transaction)
        if transaction.state is TransactionState.STRANDED:
            self._life.reached("inside the setting aside")

    def _insert_bid(self, nonce: int, number: int, bid: Bid) -> None:
        super()._insert_bid(nonce, number, bid)
        self._life.reached(f"inside the {'replacement' if number else 'journal'}'s write")


class MortalTransport(httpx.AsyncHTTPTransport):
    """Notes broadcasts, and dies around one."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self._life = life
        self._sent = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        call = json.loads(request.content)
        if isinstance(call, list) or call["method"] != "eth_sendRawTransaction":
            return await super().handle_async_request(request)
        self._sent += 1
        which = "the broadcast" if self._sent == 1 else "the second broadcast"
        self._life.reached(f"before {which}")
        with self._life.broadcasts.open("a") as file:
            file.write(call["params"][0] + "\n")
        response = await super().handle_async_request(request)
        self._life.reached(f"after {which}")
        return response


def live(life: Life) -> None:
    """Push the report, as a relayer does after a start, until the chain holds it."""
    asyncio.run(_live(life))


async def _live(life: Life) -> None:
    config = EvmChainConfig.model_validate(life.config)
    registry = CollectorRegistry()
    metrics = RelayerMetrics(registry)
    chain = connect(
        config,
        open_signer(config.key, KeyMetrics(registry)),
        metrics,
        journal=MortalJournal(life),
        transport=MortalTransport(life),
    )
    destination = Destination(chain, {0: POLICY}, config.poll / 1e9, backoff_s=(0.02, 0.1))
    relayer = Relayer(MemoryBus(), COMMITTEE, [destination], names={0: "BTC-USD"}, metrics=metrics)
    relayer.tail.newest = offer = open_offer(life.report, COMMITTEE)
    task = asyncio.create_task(relayer.run())
    while await _held(chain) != offer.words[0] or chain.in_flight():
        if task.done():
            task.result()
        await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await chain.aclose()


async def _held(chain: EvmChain) -> bytes:
    try:
        return (await chain.held([0]))[0]
    except Exception:  # noqa: BLE001 (the relayer itself tells what is wrong)
        return b""
