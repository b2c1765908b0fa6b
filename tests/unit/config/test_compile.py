"""From the file to the engine's specification: nothing is lost, nothing is mixed up."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import yaml

from oracle.config import breaker, markets
from oracle.config.load import parse
from oracle.engine import records, spec
from oracle.engine.spec import OFF, BreakerSpec, DeviationSpec, MarketSpec, PegSpec, SourceSpec
from oracle.node.compile import engine_spec

EVERYTHING = """
number: 7
sources:
  - {source: "a:WX/EUR", base: X, weight: 2, origin: o, group: g, max_age: 3s, max_step: 5%}
  - {source: "b:X/USD"}
  - {source: "c:X/USD"}
perps: [{source: "p:X/USD:USD"}, {source: "q:X/USD:USD"}]
min_sources: 1
min_origins: 1
max_age: 9s
max_confidence: 3%
mark:
  method: median3_ema
  basis: 100s
  second: 20s
  max_basis: 4%
  own: "p:X/USD:USD"
  min_perps: 2
  funding_interval: 4h
twap: {window: 1m, mean: geometric, clamp: 1%, gap: 30s}
funding:
  interval: 2h
  sample: 4s
  period: 24h
  weights: linear
  interest: 2bps
  clamp: 6bps
  cap: 3%
  premium: impact
admission:
  max_future: 1s
  max_spread: 1%
  max_scale: 6
  leg_scale: 2
  leg_tolerance: 1%
  confirm: 50s
  scale_memory: 12h
  max_unchanged: 10m
  unchanged: 40bps
weights: {by: depth, window: 10m, origin_cap: 45%, group_cap: 70%}
outlier: {mads: 4, floor: 20bps, ceiling: 2%}
breaker:
  deviations:
    - {window: 2m, guarded: 1%, volatile: 2%, halted: 3%}
    - {window: 1h, guarded: 4%}
    - {window: 2h, halted: 9%}
  dispersion: {guarded: 11bps, halted: 12bps}
  confidence: {guarded: 13bps, halted: 14bps}
  mark: {guarded: 15bps, halted: 16bps}
  alarm_sources: 2
  alarm_origins: 3
  missing: 31s
  stale: 7s
  conversion: 25%
  peg: {target: 1.02, guarded: 17bps, cut: 18bps}
  release: 60%
  dwell: 6s
  recovery: 11s
  agree: 45bps
  latch: true
"""


def _compiled(market: dict[str, Any]) -> MarketSpec:
    edge = {"number": 1, "sources": [{"source": "a:EUR/USD"}, {"source": "b:EUR/USD"}]}
    markets = parse({"markets": {"X-USD": market, "EUR-USD": edge}}).markets
    return next(made for made in engine_spec(markets).markets if made.name == "X-USD")


def _same(one: object, other: object) -> set[str]:
    """Name the fields in which two values of one dataclass agree."""
    return {f.name for f in fields(one) if getattr(one, f.name) == getattr(other, f.name)}  # type: ignore[arg-type]  # of some dataclass


PLAIN = {"number": 0, "sources": [{"source": "a:X/USD"}, {"source": "b:X/USD"}]}


def test_without_a_word_the_defaults_are_the_engine_s_own():
    """The two lists of defaults, an operator's and the engine's, cannot drift apart."""
    made = _compiled(PLAIN)
    given = {"name", "number", "sources", "breaker"}
    for field in fields(MarketSpec):
        if field.name not in given and field.name != "twap":
            default = field.default
            if callable(field.default_factory):
                default = field.default_factory()
            assert getattr(made, field.name) == default, field.name
    assert made.twap == spec.TwapSpec(300 * 10**9)
    assert made.breaker == BreakerSpec((DeviationSpec(300 * 10**9, 200.0, 500.0),))
    assert made.sources[0] == SourceSpec("a:X/USD", "a", 1.0, 10 * 10**9, group="USD")
    assert breaker.MAX_DEVIATIONS == spec.MAX_DEVIATIONS
    assert markets.MOST_PLACES == records.MOST_PLACES


def test_funding_has_the_engine_s_defaults():
    """An empty section switches funding on."""
    assert _compiled(PLAIN | {"funding": {}}).funding == spec.FundingSpec()


def test_every_key_reaches_the_engine():
    """With every key set to something else, no field of the specification keeps its default."""
    made, plain = _compiled(yaml.safe_load(EVERYTHING)), _compiled(PLAIN | {"funding": {}})
    assert _same(made, plain) == {"name"}
    for part in ("twap", "mark", "funding", "admission", "weights", "outlier", "breaker"):
        assert _same(getattr(made, part), getattr(plain, part)) == set(), part
    assert _same(made.sources[0], plain.sources[0]) == set()


def test_every_key_reaches_its_own_field():
    """Bounds of one kind are not another's, and what is left out is off."""
    made = _compiled(yaml.safe_load(EVERYTHING)).breaker
    assert made.deviations == (
        DeviationSpec(120 * 10**9, 100.0, 300.0, 200.0),
        DeviationSpec(3600 * 10**9, 400.0, OFF),
        DeviationSpec(7200 * 10**9, OFF, 900.0),
    )
    bounds = [
        getattr(made, f"{trigger}_{bound}_bps")
        for trigger in ("dispersion", "confidence", "mark")
        for bound in ("guarded", "halted")
    ]
    assert bounds == [11, 12, 13, 14, 15, 16]
    assert (made.alarm_sources, made.alarm_origins) == (2, 3)
    assert (made.missing_halted_ns, made.stale_guarded_ns) == (31 * 10**9, 7 * 10**9)
    assert (made.dwell_ns, made.recovery_ns) == (6 * 10**9, 11 * 10**9)
    assert (made.release, made.conversion_guarded_share) == (0.6, 0.25)
    assert made.peg == PegSpec(1.02, 17.0, 18.0)
