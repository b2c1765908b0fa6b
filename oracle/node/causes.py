"""Why a price may be off by a factor: the mistakes that configurations make, recognised."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from oracle.config.markets import base_of, quote_of
from oracle.engine.spec import MarketSpec

TOLERANCE = 0.02
"""How nearly a factor must be that of a known mistake, as a part of it."""


def likely_cause(
    given: float, factor: float, market: MarketSpec, prices: Mapping[str, float]
) -> str:
    """Name the mistake that explains best why `given` is `factor` times what was expected.

    `prices` are those of the other markets. Empty when no known mistake explains it.
    """
    within = min(TOLERANCE, abs(math.log(factor)) / 4)  # near 1 everything looks like everything
    found = [
        (not named, off, cause)
        for named, off, cause in _candidates(given, factor, market, prices)
        if off <= within
    ]
    return min(found, default=(True, 0.0, ""))[2]


def _candidates(
    given: float, factor: float, market: MarketSpec, prices: Mapping[str, float]
) -> Iterator[tuple[bool, float, str]]:
    """Yield (the sources' symbols point to it, how far it is off, the mistake)."""
    power = round(math.log10(factor))
    if power:
        yield False, _off(factor, 10.0**power), f"a power of ten (10^{power}): decimals or exponent"
    yield (
        False,
        _off(given * given, factor),
        "the inverse price: base and quote, or token0 and token1, are exchanged",
    )
    quoted = {symbol_quote(entry.source) for entry in (*market.sources, *market.perps)}
    for name, price in prices.items():
        if name == market.name or math.isnan(price):
            continue
        if quote_of(name) == quote_of(market.name):
            named = base_of(name) in quoted
            yield named, _off(factor, 1 / price), f"conversion leg {name} ({price:,.6g}) missing"
            yield named, _off(factor, price), f"converted through {name} ({price:,.6g}) for nothing"
        yield False, _off(given, price), f"this is the price of {name}: a wrong symbol or pool"


def _off(value: float, wanted: float) -> float:
    return abs(math.log(value / wanted))


def symbol_quote(source: str) -> str:
    """Return the quote that a source's symbol names, whatever the configuration takes it for."""
    return source.partition("/")[2].partition(":")[0].upper()
