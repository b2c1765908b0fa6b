"""What the model of the perp contracts holds: rows of cash, collateral, positions, marks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Final

from oracle.model.validity import PRICED, Action, Validity
from tests.property.perp_formulas import counted, funding_step, times
from tests.property.perp_rules import UNIT, CollateralRules, GlobalRules, MarketRules

SUB_BITS: Final = 96


class Row(IntEnum):
    """The protocol's own rows of cash."""

    POOL = 1
    INSURANCE = 2
    RESERVE = 3
    ESCROW = 4
    REQUESTS = 5
    DEFICIT = 6


class Purpose(Enum):
    """How to value what cannot be priced now: as nothing, or at its last price for the account."""

    PERMIT = 0
    LIQUIDATE = 1


class Refused(Exception):
    """The name of the error with which the contracts refuse."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Mark:
    """One market's entry of a report, or of what is stored."""

    price: int
    validity: Validity
    time_ms: int
    conf_bps_e1: int = 0
    premium_bps_e2: int = 0


@dataclass(frozen=True)
class Position:
    """Size (below zero: short), what it cost, and its side's funding index when last settled."""

    size: int = 0
    cost: int = 0
    index: int = 0


@dataclass(frozen=True)
class MarketState:
    """A market's funding, what a unit of each side has paid so far; and the insurance's share of
    its fees that the pool's row still holds.
    """

    long_index: int = 0
    short_index: int = 0
    velocity_rate: int = 0
    accrued_at_s: int = 0
    insured: int = 0

    def index_of(self, size: int) -> int:
        """Return the index of the side that a position of this size is on."""
        return self.short_index if size < 0 else self.long_index


@dataclass
class Book:
    """All that is stored, and the time."""

    market_rules: Mapping[int, MarketRules]
    collateral_rules: Mapping[int, CollateralRules]
    rules: GlobalRules
    now_s: int
    cash: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    shares: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    tokens: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    noted: defaultdict[int, int] = field(default_factory=lambda: defaultdict(lambda: UNIT))
    positions: dict[tuple[int, int], Position] = field(default_factory=dict)
    states: dict[int, MarketState] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)

    def move(self, giver: int, taker: int, amount: int) -> None:
        """Move cash between rows."""
        self.cash[giver] -= amount
        self.cash[taker] += amount

    def total_debt(self) -> int:
        """Return what all accounts owe together."""
        return -sum(min(cash, 0) for row, cash in self.cash.items() if not is_system(row))

    def position(self, account: int, market: int) -> Position:
        """Return a position; an empty one if there is none."""
        return self.positions.get((account, market), Position())

    def markets_of(self, account: int) -> list[int]:
        """Return the markets an account holds."""
        return [market for holder, market in self.positions if holder == account]

    def side(self, market: int, *, longs: bool) -> int:
        """Return the open interest of a side, in base units."""
        sizes = (p.size for (_, m), p in self.positions.items() if m == market)
        return sum(abs(size) for size in sizes if (size > 0) == longs)

    def skew(self, market: int) -> int:
        """Return longs less shorts."""
        return self.side(market, longs=True) - self.side(market, longs=False)

    def usable(self, market: int, max_age_ms: int, action: Action) -> bool:
        """Tell whether the stored mark may be used so."""
        mark = self.marks.get(market)
        if mark is None or mark.validity not in PRICED:
            return False
        fresh = self.now_s * 1000 - mark.time_ms <= max_age_ms
        return fresh and self.rules.allows(mark.validity, action)

    def last_price(self, market: int) -> int:
        """Return the last price there was, or 0."""
        mark = self.marks.get(market)
        return 0 if mark is None else mark.price

    def accrued(self, market: int) -> MarketState:
        """Return a market's funding as of now: at the stored mark, or none if it allows none."""
        state, rules = self.states.get(market, MarketState()), self.market_rules[market]
        dt_s = self.now_s - state.accrued_at_s
        now = replace(state, accrued_at_s=self.now_s)
        if not dt_s or not self.usable(market, rules.max_age_ms, Action.FUND):
            return now
        mark = self.marks[market]
        step = funding_step(
            rules, state.velocity_rate, self.skew(market), mark.price, mark.premium_bps_e2, dt_s
        )
        return replace(
            now,
            long_index=state.long_index + step.per_unit,
            short_index=state.short_index - step.per_unit,
            velocity_rate=step.velocity_rate,
        )

    def accrue(self, market: int) -> None:
        """Accrue a market's funding, and pay the insurance its share of the market's fees."""
        self.states[market] = self.accrued(market)
        self.pay_insurance(market)

    def pay_insurance(self, market: int) -> None:
        """Pay the insurance what the pool's row holds of its fees."""
        state = self.states[market]
        self.move(Row.POOL, Row.INSURANCE, state.insured)
        self.states[market] = replace(state, insured=0)

    def rate(self, collateral: int) -> int:
        """Return the tokens to a share of a collateral: at most one, rounded down."""
        total = sum(n for (_, other), n in self.shares.items() if other == collateral)
        return UNIT if self.tokens[collateral] >= total else UNIT * self.tokens[collateral] // total

    def note(self, collateral: int) -> None:
        """Note a collateral's rate: accounts are valued by what is noted."""
        self.noted[collateral] = self.rate(collateral)

    def collateral_price(self, collateral: int, purpose: Purpose) -> int:
        """Return the lower of index and TWAP; 0 where the purpose gives it none."""
        rules = self.collateral_rules[collateral]
        legs = (
            (rules.index_market, rules.index_max_age_ms),
            (rules.twap_market, rules.twap_max_age_ms),
        )
        usable = all(self.usable(market, age, Action.WITHDRAW) for market, age in legs)
        if purpose is Purpose.PERMIT and not usable:
            return 0
        known = [price for market, _ in legs if (price := self.last_price(market))]
        return min(known, default=0)

    def collateral(self, account: int, purpose: Purpose) -> int:
        """Return what an account's collaterals count."""
        total = 0
        for (holder, collateral), shares in self.shares.items():
            if holder == account and shares:
                tokens = math.floor(times(shares, self.noted[collateral]))
                value = math.floor(times(tokens, self.collateral_price(collateral, purpose)))
                total += counted(self.collateral_rules[collateral].haircuts, value)
        return total


def is_system(row: int) -> bool:
    """Tell whether a row is the protocol's own."""
    return row >> SUB_BITS == 0


def is_isolated(account: int) -> bool:
    """Tell whether an account may hold one market only."""
    return bool(account & (2**SUB_BITS - 1))
