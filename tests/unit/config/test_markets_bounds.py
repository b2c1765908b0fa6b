"""Bounds that keep a market honest or possible."""

from __future__ import annotations

import pytest

from oracle.config.load import parse
from oracle.model.errors import ConfigError


def _market(count: int, **keys: object) -> dict[str, object]:
    sources = [{"source": f"v{n}:X/USD"} for n in range(count)]
    return {"markets": {"X-USD": {"number": 0, "sources": sources, **keys}}}


def test_weights_by_reported_size_need_a_cap():
    """A venue that says it traded everything must not make the price."""
    with pytest.raises(ConfigError, match="origin_cap below 50%"):
        parse(_market(5, weights={"by": "volume"}))
    parse(_market(5, weights={"by": "volume", "origin_cap": "40%"}))


def test_a_market_with_too_many_sources_is_refused_at_once():
    """The check refuses what the engine would."""
    parse(_market(256))
    with pytest.raises(ConfigError, match="257 sources and perps; a market may have 256"):
        parse(_market(257))


def test_an_infinite_outlier_bound_is_refused():
    """Infinity times no dispersion is no number, and would switch the ceiling off."""
    with pytest.raises(ConfigError, match="mads"):
        parse(_market(5, outlier={"mads": float("inf")}))
