"""Play a story to the model, and say which calls would do the same to the contracts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod

from oracle.model.fixed import Px
from oracle.model.validity import PRICED
from oracle.report.word import Entry, encode_entry
from tests.property import perp_actions as act
from tests.property.perp_liquidation import Liquidations
from tests.property.perp_market import (
    ACCOUNTS,
    ALICE,
    ETHER,
    FIRST_PRICES,
    KEEPER,
    KEEPER_ACCOUNT,
    MAX_FUTURE_MS,
    SCALE,
    Call,
    Report,
    first_book,
)
from tests.property.perp_model import require_withdrawable
from tests.property.perp_orders import Desk, account_of
from tests.property.perp_rules import UNIT
from tests.property.perp_state import Book, Mark, Refused


@dataclass
class Player:
    """A market in the model, and what happens to it."""

    book: Book = field(default_factory=first_book)
    reports: list[Report] = field(default_factory=list)
    prices: list[int] = field(default_factory=lambda: list(FIRST_PRICES))
    desk: Desk = field(init=False)
    liquidations: Liquidations = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.book, MAX_FUTURE_MS)
        self.liquidations = Liquidations(self.book)

    def play(self, action: act.Action) -> Call | None:
        """Do it, and return the call that does the same; None if there is nothing to call."""
        try:
            return self._do(action)
        except _RefusedCallError as refused:
            return refused.call

    @singledispatchmethod
    def _do(self, action: act.Action) -> Call | None:
        raise NotImplementedError(action)

    @_do.register
    def _(self, action: act.Deposit) -> Call:
        account = ACCOUNTS[action.who]
        amount = action.amount * (10**6 if action.collateral == 0 else 10**15)
        call = Call(account >> 96, "vault", "deposit", (account, action.collateral, amount))
        with _refusals(call):
            if action.collateral == 0:
                self.book.cash[account] += amount * SCALE
            else:
                self._deposit_ether(account, amount)
        return call

    @_do.register
    def _(self, action: act.Withdraw) -> Call | None:
        account, book = ACCOUNTS[action.who], self.book
        if action.collateral == 0:
            amount = max(book.cash[account], 0) // SCALE * action.permille // 1_000
        else:
            held = self._tokens(book.shares[account, ETHER])
            amount = held * action.permille // 1_000
        if not amount:
            return None
        args = (account, action.collateral, amount, account >> 96)
        call = Call(account >> 96, "vault", "withdraw", args)
        with _refusals(call), _undone(self):
            self._note_if_judged(account)
            if action.collateral == 0:
                book.cash[account] -= amount * SCALE
            else:
                self._burn_ether(account, amount)
            require_withdrawable(book, account)
        return call

    @_do.register
    def _(self, action: act.Transfer) -> Call:
        giver, taker = ACCOUNTS[action.giver], ACCOUNTS[1 - action.giver]
        amount = action.amount * UNIT
        call = Call(ALICE, "vault", "transfer", (giver, taker, 0, amount))
        with _refusals(call), _undone(self):
            self._note_if_judged(giver)
            if amount > self.book.cash[giver]:
                raise Refused("MoreThanHeld")
            self.book.move(giver, taker, amount)
            require_withdrawable(self.book, giver)
        return call

    @_do.register
    def _(self, action: act.Tick) -> Call | None:
        self.book.now_s += action.dt_s
        self.liquidations.block += 1
        entries = []
        for at, (move, validity) in enumerate(
            zip(action.moves_bps, action.validities, strict=True)
        ):
            # Eight digits, as a report has them.
            exponent = len(str(self.prices[at])) - 8
            self.prices[at] = self.prices[at] * (10_000 + move) // 10_000
            price = Px(self.prices[at] // 10**exponent, exponent - 18)
            priced = Entry(validity, price, action.conf_e8, action.premium_e8)
            entries.append(encode_entry(priced if validity in PRICED else Entry(validity)))
        time_ms = self.book.now_s * 1000 - 400
        prev_ms = self.reports[-1].time_ms if self.reports else time_ms - 1000
        report = Report(prev_ms, time_ms, tuple(entries))
        self.reports.append(report)
        if not action.stored:
            return None
        for at in range(len(entries)):
            mark = report.mark(at)
            if mark.validity not in PRICED:
                mark = Mark(self.book.last_price(at), mark.validity, time_ms)
            self.book.marks[at] = mark
        return Call(KEEPER, "oracle", "update", (report,))

    @_do.register
    def _(self, action: act.Commit) -> Call:
        account = ACCOUNTS[action.who]
        mark = self.prices[action.market]
        delta = action.usd * UNIT * UNIT // mark
        limit = 0
        if action.limit_bps is not None:
            worse = action.limit_bps if delta > 0 else -action.limit_bps
            limit = mark * (10_000 + worse) // 10_000
        args = (account, action.market, int(action.kind), delta, limit, 0, 0)
        call = Call(account >> 96, "orders", "commit", args)
        with _refusals(call):
            self.desk.commit(account, action.market, action.kind, delta, limit)
        return call

    @_do.register
    def _(self, action: act.Settle) -> Call | None:
        number = self._pending(action.pick)
        if number is None:
            return None
        order = self.desk.orders[number]
        decided = [r for r in self.reports if r.prev_ms < order.due_ms <= r.time_ms]
        if not decided:
            error = "NotTheFirstReport" if order.due_ms else "NotDue"
            if order.due_ms and self.book.now_s > order.expires_at_s:
                error = "Expired"
            return Call(KEEPER, "orders", "settle", (number, self.reports[-1]), error)
        call = Call(KEEPER, "orders", "settle", (number, decided[0]))
        with _refusals(call):
            self.desk.settle(number, decided[0].mark(order.market), KEEPER_ACCOUNT)
        return call

    @_do.register
    def _(self, action: act.Stop) -> Call | None:
        account = ACCOUNTS[action.who]
        size = self.book.position(account, action.market).size
        if not size:
            return None
        trigger = self.prices[action.market] * (10_000 + action.trigger_bps) // 10_000
        args = (account, action.market, int(action.kind), -size, 0, trigger, 0)
        self.desk.commit(account, action.market, action.kind, -size, trigger=trigger)
        return Call(account >> 96, "orders", "commit", args)

    @_do.register
    def _(self, action: act.Trigger) -> Call | None:
        number = self._pending(action.pick)
        if number is None:
            return None
        call = Call(KEEPER, "orders", "trigger", (number,))
        with _refusals(call):
            self.desk.trigger(number)
        return call

    @_do.register
    def _(self, action: act.Expire) -> Call | None:
        number = self._pending(action.pick)
        if number is None:
            return None
        owner = self.desk.orders[number].account >> 96
        by = owner if action.by_owner else KEEPER
        call = Call(by, "orders", "expire", (number,))
        with _refusals(call):
            self.desk.expire(number, account_of(by))
        return call

    @_do.register
    def _(self, action: act.MarginCall) -> Call:
        account = ACCOUNTS[action.who]
        call = Call(KEEPER, "liquidator", "marginCall", (account,))
        with _refusals(call):
            self.liquidations.margin_call(account)
        return call

    @_do.register
    def _(self, action: act.Backstop) -> Call:
        account = ACCOUNTS[action.who]
        call = Call(KEEPER, "liquidator", "backstop", (account, action.market))
        with _refusals(call):
            self.liquidations.backstop(account, action.market, KEEPER_ACCOUNT)
        return call

    @_do.register
    def _(self, action: act.Accrue) -> Call:
        self.book.accrue(action.market)
        return Call(KEEPER, "engine", "accrue", (action.market,))

    @_do.register
    def _(self, action: act.Liquidate) -> Call:
        account = ACCOUNTS[action.who]
        call = Call(KEEPER, "liquidator", "liquidate", (account, action.market, b""))
        with _refusals(call):
            self.liquidations.liquidate(account, action.market, KEEPER_ACCOUNT)
        return call

    @_do.register
    def _(self, action: act.Seize) -> Call:
        account, by, repay = ACCOUNTS[action.who], ACCOUNTS[action.by], action.usd * UNIT
        call = Call(by >> 96, "liquidator", "seize", (account, ETHER, repay, by))
        with _refusals(call):
            self.liquidations.seize(account, ETHER, repay, by)
        return call

    @_do.register
    def _(self, action: act.Absorb) -> Call:
        account = ACCOUNTS[action.who]
        call = Call(KEEPER, "liquidator", "absorb", (account,))
        with _refusals(call):
            self.liquidations.absorb(account)
        return call

    @_do.register
    def _(self, action: act.Lose) -> Call:
        lost = self.book.tokens[ETHER] * action.permille // 1_000
        self.book.tokens[ETHER] -= lost
        return Call(0, "ether", "transfer", (KEEPER, lost))

    @_do.register
    def _(self, action: act.Sync) -> Call:
        self.book.note(ETHER)
        return Call(KEEPER, "vault", "sync", (ETHER,))

    def _note_if_judged(self, account: int) -> None:
        """Note rates as a withdrawal does at first: of an account with positions or debt."""
        book = self.book
        judged = book.cash[account] < 0 or book.markets_of(account)
        if judged and book.shares[account, ETHER]:
            book.note(ETHER)

    def _pending(self, pick: int) -> int | None:
        pending = sorted(self.desk.orders)
        return pending[pick % len(pending)] if pending else None

    def _tokens(self, shares: int) -> int:
        total = self._total_shares()
        held = min(self.book.tokens[ETHER], total)
        return shares * held // total if total else 0

    def _total_shares(self) -> int:
        return sum(self.book.shares.values())

    def _deposit_ether(self, account: int, amount: int) -> None:
        book, total = self.book, self._total_shares()
        if book.rate(ETHER) < UNIT // 100:
            raise Refused("RateTooLow")
        held = book.tokens[ETHER]
        shares = amount * total // held if held < total else amount
        if min(held + amount, total + shares) > book.collateral_rules[ETHER].deposit_cap * UNIT:
            raise Refused("CapExceeded")
        book.note(ETHER)
        book.tokens[ETHER] += amount
        book.shares[account, ETHER] += shares

    def _burn_ether(self, account: int, amount: int) -> None:
        book, total = self.book, self._total_shares()
        held = min(book.tokens[ETHER], total)
        book.note(ETHER)
        book.shares[account, ETHER] -= -(-amount * total // held)
        book.tokens[ETHER] -= amount


class _RefusedCallError(Exception):
    def __init__(self, call: Call) -> None:
        super().__init__(call.error)
        self.call = call


class _refusals:
    """Turn a refusal of the model into the error its call must end with."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Refused):
            raise _RefusedCallError(self._call._replace(error=error.name)) from error


class _undone:
    """Put cash and collateral back if what is done is refused, as a revert does."""

    def __init__(self, player: Player) -> None:
        self._book = player.book

    def __enter__(self) -> None:
        book = self._book
        rows = (book.cash, book.shares, book.tokens, book.noted)
        self._before = copy.deepcopy(rows)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Refused):
            book = self._book
            book.cash, book.shares, book.tokens, book.noted = self._before


def play(story: Sequence[act.Action]) -> Player:
    """Play a whole story to a fresh model."""
    player = Player()
    for action in story:
        player.play(action)
    return player
