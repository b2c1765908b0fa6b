"""Liquidation, seizure and the waterfall by docs/perp.md."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from oracle.model.validity import Action
from tests.property.perp_formulas import close_notional, requirement, times
from tests.property.perp_model import (
    Margin,
    close,
    margin_of,
    notional_of,
    require_withdrawable,
)
from tests.property.perp_rules import BPS, E6, E12, UNIT, MarketRules
from tests.property.perp_state import Book, Position, Purpose, Refused, Row

NO_MARKET = 2**16 - 1


@dataclass
class Liquidations:
    """What the liquidator remembers beside the book."""

    book: Book
    block: int = 0
    cap_used: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    liquidated_in: dict[int, tuple[int, bool]] = field(default_factory=dict)
    deficits: defaultdict[tuple[int, bool], int] = field(default_factory=lambda: defaultdict(int))
    drawdown_from_s: int = 0
    drawdown_left: int = 0

    def liquidate(self, account: int, market: int, keeper: int) -> int:
        """Close as much as the target needs, within the block's cap; return the size.

        Raises:
            Refused: there is nothing to liquidate, or not now.
        """
        book, rules = self.book, self.book.market_rules[market]
        held = book.position(account, market)
        if not held.size:
            raise Refused("NothingToLiquidate")
        if not book.usable(market, rules.max_age_ms, Action.LIQUIDATE):
            raise Refused("NotAllowed")
        margin = margin_of(book, account, Purpose.LIQUIDATE)
        if margin.equity >= margin.maintenance:
            raise Refused("Healthy")
        price = book.last_price(market)
        left = rules.liquidation_cap_usd * UNIT - self.cap_used[self.block, market]
        if left <= 0:
            raise Refused("CapReached")
        size = self._size(rules, margin, held, price, left)
        self.cap_used[self.block, market] += notional_of(size, price)
        self._close(account, market, size, price, margin, keeper)
        return size

    def seize(self, account: int, collateral: int, repay: int, by: int) -> int:
        """Repay a debt out of one's cash for collateral at a discount; return the shares.

        Raises:
            Refused: there is no debt, it is not to be seized, or who repays it lacks the margin.
        """
        book = self.book
        most = min(repay, max(book.cash[by], 0))
        if account != Row.INSURANCE:
            most = min(most, self._seizable(account))
        rules = book.collateral_rules[collateral]
        legs = (
            (rules.index_market, rules.index_max_age_ms),
            (rules.twap_market, rules.twap_max_age_ms),
        )
        if not all(book.usable(market, age, Action.LIQUIDATE) for market, age in legs):
            raise Refused("NotAllowed")
        lower = min(book.last_price(market) for market, _ in legs)
        discount = min(rules.seize_discount_bps, rules.haircuts[0].bps)
        price = math.ceil(times(book.rate(collateral), lower))
        price = math.ceil(Fraction(price * (BPS - discount), BPS))
        if not price:
            raise Refused("NoDebt")
        held = book.shares[account, collateral]
        shares = min(most * UNIT // price, held)
        if not shares:
            raise Refused("NoDebt")
        trial = (by, account, math.ceil(times(shares, price)))
        book.move(*trial)
        book.shares[account, collateral] -= shares
        book.shares[by, collateral] += shares
        try:
            require_withdrawable(book, by)
        except Refused:
            book.move(trial[1], trial[0], trial[2])
            book.shares[account, collateral] += shares
            book.shares[by, collateral] -= shares
            raise
        return shares

    def absorb(self, account: int) -> None:
        """Put a debt that nothing is left to pay to the waterfall.

        Raises:
            Refused: the account holds something still, or owes nothing.
        """
        book = self.book
        if book.markets_of(account):
            raise Refused("StillHolds")
        rest = debt = max(-book.cash[account], 0)
        if not debt:
            raise Refused("NoDebt")
        if any(shares for (holder, _), shares in book.shares.items() if holder == account):
            raise Refused("StillHolds")
        for row in (Row.RESERVE, Row.INSURANCE):
            paid = min(rest, max(book.cash[row], 0))
            book.move(row, account, paid)
            rest -= paid
        paid = self._drawn(rest)
        book.move(Row.POOL, account, paid)
        rest -= paid
        where = self.liquidated_in.pop(account, (NO_MARKET, False))
        if rest:
            book.move(Row.DEFICIT, account, rest)
            self.deficits[where] += rest

    def _size(
        self, rules: MarketRules, margin: Margin, held: Position, price: int, left: int
    ) -> int:
        notional = notional_of(held.size, price)
        wanted = close_notional(rules, margin.equity, margin.maintenance, notional)
        wanted = min(wanted, left)
        if wanted + self.book.rules.min_margin_usd * UNIT >= notional:
            return abs(held.size)
        return min(math.ceil(Fraction(wanted * UNIT, price)), abs(held.size))

    def _close(
        self, account: int, market: int, size: int, price: int, margin: Margin, keeper: int
    ) -> None:
        book, rules = self.book, self.book.market_rules[market]
        held = book.position(account, market)
        due = math.ceil(Fraction(notional_of(size, price) * rules.liquidation_fee_e6, E6))
        needed = [
            requirement(rules.brackets, notional_of(left, price), initial=False)
            for left in (held.size, abs(held.size) - size)
        ]
        freed = needed[0] - needed[1]
        most = margin.equity
        if freed < margin.maintenance:
            most = margin.equity * freed // (2 * margin.maintenance)
        paid = min(due, max(most, 0))
        close(book, account, market, size, price)
        reward = min(paid * book.rules.keeper_share_bps // BPS, book.rules.keeper_max_e6 * E12)
        book.move(account, keeper, reward)
        book.move(account, Row.RESERVE, paid - reward)
        if paid < due:
            flat = self._flat(rules, held, size, price)
            from_reserve = min(max(flat - reward, 0), max(book.cash[Row.RESERVE], 0))
            book.move(Row.RESERVE, keeper, from_reserve)
        self.liquidated_in[account] = (market, held.size > 0)

    def _flat(self, rules: MarketRules, held: Position, size: int, price: int) -> int:
        """Return what a keeper is paid at least: no more than the taker fee of opening as much."""
        opened = min(abs(held.cost) * size // abs(held.size), notional_of(size, price))
        return min(opened * rules.taker_fee_e6 // E6, self.book.rules.keeper_flat_e6 * E12)

    def _seizable(self, account: int) -> int:
        debt = max(-self.book.cash[account], 0)
        if not debt:
            raise Refused("NoDebt")
        margin = margin_of(self.book, account, Purpose.LIQUIDATE)
        if self.book.markets_of(account) and margin.equity >= margin.maintenance:
            raise Refused("Healthy")
        return debt

    def _drawn(self, amount: int) -> int:
        """Return what the pool bears: a share of its cash when the period began."""
        if not amount:
            return 0
        book = self.book
        cash = max(book.cash[Row.POOL], 0)
        if book.now_s >= self.drawdown_from_s + book.rules.drawdown_period_s:
            self.drawdown_from_s = book.now_s
            self.drawdown_left = cash * book.rules.drawdown_bps // BPS
        drawn = min(amount, self.drawdown_left, cash)
        self.drawdown_left -= drawn
        return drawn
