"""Why a price is off by a factor: known mistakes are named, others are not guessed."""

from __future__ import annotations

import pytest

from oracle.engine.spec import BreakerSpec, MarketSpec, SourceSpec
from oracle.node.causes import likely_cause

PRICES = {"CBETH-USD": 2200.0, "ETH-USD": 1964.2, "BTC-USD": 65_000.0, "USDT-USD": 0.93}


def _market(*sources: str) -> MarketSpec:
    entries = tuple(SourceSpec(name, name, 1.0, 10**9) for name in sources)
    return MarketSpec("CBETH-USD", 0, entries, BreakerSpec(()))


@pytest.mark.parametrize(
    ("given", "expected", "cause"),
    [
        (1.12, 2200.0, "conversion leg ETH-USD (1,964.2) missing"),
        (2200.0 * 1964.2, 2200.0, "converted through ETH-USD (1,964.2) for nothing"),
        (2200.0 * 0.93, 2200.0, "converted through USDT-USD (0.93) for nothing"),
        (22.0, 2200.0, "a power of ten (10^-2): decimals or exponent"),
        (2_200_300.0, 2200.0, "a power of ten (10^3): decimals or exponent"),
        (1 / 2200.0, 2200.0, "the inverse price"),
        (65_010.0, 2200.0, "this is the price of BTC-USD: a wrong symbol or pool"),
        (2200.0 * 1.3, 2200.0, ""),
        (2200.0 * 1.0001, 2200.0, ""),
        (2200.0, 2200.0, ""),
    ],
)
def test_a_factor_names_its_mistake(given, expected, cause):
    """Only what a known mistake explains within two per cent is named."""
    said = likely_cause(given, given / expected, _market("a:cbETH/USD"), PRICES)
    assert said.startswith(cause)
    assert bool(said) == bool(cause)


def test_what_the_symbols_point_to_comes_first():
    """A power of ten that is a leg's price too is the leg's, where a source quotes in it."""
    prices = PRICES | {"ETH-USD": 1001.0}
    by_symbol = likely_cause(2.2, 0.001, _market("a:cbETH/ETH"), prices)
    assert by_symbol.startswith("conversion leg ETH-USD")
    assert likely_cause(2.2, 0.001, _market("a:cbETH/USD"), prices).startswith("a power of ten")
