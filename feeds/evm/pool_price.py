"""Prices of a Uniswap v3 pool from what it stores. Integers only; no float comes near.

A pool stores sqrt(token1/token0) in raw units as a Q64.96 number, and the sum over time of
tick = log_1.0001(token1/token0). See the Uniswap v3 whitepaper, sections 6.1 and 5.2.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from oracle.model.errors import Rejected
from oracle.model.fixed import MAX_EXPONENT, MIN_EXPONENT, Px

DIGITS: Final = 18
"""Significant digits of a price: as many as always fit a 64-bit mantissa."""

MIN_TICK, MAX_TICK = -887272, 887272
MIN_SQRT_PRICE, MAX_SQRT_PRICE = 4295128739, 1461446703485210103287273052203988822378723970342

_TICK_DIGITS: Final = 40
"""Working digits of 1.0001**tick; the power loses a few of them, the TWAP needs ten."""


class PoolTokens(NamedTuple):
    """What turns a pool's raw ratio into a price."""

    decimals0: int
    decimals1: int
    base_is_token0: bool

    def price(self, raw: Fraction) -> Fraction:
        """Return the price of one whole base token from raw token1 per raw token0."""
        token1_per_token0 = raw * Fraction(10) ** (self.decimals0 - self.decimals1)
        return token1_per_token0 if self.base_is_token0 else 1 / token1_per_token0


def spot_price(sqrt_price_x96: int, tokens: PoolTokens) -> Fraction:
    """Return the exact price at a `sqrtPriceX96` of `slot0`.

    Raises:
        Rejected: outside of what a pool can hold; 0 is a pool that nobody has initialised.
    """
    if not MIN_SQRT_PRICE <= sqrt_price_x96 < MAX_SQRT_PRICE:
        raise Rejected(f"sqrtPriceX96 {sqrt_price_x96} is not one a pool can hold")
    return tokens.price(Fraction(sqrt_price_x96**2, 1 << 192))


def mean_tick(cumulative_then: int, cumulative_now: int, window_s: int) -> int:
    """Return the time-weighted mean tick of `window_s`, rounded down as Uniswap's own library."""
    return (cumulative_now - cumulative_then) // window_s


def tick_price(tick: int, tokens: PoolTokens) -> Fraction:
    """Return the price at a tick, right to more digits than `DIGITS`.

    Raises:
        Rejected: a tick that no pool can have.
    """
    if not MIN_TICK <= tick <= MAX_TICK:
        raise Rejected(f"tick {tick} is not one a pool can have")
    context = Context(prec=_TICK_DIGITS)
    return tokens.price(Fraction(context.power(Decimal("1.0001"), tick)))


def deviation_bps(price: Fraction, reference: Fraction) -> Fraction:
    """Return |price / reference - 1| in bps."""
    return abs(price / reference - 1) * 10_000


def px_half_even_18(price: Fraction) -> Px:
    """Round a positive price to `DIGITS` significant digits, ties to even.

    Raises:
        Rejected: its exponent is outside of what the bus carries.
    """
    exponent = _magnitude(price) - DIGITS + 1
    mantissa = round(price / Fraction(10) ** exponent)  # of a Fraction: exact, ties to even
    if mantissa == 10**DIGITS:
        mantissa, exponent = mantissa // 10, exponent + 1
    if not MIN_EXPONENT <= exponent <= MAX_EXPONENT:
        raise Rejected(f"a price of about 1e{exponent + DIGITS - 1} does not fit the bus")
    return Px(mantissa, exponent)


def _magnitude(price: Fraction) -> int:
    """Return the power of ten that `price` begins at: 2 for 123.4."""
    guess = len(str(price.numerator)) - len(str(price.denominator))
    return guess if price >= Fraction(10) ** guess else guess - 1
