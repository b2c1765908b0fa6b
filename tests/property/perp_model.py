"""Margin and trades by docs/perp.md: what an account is worth, and what a fill changes."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from oracle.model.validity import Action, Validity
from tests.property.perp_formulas import (
    fill_price,
    requirement,
    times,
    trading_fee,
    worsened,
)
from tests.property.perp_rules import BPS, UNIT
from tests.property.perp_state import (
    Book,
    Mark,
    MarketState,
    Position,
    Purpose,
    Refused,
    Row,
    is_isolated,
)


class Margin(NamedTuple):
    """What an account is worth and must be worth; incomplete where a market has no price."""

    equity: int
    initial: int
    maintenance: int
    complete: bool = True


class Fill(NamedTuple):
    """What a trade was: its size and price, what it realised and paid, and the position after."""

    delta: int
    price: int
    pnl: int
    funding: int
    fee: int
    after: Position

    @property
    def net(self) -> int:
        """What the account's cash changes by."""
        return self.pnl - self.funding - self.fee


def notional_of(size: int, price: int) -> int:
    """Return the value of a size, rounded up."""
    return math.ceil(times(abs(size), price))


def worth(state: MarketState, position: Position, price: int) -> int:
    """Return a position's PnL, rounded down, less the funding it owes, rounded up."""
    return math.floor(times(position.size, price)) - position.cost - owed(state, position)


def owed(state: MarketState, position: Position) -> int:
    """Return the funding that a position owes, rounded up; below zero what it is owed."""
    return math.ceil(times(state.index_of(position.size) - position.index, abs(position.size)))


def margin_of(
    book: Book, account: int, purpose: Purpose, *, but: int | None = None, profit: bool = True
) -> Margin:
    """Add up an account, with one market left out if asked, without its profits if asked."""
    equity = book.cash[account] + book.collateral(account, purpose)
    initial = maintenance = 0
    complete = True
    action = Action.WITHDRAW if purpose is Purpose.PERMIT else Action.LIQUIDATE
    for market in book.markets_of(account):
        if market == but:
            continue
        rules, position = book.market_rules[market], book.position(account, market)
        price = book.last_price(market)
        gain = worth(book.accrued(market), position, price)
        if not book.usable(market, rules.max_age_ms, action):
            complete = False
            if purpose is Purpose.LIQUIDATE and price:
                equity += max(gain, 0)
            continue
        equity += gain if profit else min(gain, 0)
        notional = notional_of(position.size, price)
        initial += requirement(rules.brackets, notional, initial=True)
        maintenance += requirement(rules.brackets, notional, initial=False)
    return Margin(equity, initial, maintenance, complete)


def require_withdrawable(book: Book, account: int) -> None:
    """Refuse unless the account keeps its initial margin without its unrealised profit."""
    if book.cash[account] >= 0 and not book.markets_of(account):
        return
    margin = margin_of(book, account, Purpose.PERMIT, profit=False)
    if not margin.complete:
        raise Refused("MarginUnknown")
    if margin.equity < margin.initial:
        raise Refused("BelowInitialMargin")


def settled(book: Book, account: int, market: int, reduced: int, opened: int, price: int) -> Fill:
    """Return what a trade of these parts makes of a position: without fee."""
    state, before = book.accrued(market), book.position(account, market)
    funding = owed(state, before)
    pnl, cost = 0, before.cost
    if reduced:
        part = math.ceil(Fraction(before.cost * abs(reduced), abs(before.size)))
        pnl = math.floor(times(-reduced, price)) - part
        cost -= part
    cost += math.ceil(times(opened, price))
    size = before.size + reduced + opened
    after = Position(size, cost, state.index_of(size)) if size else Position()
    return Fill(reduced + opened, price, pnl, funding, 0, after)


def book_fill(book: Book, account: int, market: int, fill: Fill) -> None:
    """Store what a fill changed, and move what it realised."""
    state = book.accrued(market)
    insured = fill.fee * book.rules.insurance_fee_bps // BPS
    book.states[market] = replace(state, insured=state.insured + insured)
    if fill.after.size:
        book.positions[account, market] = fill.after
    else:
        book.positions.pop((account, market), None)
    book.move(account, Row.POOL, -fill.net)
    if not any(other == market for _, other in book.positions):
        book.pay_insurance(market)


def trade(
    book: Book,
    account: int,
    market: int,
    delta: int,
    quote: Mark,
    *,
    acceptable: int = 0,
    reduce_only: bool = False,
) -> Fill:
    """Settle a trade at a quote, or refuse it.

    Raises:
        Refused: with the name of the rule that it breaks.
    """
    rules, before = book.market_rules[market], book.position(account, market)
    reduced = 0
    if before.size and (before.size > 0) != (delta > 0):
        reduced = max(-abs(before.size), -abs(delta)) * (1 if before.size > 0 else -1)
    opened = 0 if reduce_only else delta - reduced
    if not reduced and not opened:
        raise Refused("NothingToReduce")
    _require_tradable(book, market, quote, reduced, opened)

    skew = book.skew(market)
    price = quote.price
    if quote.validity is not Validity.VALID:
        price = worsened(price, quote.conf_bps_e1, delta)
    price = fill_price(rules, price, skew, reduced + opened)
    if acceptable and (price > acceptable if delta > 0 else price < acceptable):
        raise Refused("PriceNotAcceptable")
    fee = trading_fee(rules, skew, reduced + opened, price)
    fill = settled(book, account, market, reduced, opened, price)._replace(fee=fee)
    if opened:
        _require_opening(book, account, market, opened, quote, fill)
    else:
        _require_ratio(book, account, market, quote.price, fill)
    book_fill(book, account, market, fill)
    return fill


def close(book: Book, account: int, market: int, size: int, price: int) -> Fill:
    """Close part of a position at a price, without fee and impact."""
    held = book.position(account, market).size
    fill = settled(book, account, market, -size if held > 0 else size, 0, price)
    book_fill(book, account, market, fill)
    return fill


def _require_tradable(book: Book, market: int, quote: Mark, reduced: int, opened: int) -> None:
    if book.market_rules[market].market_state < (2 if opened else 1):
        raise Refused("MarketNotOpen")
    needed = [Action.REDUCE] if reduced else []
    if opened:
        needed += [Action.OPEN, Action.SETTLE]
    if not all(book.rules.allows(quote.validity, action) for action in needed):
        raise Refused("NotAllowed")


def _require_opening(
    book: Book, account: int, market: int, opened: int, quote: Mark, fill: Fill
) -> None:
    """Refuse unless the limits hold and the initial margin, at the worse of two prices."""
    rules = book.market_rules[market]
    if not book.usable(market, rules.max_age_ms, Action.OPEN):
        raise Refused("NotAllowed by what is stored")
    stored = book.last_price(market)
    low, high = min(stored, quote.price), max(stored, quote.price)
    if not book.position(account, market).size:
        most = 1 if is_isolated(account) else 8
        if len(book.markets_of(account)) >= most:
            raise Refused("TooManyMarkets")
    long = fill.after.size > 0
    notional = notional_of(fill.after.size, high)
    if notional > rules.brackets[-1].cap_usd * UNIT:
        raise Refused("PositionTooLarge")
    side = book.side(market, longs=long) + abs(opened)
    if notional_of(side, high) > _side_limit(book, market):
        raise Refused("OpenInterestCap")
    other = margin_of(book, account, Purpose.PERMIT, but=market)
    if not other.complete:
        raise Refused("MarginUnknown")
    if book.cash[account] + fill.net < -book.rules.max_debt_usd * UNIT:
        raise Refused("OwesTooMuch")
    gain = worth(book.accrued(market), fill.after, low if long else high)
    equity = other.equity + fill.net + gain
    if equity < other.initial + requirement(rules.brackets, notional, initial=True):
        raise Refused("BelowInitialMargin")
    if equity < book.rules.min_margin_usd * UNIT:
        raise Refused("BelowMinimumMargin")


def _side_limit(book: Book, market: int) -> int:
    """Return the least of the market's cap, its depth's, and its share of the pool."""
    rules = book.market_rules[market]
    cap = min(rules.open_interest_cap_usd, book.rules.depths_usd[rules.depth]) * UNIT
    return min(cap, max(book.cash[Row.POOL], 0) * rules.pool_share_bps // BPS)


def _require_ratio(book: Book, account: int, market: int, price: int, fill: Fill) -> None:
    """Refuse what lowers equity / maintenance, or without equity raises what is lacking."""
    brackets = book.market_rules[market].brackets
    other = margin_of(book, account, Purpose.LIQUIDATE, but=market)
    before, state = book.position(account, market), book.accrued(market)

    def margin_at(position: Position) -> tuple[int, int]:
        notional = notional_of(position.size, price)
        needed = other.maintenance + requirement(brackets, notional, initial=False)
        return other.equity + worth(state, position, price), needed

    equity, needed = margin_at(before)
    equity_after, needed_after = margin_at(fill.after)
    equity_after += fill.net
    if equity > 0:
        kept = equity_after * needed >= equity * needed_after
    else:
        kept = needed_after - equity_after <= needed - equity
    if not kept:
        raise Refused("WouldLowerMarginRatio")
