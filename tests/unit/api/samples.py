"""Marks, signed reports and receipts for tests of the API and of its client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from oracle.model.fixed import px_exact
from oracle.model.messages import Control, Mark, Receipt, SignedReport, SourceView
from oracle.model.validity import BreakerState, Validity
from oracle.report.digest import deployment_salt
from oracle.report.report import Leaf, Unsigned, sign_complete
from oracle.report.signature import compact
from oracle.report.word import Entry, encode_word
from tests.vectors.generate import address, members

NOW_MS = 1_790_000_000_000
MARKETS = {"BTC-USD": 0, "ETH-USD": 1, "SOL-USD": 4}
SALT = deployment_salt("plumbline-test", bytes(20), 1)
KEYS = members(7)
MEMBERS = [address(key) for key in KEYS]
EPOCH, THRESHOLD = 3, 5


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms * 10**6


async def until(condition: Callable[[], object], deadline_s: float = 60.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - what tests wait for has no event of its own
            await asyncio.sleep(0.005)


def mark(
    market: str = "BTC-USD",
    time_ms: int = NOW_MS,
    price: str = "65123.40",
    validity: Validity = Validity.VALID,
    sequence: int = 1,
) -> Mark:
    """Return a mark with one source used and one refused."""
    reason = "" if validity is Validity.VALID else f"made {validity.name} by a test"
    priced = px_exact(price) if validity > Validity.STALE else None
    return Mark(
        market=market,
        number=MARKETS.get(market, 99),
        sequence=sequence,
        time_ns=time_ms * 10**6,
        validity=validity,
        reason=reason,
        state=BreakerState.NORMAL,
        index=priced,
        mark=priced,
        twap=priced,
        conf_e8=15_000,
        premium_e8=-2_500,
        newest_event_ns=time_ms * 10**6,
        newest_received_ns=time_ms * 10**6,
        sources=(
            SourceView("binance:BTC/USDT", px_exact(price), True, ""),
            SourceView("coinbase:BTC/USD", None, False, "crossed"),
        ),
    )


def signed_report(
    time_ms: int = NOW_MS,
    prev_ms: int = NOW_MS - 250,
    slot: int = 7,
    price: str = "65123.40",
    epoch: int = EPOCH,
) -> SignedReport:
    """Return a report of two groups, signed by the first five of seven keys."""
    entry = Entry(Validity.VALID, px_exact(price), 15_000, -2_500)
    leaves = (
        Leaf(0, prev_ms, encode_word(time_ms, [entry, Entry(Validity.HALTED)])),
        Leaf(1, prev_ms, encode_word(time_ms, [entry])),
    )
    unsigned = Unsigned(epoch, slot, bytes(32), leaves)
    digest = unsigned.digest(SALT)
    signatures = {
        at: compact(key.sign_recoverable(digest, hasher=None)) for at, key in enumerate(KEYS)
    }
    body = sign_complete(unsigned, signatures, THRESHOLD)
    salt = "0x" + SALT.hex()
    return SignedReport(salt, epoch, slot, time_ms * 10**6, (time_ms + 5) * 10**6, True, body)


def receipt(chain: str = "alpha", slot: int = 7) -> Receipt:
    """Return the receipt of an accepted transaction."""
    now_ns = NOW_MS * 10**6
    return Receipt(
        chain, 1, slot, "heartbeat", "0xab", True, "", 12, 90_000, (0, 1), now_ns, now_ns, now_ns
    )


def paused(subject: str = "binance:BTC/USDT", until_ms: int = NOW_MS + 60_000) -> Control:
    """Return the pause of a source."""
    return Control("source", subject, True, "ana", "wicks", NOW_MS * 10**6, until_ms * 10**6)
