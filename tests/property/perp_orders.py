"""Orders by docs/perp.md: what they put down, how they end, and what that pays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from oracle.model.validity import PRICED, Action
from tests.property.perp_formulas import times
from tests.property.perp_model import Fill, margin_of, trade
from tests.property.perp_rules import E6, E12
from tests.property.perp_state import SUB_BITS, Book, Mark, Purpose, Refused, Row


class Kind(IntEnum):
    """What an order may do; those after the first only reduce."""

    MARKET = 0
    REDUCE_ONLY = 1
    STOP = 2
    TAKE_PROFIT = 3

    @property
    def conditional(self) -> bool:
        """Whether it waits for a trigger before it is due."""
        return self >= Kind.STOP


class End(IntEnum):
    """How an order ended."""

    FILLED = 0
    FAILED = 1
    FORBIDDEN = 2
    EXPIRED = 3


@dataclass(frozen=True)
class Order:
    """One pending order."""

    account: int
    market: int
    kind: Kind
    delta: int
    acceptable: int
    due_ms: int
    expires_at_s: int
    trigger: int = 0


MAX_WAIT_S: Final = 90 * 86_400
"""How long an order may wait for its trigger."""

ENDS: Final = {
    **dict.fromkeys(("NothingToReduce", "MarketNotOpen", "NotAllowed"), End.FORBIDDEN),
    **dict.fromkeys(
        (
            "PriceNotAcceptable",
            "BelowInitialMargin",
            "BelowMinimumMargin",
            "WouldLowerMarginRatio",
            "OpenInterestCap",
            "PositionTooLarge",
            "TooManyMarkets",
            "OwesTooMuch",
        ),
        End.FAILED,
    ),
}
"""What a refused trade means for its order. For any other reason it can wait."""


@dataclass
class Desk:
    """The pending orders of a book."""

    book: Book
    max_future_ms: int
    orders: dict[int, Order] = field(default_factory=dict)
    last_id: int = 0

    @property
    def reward(self) -> int:
        """What who settles or ends an order is paid."""
        return self.book.rules.settlement_reward_e6 * E12

    @property
    def failure_fee(self) -> int:
        """What an order that failed pays beside it."""
        return self.book.rules.failure_fee_e6 * E12

    def commit(
        self,
        account: int,
        market: int,
        kind: Kind,
        delta: int,
        acceptable: int = 0,
        trigger: int = 0,
    ) -> int:
        """Take an order in: due after the delay, or after the delay from its trigger.

        Raises:
            Refused: what it puts down leaves less than the initial margin.
        """
        book = self.book
        if kind is Kind.MARKET:
            margin = margin_of(book, account, Purpose.PERMIT)
            if not margin.complete:
                raise Refused("MarginUnknown")
            if margin.equity - self.reward - self.failure_fee < margin.initial:
                raise Refused("BelowInitialMargin")
            book.move(account, Row.ESCROW, self.reward + self.failure_fee)
        due_ms, ends_s = self._terms(market)
        if kind.conditional:
            due_ms, ends_s = 0, book.now_s + MAX_WAIT_S
        self.last_id += 1
        order = Order(account, market, kind, delta, acceptable, due_ms, ends_s, trigger)
        self.orders[self.last_id] = order
        return self.last_id

    def trigger(self, number: int) -> None:
        """Make an order due whose trigger the stored mark has reached.

        Raises:
            Refused: it is due already, too old, or the mark has not reached it.
        """
        order, book = self.orders[number], self.book
        if order.due_ms:
            raise Refused("AlreadyTriggered")
        if book.now_s > order.expires_at_s:
            raise Refused("Expired")
        if not book.usable(order.market, book.market_rules[order.market].max_age_ms, Action.REDUCE):
            raise Refused("NotAllowed")
        price = book.last_price(order.market)
        falling = (order.kind is Kind.STOP) == (order.delta < 0)
        if price > order.trigger if falling else price < order.trigger:
            raise Refused("NotTriggered")
        due_ms, ends_s = self._terms(order.market)
        self.orders[number] = replace(order, due_ms=due_ms, expires_at_s=ends_s)

    def _terms(self, market: int) -> tuple[int, int]:
        """Return when an order of now is due (in signed time), and when it ends."""
        delay_ms = self.book.market_rules[market].delay_ms
        due_ms = self.book.now_s * 1000 + self.max_future_ms + delay_ms
        return due_ms, math.ceil(due_ms / 1000) + self.book.rules.order_expiry_s

    def settle(self, number: int, quote: Mark, settler: int) -> End:
        """Settle an order at the quote that decides it.

        Raises:
            Refused: it can wait: what forbids it is not the report, nor the order.
        """
        order = self.orders[number]
        if not order.due_ms:
            raise Refused("NotDue")
        if self.book.now_s > order.expires_at_s:
            raise Refused("Expired")
        fill = None
        try:
            fill = self._fill(order, quote)
            end = End.FILLED
        except Refused as refused:
            if refused.name not in ENDS:
                raise Refused(refused.name.partition(" ")[0]) from refused
            end = ENDS[refused.name]
        del self.orders[number]
        self._pay(order, end, settler, fill)
        return end

    def expire(self, number: int, by: int) -> None:
        """End an order past its time; by its owner, while it waits for its trigger, for nothing.

        Raises:
            Refused: its time is not over.
        """
        order = self.orders[number]
        withdrawn = not order.due_ms and order.account >> SUB_BITS == by >> SUB_BITS
        if not withdrawn and self.book.now_s <= order.expires_at_s:
            raise Refused("NotExpired")
        del self.orders[number]
        if not withdrawn:
            self._pay(order, End.EXPIRED, by, None)

    def _fill(self, order: Order, quote: Mark) -> Fill:
        if quote.validity not in PRICED:
            raise Refused("NotAllowed")
        return trade(
            self.book,
            order.account,
            order.market,
            order.delta,
            quote,
            acceptable=order.acceptable,
            reduce_only=order.kind is not Kind.MARKET,
        )

    def _pay(self, order: Order, end: End, settler: int, fill: Fill | None) -> None:
        failed = end is End.FAILED
        if order.kind is Kind.MARKET:
            self.book.move(Row.ESCROW, settler, self.reward)
            taker = Row.INSURANCE if failed else order.account
            self.book.move(Row.ESCROW, taker, self.failure_fee)
            return
        due = self.reward + (self.failure_fee if failed else 0)
        paid = min(due, self._payable(order, fill))
        to_settler = min(paid, self.reward)
        self.book.move(order.account, settler, to_settler)
        self.book.move(order.account, Row.INSURANCE, paid - to_settler)

    def _payable(self, order: Order, fill: Fill | None) -> int:
        """Return what an order that only reduces can pay: what is free, or what a liquidation of
        as much would take, out of what equity there is.
        """
        margin = margin_of(self.book, order.account, Purpose.PERMIT)
        if margin.equity <= 0:
            return 0
        free = max(margin.equity - margin.initial, 0) if margin.complete else 0
        if fill is None:
            return free
        closed = math.floor(times(abs(fill.delta), fill.price))
        fee_e6 = self.book.market_rules[order.market].liquidation_fee_e6
        return max(free, min(margin.equity, closed * fee_e6 // E6))


def account_of(owner: int, sub: int = 0) -> int:
    """Return the number of an owner's account."""
    return owner << SUB_BITS | sub
