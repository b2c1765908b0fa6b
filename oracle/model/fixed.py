"""Decimal fixed-point numbers: `mantissa * 10**exponent`, both integers.

Prices travel as `Px` on the bus and on chains; floats live only inside `oracle.engine`. The three
functions here are the only way between text, `Px` and float, each with its rounding in its name.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from oracle.model.errors import Rejected

MARK_DIGITS: Final = 8
"""Significant digits of every published mark; the report's mantissa has as many."""

MAX_MANTISSA: Final = 2**63 - 1
MIN_EXPONENT, MAX_EXPONENT = -60, 60
_MAX_TEXT: Final = 200  # longer text is no price, and Python refuses to parse 4,300 digits

_DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?")


class Px(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A price: `mantissa * 10**exponent` in the market's quote currency."""

    mantissa: Annotated[int, msgspec.Meta(ge=-MAX_MANTISSA, le=MAX_MANTISSA)]
    exponent: Annotated[int, msgspec.Meta(ge=MIN_EXPONENT, le=MAX_EXPONENT)]

    def __str__(self) -> str:
        return format(Decimal(self.mantissa).scaleb(self.exponent), "f")


def px_exact(text: str) -> Px:
    """Parse decimal text without loss, e.g. `"65123.40"` to `Px(6512340, -2)`.

    Raises:
        Rejected: not a decimal number, or more digits than a 64-bit mantissa holds.
    """
    match = _DECIMAL.fullmatch(text.strip()) if len(text) <= _MAX_TEXT else None
    if match is None or not (match[2] or match[3]):
        raise Rejected(
            f"price {text[:40]!r} is not a decimal number; send digits such as '65123.40'"
        )
    fraction = match[3] or ""
    mantissa = int((match[2] or "") + fraction)
    exponent = int(match[4] or 0) - len(fraction)
    while mantissa > MAX_MANTISSA and mantissa % 10 == 0:
        mantissa, exponent = mantissa // 10, exponent + 1
    if mantissa > MAX_MANTISSA or not MIN_EXPONENT <= exponent <= MAX_EXPONENT:
        raise Rejected(
            f"price {text!r} does not fit: at most 18 significant digits and exponents "
            f"{MIN_EXPONENT} to {MAX_EXPONENT}"
        )
    return Px(-mantissa if match[1] == "-" else mantissa, exponent)


def px_half_even(value: float, digits: int = MARK_DIGITS) -> Px:
    """Quantise a positive finite float to `digits` significant digits, ties to even.

    The result is normalised: `10**(digits-1) <= mantissa < 10**digits`.

    Raises:
        Rejected: the value is not finite, not positive, or outside a `Px`'s exponents.
    """
    if not math.isfinite(value) or value <= 0:
        raise Rejected(f"price {value!r} cannot be published: it must be finite and positive")
    mantissa_text, exponent_text = f"{value:.{digits - 1}e}".split("e")
    exponent = int(exponent_text) - digits + 1
    if not MIN_EXPONENT <= exponent <= MAX_EXPONENT:
        raise Rejected(
            f"price {value!r} cannot be published: with {digits} digits its exponent is "
            f"{exponent}, allowed are {MIN_EXPONENT} to {MAX_EXPONENT}"
        )
    return Px(int(mantissa_text.replace(".", "")), exponent)


def float_nearest(px: Px) -> float:
    """Convert to the nearest float (correctly rounded)."""
    scale: int = 10 ** abs(px.exponent)
    return float(px.mantissa * scale) if px.exponent >= 0 else px.mantissa / scale
