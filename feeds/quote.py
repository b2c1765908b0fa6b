"""What an adapter parsed, before it is a tick; and the parsing of a venue's decimal text."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

import msgspec

from oracle.model.errors import Rejected
from oracle.model.fixed import Px, px_exact
from oracle.model.ticks import FUNDING_ONE, MISSING

_MAX_NS: Final = 2**63 - 1


class Refused(Rejected):
    """A frame or field that gives no tick, with the reason it is counted under."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Quote(msgspec.Struct, frozen=True):
    """What an adapter parsed of a quote, a trade or a funding rate: a tick before it is numbered.

    `event_ns` is None where the venue states no time; the tick then carries `received_ns`. The
    other fields are those of a tick.
    """

    source: str
    received_ns: int
    event_ns: int | None = None
    bid: Px | None = None
    ask: Px | None = None
    last: Px | None = None
    bid_size: Px | None = None
    ask_size: Px | None = None
    last_size: Px | None = None
    funding_e12: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no tick can carry.

        Raises:
            Refused: neither price nor funding rate, a time or rate out of range, or prices (or
                sizes) that share no exponent.
        """
        prices = (self.bid, self.ask, self.last)
        sizes = (self.bid_size, self.ask_size, self.last_size)
        if self.funding_e12 is None and all(px is None for px in prices):
            raise Refused("no_price", f"{self.source}: neither price nor funding rate in the frame")
        if self.event_ns is not None and not 0 < self.event_ns <= _MAX_NS:
            raise Refused("malformed_time", f"{self.source}: event time {self.event_ns} ns")
        if self.funding_e12 is not None and abs(self.funding_e12) >= -MISSING:
            raise Refused("malformed_funding", f"{self.source}: funding rate {self.funding_e12}")
        for reason, numbers in (("scale", prices), ("size_scale", sizes)):
            if not share_exponent(numbers):
                text = ", ".join(map(str, filter(None, numbers)))
                raise Refused(reason, f"{self.source}: no shared exponent for {text}")


def share_exponent(numbers: Iterable[Px | None]) -> bool:
    """Whether one exponent holds all numbers in 64-bit mantissas, as a column of ticks needs."""
    given = [px for px in numbers if px is not None]
    exponent = min((px.exponent for px in given), default=0)
    return all(abs(px.mantissa) * 10 ** (px.exponent - exponent) < -MISSING for px in given)


def px_from_text(source: str, field: str, text: str) -> Px:
    """Parse a venue's decimal text exactly.

    Raises:
        Refused: the text is no decimal number, or holds more digits than a price carries.
    """
    try:
        return px_exact(text)
    except Rejected as error:
        raise Refused(f"malformed_{field}", f"{source}: {field}: {error}") from error


def funding_e12_half_even(source: str, text: str) -> int:
    """Parse a venue's funding rate, rounded to 10**-12, ties to even.

    Raises:
        Refused: the text is no decimal number, or no tick can hold the rate.
    """
    rate = px_from_text(source, "funding", text)
    funding_e12 = round(rate.mantissa * FUNDING_ONE * Fraction(10) ** rate.exponent)
    if abs(funding_e12) >= -MISSING:
        raise Refused("malformed_funding", f"{source}: funding rate {rate}")
    return funding_e12
