"""Messages of every archived kind, made from a number: the same number, the same message."""

from __future__ import annotations

import random

from oracle.model.fixed import Px
from oracle.model.messages import (
    AuditEntry,
    CertifiedRound,
    Control,
    Mark,
    MarketEvent,
    Message,
    Receipt,
    SignedReport,
    SnapshotPart,
    SourceView,
    SpecPart,
    StepManifest,
)
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity

DAY_NS = 86_400 * 10**9
BEGIN_NS = 1_790_000_000 * 10**9
STEP_NS = 100 * 10**6
MARKETS = ("BTC-USD", "ETH-USD")


def time_of(number: int) -> int:
    """Return the time of the message of a number."""
    return BEGIN_NS + number * STEP_NS


def slot_of(number: int) -> int:
    """Return the slot of the report of a number."""
    return time_of(number) // 10**6


def ticks(number: int) -> Message:
    """Return some ticks."""
    rng = random.Random(number)
    return pack(
        Tick(
            rng.choice(["a:X/USD", "b:X/USD", "c:X/USD"]),
            100 * number + row,
            time_of(number) - 10**6,
            time_of(number),
            bid=Px(rng.randrange(10**6), -2),
            ask=Px(rng.randrange(10**6), -3),
            last_size=Px(rng.randrange(99), -1) if rng.random() < 0.3 else None,
        )
        for row in range(1 + number % 5)
    )


def mark(number: int) -> Mark:
    """Return a mark of one of two markets."""
    price = Px(10_000_000 + number * 7919 % 90_000_000, -4)
    priced = number % 7 != 0
    return Mark(
        MARKETS[number % 2],
        number % 2,
        number,
        time_of(number),
        Validity.VALID if priced else Validity.MISSING,
        "" if priced else "no source",
        BreakerState.NORMAL,
        price if priced else None,
        price if priced else None,
        None,
        1234,
        None,
        time_of(number),
        time_of(number),
        (SourceView("a:X/USD", price, True, ""), SourceView("b:X/USD", None, False, "crossed")),
    )


def manifest(number: int) -> StepManifest:
    """Return the manifest of a step that took one batch."""
    return StepManifest(
        "0",
        number,
        time_of(number),
        1,
        {0: number + 1},
        {0: 2, 1: 5},
        {"crossed": 1},
        (MarketEvent("BTC-USD", "state", "NORMAL", "GUARDED", "5 bps"),),
        {0: number},
        (control(number),),
        b"\1" * 32,
        b"\2" * 32,
        b"\3" * 32,
        number.to_bytes(32, "big"),
    )


def control(number: int) -> Control:
    """Return an order."""
    return Control("market", "BTC-USD", True, "anna", f"why {number}", time_of(number), 2**62)


def report(number: int) -> SignedReport:
    """Return a report whose body means nothing."""
    time_ns = time_of(number)
    return SignedReport("0xab", 1, slot_of(number), time_ns, time_ns, True, bytes([7] * 99))


def round_(number: int) -> CertifiedRound:
    """Return a round whose proposal means nothing."""
    body = bytes([9] * 99)
    return CertifiedRound("0xab", 1, slot_of(number), time_of(number), body, {0: number})


def snapshot(number: int) -> SnapshotPart:
    """Return a state of one part."""
    history = number.to_bytes(32, "big")
    return SnapshotPart(0, 0, 1, number, time_of(number), history, number + 1, number, b"state")


def spec(number: int) -> SpecPart:
    """Return a part of a specification that means nothing."""
    return SpecPart(0, number.to_bytes(32, "big"), 0, 1, time_of(number), b"spec")


def receipt(number: int) -> Receipt:
    """Return a receipt."""
    sent_ns = time_of(number)
    return Receipt(
        "anvil", 31337, number, "heartbeat", f"0x{number:064x}", True, "", number, 21_000, (0, 4),
        sent_ns, sent_ns, sent_ns,
    )  # fmt: skip


def entry(number: int) -> AuditEntry:
    """Return an entry of the audit."""
    return AuditEntry("cli", number, bytes(32), time_of(number), "pause", "x", "anna", "why")


MAKE = {
    Topic.TICKS: ticks,
    Topic.STEPS: manifest,
    Topic.MARKS: mark,
    Topic.REPORTS: report,
    Topic.RECEIPTS: receipt,
    Topic.CONTROLS: control,
    Topic.AUDIT: entry,
    Topic.ROUNDS: round_,
    Topic.SNAPSHOTS: snapshot,
    Topic.SPECS: spec,
}


def key_of(kind: Topic, number: int) -> str:
    """Return the key that the message of a number is published under."""
    return "0" if kind is Topic.TICKS else f"k{number}"
