"""Who is short of margin: the compiled floats beside the contracts' integers."""

from __future__ import annotations

import random

from hypothesis import example, given
from hypothesis import strategies as st

from relayer.keeper.columns import Columns
from relayer.keeper.health import HORIZON_S, Health, World
from relayer.keeper.kernels import BACKSTOP, HEALTHY, LIQUIDABLE, WARNED
from relayer.keeper.margin import Account, MarketNow, Position, margin_of
from relayer.keeper.params import BPS, E18
from tests.unit.relayer.keeper.worlds import GLOBAL, MARKET, account, accounts, world, worlds


def level_of(one: Account, now: World) -> int:
    """Return the level by the contracts' integers."""
    equity, _, maintenance = margin_of(one, now.markets, now.collaterals)
    if equity * BPS >= maintenance * GLOBAL.warning_bps:
        return HEALTHY
    if equity >= maintenance:
        return WARNED
    return LIQUIDABLE if equity * BPS >= maintenance * GLOBAL.backstop_bps else BACKSTOP


def judged(one: Account, now: World) -> int:
    """Return the level by the compiled kernel."""
    columns = Columns(1)
    row = columns.put(one)
    Health(columns).mark(now, 0.0)
    return int(columns.levels[row])


@given(accounts(), worlds())
def test_nobody_short_is_missed(one: Account, now: World) -> None:
    """Whatever the numbers, the floats' level is never better than the integers'."""
    assert judged(one, now) >= level_of(one, now)


@given(accounts(), worlds(), st.integers(-3, 3))
def test_the_threshold_itself_is_never_missed(one: Account, now: World, off: int) -> None:
    """With cash set so that equity is on the threshold to the last unit, give or take three."""
    equity, _, maintenance = margin_of(one, now.markets, now.collaterals)
    for bps in (GLOBAL.warning_bps, BPS, GLOBAL.backstop_bps):
        cash = one.cash - equity + maintenance * bps // BPS + off
        edge = Account(one.number, cash, one.positions, one.shares)
        assert judged(edge, now) >= level_of(edge, now)


@given(st.integers(10, 10**6), st.integers(1, 10**5))
@example(100_000, 100)
def test_the_floats_are_no_more_careful_than_a_millionth(notional: int, price: int) -> None:
    """A band that wide would wake half the market: a millionth above the line is healthy."""
    size = notional * E18 // price
    position = Position(0, size, size * price, 0)
    needs = margin_of(account(1, 0, position), world(price * E18).markets, {}).maintenance
    line = needs * GLOBAL.warning_bps // BPS
    assert judged(account(1, line + line // 10**6 + 10**6, position), world(price * E18)) == HEALTHY
    assert judged(account(1, line - line // 10**6 - 10**6, position), world(price * E18)) == WARNED


def test_each_level_has_its_line() -> None:
    """A long of 1,000 with 25 of maintenance margin, at four equities."""
    position = Position(0, E18, 1_000 * E18, 0)
    for cash, level in ((31, HEALTHY), (29, WARNED), (24, LIQUIDABLE), (19, BACKSTOP)):
        assert judged(account(1, cash * E18, position), world(1_000 * E18)) == level


def test_an_unpriced_market_counts_only_for_the_account() -> None:
    """Its loss and its requirement are left out, its profit is kept."""
    now = world(1_000 * E18)
    markets = {0: MarketNow(1_000 * E18, 0, 0, MARKET, priced=False)}
    dark = World(markets, now.collaterals, GLOBAL)
    losing = account(1, E18, Position(0, E18, 2_000 * E18, 0))
    assert judged(losing, now) == BACKSTOP
    assert judged(losing, dark) == HEALTHY
    owing = account(1, -500 * E18, Position(0, E18, 400 * E18, 0))
    assert judged(owing, dark) == HEALTHY
    assert judged(account(1, -700 * E18, *owing.positions), dark) == BACKSTOP


def _sorted(health: Health, now: World, now_s: float) -> None:
    health.adopt(health.unsorted(now).sort(), now, now_s)


def _crowd(seed: int, count: int) -> list[Account]:
    draw = random.Random(seed)
    made = []
    for number in range(1, count + 1):
        positions = []
        for market in draw.sample(range(4), draw.randint(0, 3)):
            size = draw.choice((-1, 1)) * draw.randint(10**17, 10**19)
            entry = draw.randint(900, 1_100)
            positions.append(Position(market, size, size * entry, 0))
        shares = {draw.randint(1, 2): draw.randint(10**17, 10**18)} if draw.random() < 0.7 else {}
        made.append(Account(number, draw.randint(-100, 900) * E18, tuple(positions), shares))
    return made


@given(st.integers(0, 10**6))
def test_the_woken_are_all_that_a_walk_of_prices_makes_short(seed: int) -> None:
    """Through forty marks, judging only the woken finds exactly whom judging everybody finds."""
    draw, crowd = random.Random(seed), _crowd(seed, 60)
    columns = Columns(8)
    for one in crowd:
        columns.put(one)
    health, prices = Health(columns), [1_000.0] * 4
    collateral = 3_000.0
    first = world(*[int(price * E18) for price in prices])
    _sorted(health, first, 0.0)
    for step in range(40):
        prices = [price * (1 + draw.gauss(0, 0.01)) for price in prices]
        collateral *= 1 + draw.gauss(0, 0.02)
        now = world(
            *[int(price * E18) for price in prices],
            collateral=int(collateral * E18),
            long_index=step * E18 // 2_000,
        )
        found = set(columns.numbers(health.mark(now, step)))
        assert found >= {one.number for one in crowd if level_of(one, now)}
        if step % 10 == 5:  # one changes its position, and is judged anew
            at = draw.randrange(len(crowd))
            crowd[at] = Account(crowd[at].number, -E18, crowd[at].positions, crowd[at].shares)
            health.changed(columns.put(crowd[at]))
        assert not health.is_due(now, step)


def test_only_the_reached_are_judged() -> None:
    """A small move wakes one account out of two, and the other only when it is reached too."""
    columns = Columns(8)
    near = columns.put(account(1, 40 * E18, Position(0, E18, 1_000 * E18, 0)))
    far = columns.put(account(2, 400 * E18, Position(0, E18, 1_000 * E18, 0)))
    health = Health(columns)
    _sorted(health, world(1_000 * E18), 0.0)
    assert health.mark(world(995 * E18), 1.0).tolist() == []
    assert health.wake.awake == 0
    assert health.mark(world(980 * E18), 2.0).tolist() == [near]
    assert health.wake.awake == 1
    assert health.mark(world(1_500 * E18), 3.0).tolist() == []
    assert set(health.mark(world(500 * E18), 4.0).tolist()) == {near, far}


def test_everybody_is_judged_when_the_rules_change_or_time_runs_out() -> None:
    """Other parameters, another validity, or a minute of funding: the lists are of no more use."""
    columns = Columns(8)
    columns.put(account(1, 40 * E18, Position(0, E18, 1_000 * E18, 0)))
    health, now = Health(columns), world(1_000 * E18)
    assert health.is_due(now, 0.0)
    _sorted(health, now, 0.0)
    assert not health.is_due(world(900 * E18), 1.0)
    assert health.is_due(now, HORIZON_S)
    unpriced = {0: MarketNow(1_000 * E18, 0, 0, MARKET, priced=False)}
    assert health.is_due(World(unpriced, now.collaterals, GLOBAL), 1.0)


def test_what_changes_while_lists_are_sorted_is_not_lost() -> None:
    """An account that arrives between the copy and the lists is judged at the next mark."""
    columns = Columns(1)
    columns.put(account(1, 400 * E18, Position(0, E18, 1_000 * E18, 0)))
    health, now = Health(columns), world(1_000 * E18)
    copied = health.unsorted(now)
    health.changed(columns.put(account(2, 24 * E18, Position(0, E18, 1_000 * E18, 0))))
    health.adopt(copied.sort(), now, 0.0)
    assert columns.numbers(health.mark(now, 1.0)) == [2]


def test_rows_grow_and_are_given_out_again() -> None:
    """More accounts, markets and collaterals than there was room for; then one leaves."""
    columns = Columns(1)
    many = tuple(Position(market, E18, 0, 0) for market in range(5))
    for number in range(1, 6):
        columns.put(Account(number, 0, many, {1: E18, 2: E18, 3: E18}))
    assert columns.sizes.shape[1] >= 5
    columns.drop(3)
    assert columns.put(account(9, E18)) == 2
    assert columns.numbers(columns.all_rows()) == [1, 2, 9, 4, 5]
