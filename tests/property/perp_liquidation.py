"""Liquidation, seizure and the waterfall by docs/perp.md."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
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
DAY_S = 86_400
CALL_LASTS_S = DAY_S
"""How long a call counts beyond the backstop's delay."""
OWES_LASTS_S = 28 * DAY_S


@dataclass(frozen=True)
class Clocks:
    """Since when an account's margin was called, it was below maintenance, it owed; 0 for not."""

    called_s: int = 0
    below_s: int = 0
    owes_s: int = 0


@dataclass
class Liquidations:
    """What the liquidator remembers beside the book."""

    book: Book
    block: int = 0
    cap_used: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    clocks: dict[int, Clocks] = field(default_factory=dict)
    liquidated_in: dict[int, tuple[int, bool, int]] = field(default_factory=dict)
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

    def margin_call(self, account: int) -> None:
        """Start the clocks of an account that is near its maintenance, or stop them.

        Raises:
            Refused: it is healthy, and was before.
        """
        book, clocks = self.book, self.clocks.get(account, Clocks())
        margin = margin_of(book, account, Purpose.LIQUIDATE)
        owes = book.cash[account] < 0 and not book.markets_of(account)
        if margin.equity >= margin.maintenance * book.rules.warning_bps // BPS and not owes:
            if not clocks.called_s and account not in self.liquidated_in:
                raise Refused("Healthy")
            self.clocks[account] = Clocks()
            if margin.complete:
                self.liquidated_in.pop(account, None)
            return
        below = margin.equity < margin.maintenance
        lasts_s = book.rules.backstop_delay_s + CALL_LASTS_S
        below_s = self._since(clocks.below_s, lasts_s) if below else 0
        owes_s = self._since(clocks.owes_s, OWES_LASTS_S) if owes else 0
        news = not clocks.called_s
        news |= (below and below_s != clocks.below_s) or (owes and owes_s != clocks.owes_s)
        self.clocks[account] = Clocks(book.now_s if news else clocks.called_s, below_s, owes_s)

    def backstop(self, account: int, market: int, keeper: int) -> None:
        """Close all of a position that no keeper came for; with the last one, sell the collateral.

        Raises:
            Refused: the account's margin was not called for long enough, or it is not so bad.
        """
        book = self.book
        if book.markets_of(account):
            self._close_whole(account, market, keeper)
        else:
            if book.cash[account] >= 0:
                raise Refused("NoDebt")
            self._require_elapsed(self.clocks.get(account, Clocks()).owes_s, 2**40)
        if not book.markets_of(account):
            self._sell_to_insurance(account)

    def seize(self, account: int, collateral: int, repay: int, by: int) -> None:
        """Repay a debt out of one's cash for collateral at a discount.

        Raises:
            Refused: there is no debt, it is not to be seized, or who repays it lacks the margin.
        """
        book = self.book
        most = min(repay, max(book.cash[by], 0))
        if account != Row.INSURANCE:
            most = min(most, self._seizable(account))
        price = self._seize_price(collateral)
        if price is None:
            raise Refused("NotAllowed")
        before = copy.copy(book.cash), copy.copy(book.shares)
        if not self._take(account, by, collateral, most, price):
            raise Refused("NoDebt")
        try:
            require_withdrawable(book, by)
        except Refused:
            book.cash, book.shares = before
            raise

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
        self._take_rest(account)
        for row in (Row.RESERVE, Row.INSURANCE):
            paid = min(rest, max(book.cash[row], 0))
            book.move(row, account, paid)
            rest -= paid
        paid = self._drawn(rest)
        book.move(Row.POOL, account, paid)
        rest -= paid
        where = self.liquidated_in.pop(account, (NO_MARKET, False, 0))[:2]
        self.clocks.pop(account, None)
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
        fill = close(book, account, market, size, price)
        reward = min(paid * book.rules.keeper_share_bps // BPS, book.rules.keeper_max_e6 * E12)
        book.move(account, keeper, reward)
        book.move(account, Row.RESERVE, paid - reward)
        if paid < due:
            flat = self._flat(rules, held, size, price)
            from_reserve = min(max(flat - reward, 0), max(book.cash[Row.RESERVE], 0))
            book.move(Row.RESERVE, keeper, from_reserve)
        if margin.equity - paid <= 0:
            self._blame(account, market, held.size > 0, max(fill.funding - fill.pnl, 0))
            return
        if margin.complete:
            self.liquidated_in.pop(account, None)
        clocks = self.clocks.get(account, Clocks())
        if clocks.below_s and margin.equity - paid >= margin.maintenance - freed:
            self.clocks[account] = replace(clocks, below_s=0)

    def _blame(self, account: int, market: int, long: bool, lost: int) -> None:
        """Keep where an account without equity lost most."""
        before = self.liquidated_in.get(account)
        same = before is not None and before[:2] == (market, long)
        if before is None or same or lost > before[2]:
            known = before[2] if before is not None and same else 0
            self.liquidated_in[account] = (market, long, known + lost)

    def _close_whole(self, account: int, market: int, keeper: int) -> None:
        book, rules = self.book, self.book.market_rules[market]
        held = book.position(account, market)
        if not held.size:
            raise Refused("NothingToLiquidate")
        if not book.usable(market, rules.max_age_ms, Action.LIQUIDATE):
            raise Refused("NotAllowed")
        lasts_s = book.rules.backstop_delay_s + CALL_LASTS_S
        self._require_elapsed(self.clocks.get(account, Clocks()).below_s, lasts_s)
        margin = margin_of(book, account, Purpose.LIQUIDATE)
        limit = margin.maintenance * book.rules.backstop_bps // BPS
        if margin.equity > 0 and margin.equity >= limit:
            raise Refused("Healthy")
        self._close(account, market, abs(held.size), book.last_price(market), margin, keeper)

    def _sell_to_insurance(self, account: int) -> None:
        """Have the insurance buy what can be priced, as far as the debt and its cash go."""
        book = self.book
        for collateral in book.collateral_rules:
            most = min(-book.cash[account], book.cash[Row.INSURANCE])
            price = self._seize_price(collateral)
            if most > 0 and price is not None:
                self._take(account, Row.INSURANCE, collateral, most, price)

    def _take_rest(self, account: int) -> None:
        """Give the insurance what is worth nothing; refuse while there is anything else.

        What cannot be priced for seven days is worth nothing as well: no story lasts so long.
        """
        book = self.book
        for collateral in book.collateral_rules:
            shares = book.shares[account, collateral]
            price = self._seize_price(collateral)
            worthless = not book.rate(collateral)
            worthless |= price is not None and not math.floor(times(shares, price))
            if shares and not worthless:
                raise Refused("StillHolds")
            book.shares[account, collateral] -= shares
            book.shares[Row.INSURANCE, collateral] += shares

    def _take(self, account: int, to: int, collateral: int, most: int, price: int) -> int:
        """Sell shares for at most so much cash; return how many."""
        book = self.book
        shares = min(most * UNIT // price, book.shares[account, collateral]) if price else 0
        book.move(to, account, math.ceil(times(shares, price)))
        book.shares[account, collateral] -= shares
        book.shares[to, collateral] += shares
        return shares

    def _seize_price(self, collateral: int) -> int | None:
        """Return what a share is sold at: the lower of index and TWAP, less the discount."""
        book, rules = self.book, self.book.collateral_rules[collateral]
        legs = (
            (rules.index_market, rules.index_max_age_ms),
            (rules.twap_market, rules.twap_max_age_ms),
        )
        if not all(book.usable(market, age, Action.LIQUIDATE) for market, age in legs):
            return None
        lower = min(book.last_price(market) for market, _ in legs)
        discount = min(rules.seize_discount_bps, rules.haircuts[0].bps)
        price = math.ceil(times(book.rate(collateral), lower))
        return math.ceil(Fraction(price * (BPS - discount), BPS))

    def _since(self, since_s: int, lasts_s: int) -> int:
        fresh = since_s and self.book.now_s <= since_s + lasts_s
        return since_s if fresh else self.book.now_s

    def _require_elapsed(self, since_s: int, lasts_s: int) -> None:
        now_s, delay_s = self.book.now_s, self.book.rules.backstop_delay_s
        if not since_s or now_s > since_s + lasts_s or now_s < since_s + delay_s:
            raise Refused("TooEarly")

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
