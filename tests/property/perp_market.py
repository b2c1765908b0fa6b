"""The market that stories are played on: its rules, its people, its reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from oracle.report.word import decode_entry
from tests.property.perp_actions import MARKETS
from tests.property.perp_orders import account_of
from tests.property.perp_rules import (
    DEFAULT_TABLE,
    UNIT,
    Bracket,
    CollateralRules,
    GlobalRules,
    Haircut,
    MarketRules,
)
from tests.property.perp_state import Book, Mark, Row

ALICE, BOB, KEEPER = (0xA11CE << 64, 0xB0B << 64, 0x5EE9E5 << 64)
ACCOUNTS: Final = (account_of(ALICE), account_of(ALICE, 1), account_of(BOB))
KEEPER_ACCOUNT: Final = account_of(KEEPER)
ETHER: Final = 1
INDEX_MARKET, TWAP_MARKET = MARKETS, MARKETS + 1
SCALE: Final = 10**12
"""Cash to a unit of the settlement token, which has six decimals."""
MAX_FUTURE_MS: Final = 5_000
POOL_USD: Final = 60_000
INSURANCE_USD: Final = 50
START_S: Final = 1_790_000_000

MARKET_RULES: Final[Mapping[int, MarketRules]] = {
    0: MarketRules(
        (Bracket(5_000, 400, 200), Bracket(20_000, 800, 500), Bracket(60_000, 2_000, 1_000)),
        liquidation_cap_usd=8_000,
        liquidation_fee_e6=8_000,
        skew_scale_usd=200_000,
        max_impact_e6=8_000,
        open_interest_cap_usd=80_000,
    ),
    1: MarketRules(
        (Bracket(10_000, 500, 300), Bracket(30_000, 1_000, 600), Bracket(50_000, 1_500, 900)),
        max_age_ms=20_000,
        delay_ms=2_500,
        taker_fee_e6=1_000,
        liquidation_fee_e6=15_000,
        skew_scale_usd=50_000,
        max_impact_e6=5_000,
        open_interest_cap_usd=50_000,
        pool_share_bps=6_000,
    ),
}
COLLATERAL_RULES: Final[Mapping[int, CollateralRules]] = {
    ETHER: CollateralRules(
        INDEX_MARKET,
        TWAP_MARKET,
        (Haircut(1_000, 500), Haircut(3_000, 1_500), Haircut(6_000, 4_000)),
        deposit_cap=4,
    )
}
RULES: Final = GlobalRules(DEFAULT_TABLE)
FIRST_PRICES: Final = (3_000 * UNIT, 60_000 * UNIT, 3_000 * UNIT, 2_990 * UNIT)


class Report(NamedTuple):
    """A report of one group: its entries as encoded, its time and the time before."""

    prev_ms: int
    time_ms: int
    entries: tuple[int, ...]

    def mark(self, market: int) -> Mark:
        """Return what it says of a market."""
        entry = decode_entry(self.entries[market])
        if entry.price is None:
            return Mark(0, entry.validity, self.time_ms)
        price = entry.price.mantissa * 10 ** (entry.price.exponent + 18)
        premium = (entry.premium_e8 or 0) // 100
        return Mark(price, entry.validity, self.time_ms, entry.conf_e8 // 1_000, premium)


class Call(NamedTuple):
    """One call of a contract, and the error that it must end with, if any."""

    sender: int
    target: str
    function: str
    args: tuple[Any, ...]
    error: str | None = None


def first_book() -> Book:
    """Return a market as it was deployed: rules, and a pool with money."""
    book = Book(MARKET_RULES, COLLATERAL_RULES, RULES, START_S)
    book.cash[Row.POOL] = POOL_USD * UNIT
    book.cash[Row.INSURANCE] = INSURANCE_USD * UNIT
    return book
