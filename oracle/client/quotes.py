"""What the API answers, as frozen values with exact decimal prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from oracle.client.freshness import MAX_FUTURE_MS, require_fresh
from oracle.model.errors import Rejected
from oracle.model.validity import BreakerState, Validity

ValidityName = Literal[
    "HALTED", "MISSING", "STALE", "TOO_VOLATILE", "TOO_UNCERTAIN", "GUARDED", "VALID"
]
StateName = Literal["NORMAL", "GUARDED", "HALTED", "RECOVERING"]


class SourceQuote(msgspec.Struct, frozen=True):
    """What one source contributed, and why not when it did not."""

    source: str
    price: Decimal | None
    used: bool
    reason: str


class MarkQuote(msgspec.Struct, frozen=True):
    """A market's latest mark. `require_mark` and `require_index` give a price safe to use."""

    market: str
    number: int
    sequence: int
    time_ms: int
    age_ms: int
    """When the server answered; `require_mark` takes the age now."""
    validity_name: ValidityName = msgspec.field(name="validity")
    reason: str
    state_name: StateName = msgspec.field(name="state")
    index: Decimal | None
    mark: Decimal | None
    twap: Decimal | None
    conf_bps: float | None
    premium_bps: float | None
    sources: tuple[SourceQuote, ...]

    @property
    def validity(self) -> Validity:
        """How far the mark may be trusted."""
        return Validity[self.validity_name]

    @property
    def state(self) -> BreakerState:
        """How the market's breaker stands."""
        return BreakerState[self.state_name]

    def require_mark(
        self,
        *,
        now_ms: int,
        max_age_ms: int,
        at_least: Validity = Validity.VALID,
        max_future_ms: int = MAX_FUTURE_MS,
    ) -> Decimal:
        """Return the mark price, or refuse.

        Raises:
            Rejected: too old, ahead of the clock, of a worse validity, or without a price.
        """
        return self._require("mark", self.mark, now_ms, max_age_ms, at_least, max_future_ms)

    def require_index(
        self,
        *,
        now_ms: int,
        max_age_ms: int,
        at_least: Validity = Validity.VALID,
        max_future_ms: int = MAX_FUTURE_MS,
    ) -> Decimal:
        """Return the index price, or refuse.

        Raises:
            Rejected: as `require_mark`.
        """
        return self._require("index", self.index, now_ms, max_age_ms, at_least, max_future_ms)

    def _require(
        self,
        name: str,
        price: Decimal | None,
        now_ms: int,
        max_age_ms: int,
        at_least: Validity,
        max_future_ms: int,
    ) -> Decimal:
        what = f"{name} of {self.market}"
        require_fresh(
            what, self.time_ms, now_ms=now_ms, max_age_ms=max_age_ms, max_future_ms=max_future_ms
        )
        if self.validity < at_least:
            raise Rejected(
                f"{what} is {self.validity_name} ({self.reason}); {at_least.name} is required"
            )
        if price is None:
            raise Rejected(f"{what} is missing ({self.reason or 'no reason given'})")
        return price


class MarkQuotes(msgspec.Struct, frozen=True):
    """The latest marks of all markets."""

    marks: tuple[MarkQuote, ...]


class PastMarkQuote(msgspec.Struct, frozen=True):
    """A mark of the past: good for its time, and for nothing now."""

    sequence: int
    time_ms: int
    validity_name: ValidityName = msgspec.field(name="validity")
    reason: str
    state_name: StateName = msgspec.field(name="state")
    index: Decimal | None
    mark: Decimal | None
    twap: Decimal | None
    conf_bps: float | None
    premium_bps: float | None

    @property
    def validity(self) -> Validity:
        """How far the mark could be trusted."""
        return Validity[self.validity_name]

    @property
    def state(self) -> BreakerState:
        """How the market's breaker stood."""
        return BreakerState[self.state_name]


class HistoryPage(msgspec.Struct, frozen=True):
    """Some past marks, by time. Ask with `next` as cursor for those after; None: there are none."""

    marks: tuple[PastMarkQuote, ...]
    next: str | None


class CandleQuote(msgspec.Struct, frozen=True):
    """A market's mark over an interval that begins at `time_ms`."""

    time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    marks: int
    """How many had a price."""


class CandleQuotes(msgspec.Struct, frozen=True):
    """Candles, by time."""

    candles: tuple[CandleQuote, ...]


class MarketQuote(msgspec.Struct, frozen=True):
    """A configured market and its number on chains."""

    market: str
    number: int
    group: int


class MarketQuotes(msgspec.Struct, frozen=True):
    """All configured markets."""

    markets: tuple[MarketQuote, ...]


class ReportQuote(msgspec.Struct, frozen=True):
    """A signed report as the server gave it. Pass `body` to `verify_report` before any use."""

    deployment: str
    epoch: int
    slot: int
    time_ms: int
    signed_ms: int
    shared_view: bool
    signers: tuple[int, ...]
    body_hex: str = msgspec.field(name="body")

    def __post_init__(self) -> None:
        """Refuse a body that is not hexadecimal."""
        bytes.fromhex(self.body_hex.removeprefix("0x"))

    @property
    def body(self) -> bytes:
        """The bytes that contracts verify."""
        return bytes.fromhex(self.body_hex.removeprefix("0x"))


class ReceiptQuote(msgspec.Struct, frozen=True):
    """What became of one transaction."""

    chain: str
    chain_id: int
    slot: int
    reason: str
    transaction: str
    accepted: bool
    error: str
    block: int
    gas_used: int
    groups: tuple[int, ...]
    signed_ms: int
    sent_ms: int
    received_ms: int


class ControlQuote(msgspec.Struct, frozen=True):
    """A person's order: who paused or resumed what, why and until when."""

    kind: str
    subject: str
    paused: bool
    who: str
    reason: str
    issued_ms: int
    until_ms: int


class Dropped(msgspec.Struct, frozen=True):
    """This reader was too slow and lost so many events: read `marks` again."""

    count: int


StreamEvent = MarkQuote | ReportQuote | ReceiptQuote | ControlQuote | Dropped
