"""Messages to publish, and reads that wait to a deadline."""

from __future__ import annotations

import time

from prometheus_client import REGISTRY

from oracle.bus.interface import Record, Subscription
from oracle.model.messages import Control, Receipt

DEADLINE_S = 120.0


def receipt(chain: str, slot: int) -> Receipt:
    """Make a receipt that is told apart by its chain and slot."""
    return Receipt(
        chain=chain,
        chain_id=1,
        slot=slot,
        reason="heartbeat",
        transaction="0x00",
        accepted=True,
        error="",
        block=1,
        gas_used=21_000,
        groups=(0,),
        signed_ns=1,
        sent_ns=2,
        received_ns=3,
    )


def control(subject: str, issued_ns: int) -> Control:
    """Make a pause of a market, told apart by when it was issued."""
    return Control("market", subject, True, "ana", "a test", issued_ns, issued_ns + 1)


def counted(what: str) -> float:
    """Return how many receipts were `skipped` or `undecodable` so far."""
    return REGISTRY.get_sample_value(f"plumbline_bus_{what}_total", {"topic": "receipts"}) or 0.0


async def collect(reader: Subscription, count: int, *, limit: int = 1000) -> list[Record]:
    """Take until `count` records are there."""
    deadline = time.monotonic() + DEADLINE_S
    records: list[Record] = []
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records came"
        records += await reader.take(limit=limit, timeout_s=0.2)
    return records


async def collect_from(readers: list[Subscription], count: int) -> list[list[Record]]:
    """Take from several in turn until they have `count` records between them."""
    deadline = time.monotonic() + DEADLINE_S
    taken: list[list[Record]] = [[] for _ in readers]
    while sum(map(len, taken)) < count:
        assert time.monotonic() < deadline, f"{[len(t) for t in taken]} of {count} records came"
        for reader, records in zip(readers, taken, strict=True):
            records.extend(await reader.take(timeout_s=0.05))
    return taken


def slots(records: list[Record], chain: str | None = None) -> list[int]:
    """Return the slots of the receipts among `records`, of one chain or of all."""
    receipts = [record.message for record in records]
    return [r.slot for r in receipts if isinstance(r, Receipt) and chain in {None, r.chain}]
