"""From what ccxt parsed to a quote: numbers from the venue's own text, nothing guessed.

A field that is missing or no number is left out and counted by its name; the rest still counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from feeds.cex.paths import at, plain
from feeds.cex.times import event_ns
from feeds.cex.venue import Fields, Market, Path
from feeds.quote import Quote, Refused, funding_e12_half_even, px_from_text, share_exponent
from oracle.model.errors import Rejected
from oracle.model.fixed import MAX_EXPONENT, MAX_MANTISSA, MIN_EXPONENT, Px, px_exact

Refuse = Callable[[str, str], None]

_ONE: Final = Px(1, 0)


def size_unit(market: Market) -> Px | None:
    """Give how much base currency one unit of a market's sizes is.

    None where no exact number is: an inverse contract is worth an amount of quote currency, and
    what that is in base currency depends on the price.
    """
    if market["type"] == "spot":
        return _ONE
    contract_size = market.get("contractSize")
    if not market.get("linear") or not contract_size:
        return None
    try:
        return _reduced(px_exact(repr(contract_size)))
    except Rejected:
        return None


def parse_quote(
    source: str,
    message: Mapping[str, Any],
    fields: Fields,
    unit: Px | None,
    received_ns: int,
    refuse: Refuse,
) -> Quote:
    """Read one message. `unit` is what its sizes are counted in, None to leave them out.

    Raises:
        Refused: neither price nor funding rate is left, or the venue's time is out of range.
    """

    def price(name: str, path: Path | None) -> Px | None:
        text = _text(source, name, message, path, refuse)
        return None if text is None else _parsed(source, name, text, refuse)

    def size(name: str, of: Px | None, path: Path | None) -> Px | None:
        # A size belongs to its price, and is of no use without.
        if of is None or unit is None:
            return None
        text = _text(source, name, message, path, refuse)
        return None if text is None else _size(source, name, text, unit, refuse)

    bid, ask, last = (
        price("bid", fields.bid),
        price("ask", fields.ask),
        price("last", fields.last),
    )
    sizes = (
        size("bid_size", bid, fields.bid_size),
        size("ask_size", ask, fields.ask_size),
        size("last_size", last, fields.last_size),
    )
    if not share_exponent(sizes):
        refuse(source, "size_scale")
        sizes = (None, None, None)
    time_ns = event_ns(source, message, fields.time, refuse)
    funding = _funding(source, message, fields.funding, refuse)
    return Quote(source, received_ns, time_ns, bid, ask, last, *sizes, funding)


def _size(source: str, name: str, text: str, unit: Px, refuse: Refuse) -> Px | None:
    size = _parsed(source, name, text, refuse)
    if size is None:
        return None
    based = _reduced(Px(size.mantissa * unit.mantissa, size.exponent + unit.exponent))
    fits = based.mantissa <= MAX_MANTISSA and MIN_EXPONENT <= based.exponent <= MAX_EXPONENT
    if size.mantissa < 0 or not fits:
        refuse(source, f"malformed_{name}")
        return None
    return based


def _reduced(px: Px) -> Px:
    """Drop trailing zeros, so that a product keeps no digits it does not need."""
    mantissa, exponent = px.mantissa, px.exponent
    while mantissa and mantissa % 10 == 0:
        mantissa, exponent = mantissa // 10, exponent + 1
    return Px(mantissa, exponent)


def _funding(
    source: str, message: Mapping[str, Any], path: Path | None, refuse: Refuse
) -> int | None:
    text = _text(source, "funding", message, path, refuse)
    if text is None:
        return None
    try:
        return funding_e12_half_even(source, text)
    except Refused as error:
        refuse(source, error.reason)
        return None


def _parsed(source: str, name: str, text: str, refuse: Refuse) -> Px | None:
    try:
        return px_from_text(source, name, text)
    except Refused as error:
        refuse(source, error.reason)
        return None


def _text(
    source: str, name: str, message: Mapping[str, Any], path: Path | None, refuse: Refuse
) -> str | None:
    """Give decimal text: the venue's own, or the shortest digits of the number it sent."""
    if path is None:
        return None
    value = at(message, path)
    if value is None or value == "":
        refuse(source, f"missing_{name}")
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) or (isinstance(value, int) and plain(value)):
        return repr(value)
    refuse(source, f"malformed_{name}")
    return None
