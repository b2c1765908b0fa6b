"""Prices of a Uniswap v3 pool, against formulas written another way and recorded blocks."""

from __future__ import annotations

import csv
import io
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from feeds.evm.pool_price import (
    MAX_SQRT_PRICE,
    MAX_TICK,
    MIN_SQRT_PRICE,
    MIN_TICK,
    PoolTokens,
    deviation_bps,
    mean_tick,
    px_half_even_18,
    spot_price,
    tick_price,
)
from oracle.model.errors import Rejected
from oracle.model.fixed import Px
from tests.recorded import recorded

WETH_USDT = PoolTokens(18, 6, base_is_token0=True)
RAW = PoolTokens(0, 0, base_is_token0=True)


@given(
    sqrt_price=st.integers(2**48, 2**144),
    decimals=st.tuples(st.integers(6, 18), st.integers(6, 18)),
    base_is_token0=st.booleans(),
)
def test_a_spot_price_is_exact_to_18_digits(
    sqrt_price: int, decimals: tuple[int, int], base_is_token0: bool
) -> None:
    """Equals the same formula in 200-digit decimals, rounded once."""
    px = px_half_even_18(spot_price(sqrt_price, PoolTokens(*decimals, base_is_token0)))
    with localcontext(Context(prec=200)):
        expected = Decimal(sqrt_price) ** 2 / Decimal(2) ** 192
        expected = expected.scaleb(decimals[0] - decimals[1])
        expected = expected if base_is_token0 else 1 / expected
    expected = Context(prec=18, rounding=ROUND_HALF_EVEN).plus(expected)
    assert Decimal(px.mantissa).scaleb(px.exponent) == expected
    assert 10**17 <= px.mantissa < 10**18


@pytest.mark.parametrize(
    ("price", "px"),
    [
        (Fraction(1), Px(10**17, -17)),
        (Fraction(10**18 - 1), Px(10**18 - 1, 0)),
        (10**18 - Fraction(1, 2), Px(10**17, 1)),
        (10**17 + Fraction(1, 2), Px(10**17, 0)),
        (10**17 + Fraction(3, 2), Px(10**17 + 2, 0)),
        (Fraction(1, 3), Px(333333333333333333, -18)),
    ],
)
def test_rounding_at_its_edges(price: Fraction, px: Px) -> None:
    """Ties go to even, and a carry into a new digit keeps the mantissa at 18."""
    assert px_half_even_18(price) == px


@pytest.mark.parametrize(
    ("tick", "sqrt_price"), [(MIN_TICK, MIN_SQRT_PRICE), (MAX_TICK, MAX_SQRT_PRICE), (0, 2**96)]
)
def test_ticks_have_the_prices_that_uniswap_gives_them(tick: int, sqrt_price: int) -> None:
    """The ends of TickMath's published range, within the rounding of their last digit."""
    published = Fraction(sqrt_price**2, 2**192)
    assert abs(tick_price(tick, RAW) / published - 1) <= Fraction(2, MIN_SQRT_PRICE)


@given(st.integers(MIN_TICK, MAX_TICK - 1))
def test_neighbouring_ticks_are_one_bps_apart(tick: int) -> None:
    """1.0001 between any two, to 18 digits and more."""
    step = tick_price(tick + 1, WETH_USDT) / tick_price(tick, WETH_USDT)
    assert abs(step - Fraction(10001, 10000)) < Fraction(1, 10**30)


@pytest.mark.parametrize(
    ("then", "now", "mean"), [(0, 600, 10), (0, 605, 10), (0, -600, -10), (0, -601, -11)]
)
def test_a_mean_tick_rounds_down_also_below_zero(then: int, now: int, mean: int) -> None:
    """As Uniswap's OracleLibrary does, so that both give one TWAP."""
    assert mean_tick(then, now, 60) == mean


def test_a_deviation_is_relative_to_the_reference() -> None:
    """Up and down alike in sign, not in size."""
    assert deviation_bps(Fraction(105), Fraction(100)) == 500
    assert deviation_bps(Fraction(95), Fraction(100)) == 500
    assert deviation_bps(Fraction(100), Fraction(105)) < 500


@pytest.mark.parametrize("sqrt_price", [0, 1, MIN_SQRT_PRICE - 1, MAX_SQRT_PRICE, 2**160 - 1])
def test_what_no_pool_can_hold_is_refused(sqrt_price: int) -> None:
    """0 is a pool that nobody has initialised; it has no price."""
    with pytest.raises(Rejected, match=str(sqrt_price)):
        spot_price(sqrt_price, WETH_USDT)


def test_what_the_bus_does_not_carry_is_refused() -> None:
    """A token with absurd decimals does not crash the feed."""
    with pytest.raises(Rejected, match="does not fit the bus"):
        px_half_even_18(spot_price(2**96, PoolTokens(255, 0, base_is_token0=True)))
    with pytest.raises(Rejected, match="tick 900000"):
        tick_price(900000, WETH_USDT)


@pytest.mark.data
def test_recorded_blocks_of_a_real_pool_agree() -> None:
    """USDe/USDT on Ethereum, every block of the crash: both directions, to 30 digits."""
    path = recorded("onchain/uniswap_v3_USDe_USDT_blocks_2025-10-10.csv.zst")
    text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(path.read_bytes()))
    rows = list(csv.DictReader(text))
    assert len(rows) == 2980
    for row in rows:
        # The Graph's token1Price is token1 per token0, which prices token0.
        for base_is_token0, column in ((True, "token1Price"), (False, "token0Price")):
            price = spot_price(int(row["sqrtPrice"]), PoolTokens(18, 6, base_is_token0))
            assert deviation_bps(price, Fraction(row[column])) < Fraction(1, 10**26)
        # slot0.tick is the price's tick rounded down; this record was taken after swaps.
        tick = tick_price(int(row["tick"]), WETH_USDT)
        assert 0 <= spot_price(int(row["sqrtPrice"]), WETH_USDT) / tick - 1 <= Fraction(1, 10_000)
