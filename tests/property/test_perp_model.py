"""What must hold of the perp model whatever happens: it is what the contracts are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from oracle.model.validity import Validity
from tests.property import perp_actions as act
from tests.property.perp_formulas import fill_price, funding_step, requirement, times
from tests.property.perp_market import (
    ACCOUNTS,
    KEEPER_ACCOUNT,
    MARKET_RULES,
    SCALE,
    Call,
    first_book,
)
from tests.property.perp_model import margin_of, notional_of, owed, trade
from tests.property.perp_player import Player
from tests.property.perp_rules import BPS, UNIT
from tests.property.perp_state import Book, Mark, Position, Purpose, Refused, Row

ALICE = ACCOUNTS[0]
PRICE = 3_000 * UNIT
REACHED = (
    "settle",
    "trigger",
    "expire",
    "accrue",
    "withdraw",
    "transfer",
    "marginCall",
    "liquidate",
    "backstop",
    "seize",
    "absorb",
)


def brought_in(call: Call | None) -> int:
    """Return the cash that a call brought into the ledger; below zero what it took out."""
    if call is None or call.error is not None or call.function not in {"deposit", "withdraw"}:
        return 0
    _, collateral, amount = call.args[:3]
    if collateral:
        return 0
    cash: int = amount * SCALE
    return cash if call.function == "deposit" else -cash


@given(story=act.stories())
def test_cash_is_conserved_to_the_unit(story: Sequence[act.Action]) -> None:
    """The sum of all rows changes by what comes in and goes out, and by nothing else."""
    player = Player()
    for action in story:
        before = sum(player.book.cash.values())
        call = player.play(action)
        assert sum(player.book.cash.values()) == before + brought_in(call)


@given(story=act.stories())
def test_only_accounts_the_pool_and_the_deficit_may_owe(story: Sequence[act.Action]) -> None:
    """Insurance, reserve and escrow pay no more than they have."""
    player = Player()
    for action in story:
        player.play(action)
        for row in (Row.INSURANCE, Row.RESERVE, Row.ESCROW, Row.REQUESTS):
            assert player.book.cash[row] >= 0
    pending = [order for order in player.desk.orders.values() if order.kind == 0]
    put_down = player.desk.reward + player.desk.failure_fee
    assert player.book.cash[Row.ESCROW] == len(pending) * put_down


@given(story=act.stories())
def test_what_adds_risk_or_takes_money_out_leaves_the_initial_margin(
    story: Sequence[act.Action],
) -> None:
    """After an opening, a withdrawal or a transfer, at the stored prices."""
    player = Player()
    for action in story:
        book = player.book
        sides = {key: position.size for key, position in book.positions.items()}
        call = player.play(action)
        if call is None or call.error is not None:
            continue
        grown = {
            holder
            for (holder, market), position in book.positions.items()
            if abs(position.size) > abs(sides.get((holder, market), 0))
            or position.size * sides.get((holder, market), 0) < 0
        }
        if call.function in {"withdraw", "transfer"} and book.markets_of(call.args[0]):
            grown.add(call.args[0])
        for account in grown:
            margin = margin_of(book, account, Purpose.PERMIT)
            assert margin.complete
            assert margin.equity >= margin.initial


@given(story=act.stories())
def test_a_liquidation_raises_the_margin_ratio(story: Sequence[act.Action]) -> None:
    """Equity / maintenance after it is no lower, as long as there is any of either."""
    player = Player()
    for action in story:
        before = None
        if isinstance(action, act.Liquidate):
            before = margin_of(player.book, ACCOUNTS[action.who], Purpose.LIQUIDATE)
        call = player.play(action)
        if before is None or call is None or call.error is not None or before.equity <= 0:
            continue
        after = margin_of(player.book, call.args[0], Purpose.LIQUIDATE)
        # A unit for each number that is rounded on the way.
        assert (after.equity + 4) * before.maintenance >= before.equity * after.maintenance


def opened(size: int, cash: int, price: int = PRICE) -> Book:
    """Return a market in which one account holds a position of market 0, marked at its cost."""
    book = first_book()
    book.marks[0] = Mark(price, Validity.VALID, book.now_s * 1000)
    book.cash[ALICE] = cash
    book.positions[ALICE, 0] = Position(size, math.ceil(times(size, price)))
    book.accrue(0)
    return book


SIZES = st.integers(UNIT // 1_000, 20 * UNIT).flatmap(lambda size: st.sampled_from([size, -size]))


@given(
    size=SIZES,
    other=st.integers(-20 * UNIT, 20 * UNIT),
    above=st.integers(0, 20_000),
    part=st.data(),
)
def test_a_healthy_account_can_always_reduce(
    size: int, other: int, above: int, part: st.DataObject
) -> None:
    """Fee and impact are within the margin that closing frees: no part is ever refused."""
    rules = MARKET_RULES[0]
    needed = requirement(rules.brackets, notional_of(size, PRICE), initial=False)
    book = opened(size, needed + needed * above // BPS + 10)
    if other:
        book.positions[ACCOUNTS[2], 0] = Position(other, math.ceil(times(other, PRICE)))
    closed = part.draw(st.integers(UNIT // 1_000, abs(size)))
    delta = -closed if size > 0 else closed
    fill = trade(book, ALICE, 0, delta, book.marks[0], reduce_only=True)
    assert fill.delta == delta


@given(size=SIZES, first=st.integers(1, 999), skew=st.integers(-20 * UNIT, 20 * UNIT))
def test_a_trade_in_two_parts_costs_no_less(size: int, first: int, skew: int) -> None:
    """Price impact is one curve's integral: parts pay what the whole pays, or rounding more."""
    rules = MARKET_RULES[0]
    part = size * first // 1_000
    assume(part and part != size)
    whole = times(size, fill_price(rules, PRICE, skew, size))
    parts = times(part, fill_price(rules, PRICE, skew, part))
    parts += times(size - part, fill_price(rules, PRICE, skew + part, size - part))
    # What the whole's own price is rounded by.
    dust = Fraction(4 * abs(size), UNIT) + 1
    assert parts >= whole - dust


@given(size=SIZES, skew=st.integers(-10 * UNIT, 10 * UNIT))
def test_a_round_trip_gains_nothing(size: int, skew: int) -> None:
    """To open and to close at the same mark costs at least the fees."""
    book = opened(skew or 1, 100_000 * UNIT)
    trader = ACCOUNTS[2]
    book.cash[trader] = 100_000 * UNIT
    before = book.cash[trader]
    try:
        there = trade(book, trader, 0, size, book.marks[0])
    except Refused:
        assume(False)
    back = trade(book, trader, 0, -size, book.marks[0], reduce_only=True)
    assert book.cash[trader] <= before - there.fee - back.fee
    assert not book.markets_of(trader)


@given(
    longs=st.integers(0, 10**6 * UNIT),
    shorts=st.integers(0, 10**6 * UNIT),
    rate=st.integers(-(10**17), 10**17),
    premium=st.integers(-(10**6), 10**6),
    dt_s=st.integers(0, 10**6),
)
def test_funding_is_paid_by_one_side_to_the_other_and_the_pool(
    longs: int, shorts: int, rate: int, premium: int, dt_s: int
) -> None:
    """What positions owe is what the pool and the other side receive, up to the rounding."""
    step = funding_step(MARKET_RULES[0], rate, longs - shorts, PRICE, premium, dt_s)
    book = first_book()
    book.now_s = dt_s
    state = book.accrued(0).__class__(step.per_unit, -step.per_unit, step.velocity_rate, dt_s)
    by_longs = owed(state, Position(longs))
    by_shorts = owed(state, Position(-shorts)) if shorts else 0
    to_pool = times(longs - shorts, step.per_unit)
    assert 0 <= by_longs + by_shorts - to_pool < 2


@given(story=act.stories())
def test_accruing_twice_in_a_second_is_accruing_once(story: Sequence[act.Action]) -> None:
    """Neither the indexes nor the insurance get anything by it."""
    player = Player()
    for action in story:
        player.play(action)
    for market in MARKET_RULES:
        player.book.accrue(market)
        once, cash = player.book.states[market], dict(player.book.cash)
        player.book.accrue(market)
        assert player.book.states[market] == once
        assert dict(player.book.cash) == cash


def test_stories_reach_what_they_are_for() -> None:
    """Enough of what is drawn fills, fails, liquidates, seizes and leaves a bad debt."""
    seen: dict[tuple[str, str | None], int] = {}

    @settings(max_examples=300)
    @given(story=act.stories())
    def count(story: Sequence[act.Action]) -> None:
        player = Player()
        for action in story:
            call = player.play(action)
            if call is not None:
                seen[call.function, call.error] = seen.get((call.function, call.error), 0) + 1

    count()
    for function in REACHED:
        assert seen.get((function, None), 0) > 0, function
    assert seen.get(("liquidate", "Healthy"), 0) > 0
    assert KEEPER_ACCOUNT not in ACCOUNTS
