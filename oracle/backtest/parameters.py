"""The parameters whose defaults are held against recorded data, and the values that are tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from oracle.backtest.resilience import Case
from oracle.backtest.sweeps import (
    Sweep,
    lies_used,
    lies_voting,
    named,
    not_valid,
    wrong_and_valid,
    wrong_by,
)
from oracle.engine.reasons import Reason
from oracle.engine.spec import OFF, DeviationSpec, MarketSpec

MINUTE_NS: Final = 60 * 10**9
Change = Callable[[MarketSpec], MarketSpec]
Values = tuple[tuple[str, Change], ...]

_DRIFT: Final = "drifting 0.1 %/min"


def in_section(section: str, **fields: Any) -> Change:
    """Return a change of some fields of a section of a market's rules."""

    def change(market: MarketSpec) -> MarketSpec:
        return replace(market, **{section: replace(getattr(market, section), **fields)})

    return change


def _each(section: str, field: str, values: Sequence[float], unit: str = "") -> Values:
    return tuple((f"{v:g}{unit}", in_section(section, **{field: float(v)})) for v in values)


def _max_step(bps: float) -> Change:
    def change(market: MarketSpec) -> MarketSpec:
        sources = tuple(replace(source, max_step_bps=bps) for source in market.sources)
        return replace(market, sources=sources)

    return change


def _max_unchanged(minutes: int) -> Change:
    return in_section("admission", max_unchanged_ns=minutes * MINUTE_NS)


def _confidence(bps: float) -> Change:
    return lambda market: replace(market, max_confidence_bps=bps)


def _deviations(*bounds: tuple[int, float, float]) -> tuple[str, Change]:
    label = ", ".join(f"{minutes} min {low:g}/{high:g}" for minutes, low, high in bounds)
    specs = tuple(DeviationSpec(each * MINUTE_NS, low, high) for each, low, high in bounds)
    return label, in_section("breaker", deviations=specs)


def _labels(parameter: str, values: Values) -> Sweep:
    return Sweep(
        parameter,
        values,
        Case(5, 2, _DRIFT),
        named(Reason.OUTLIER),
        "honest prices labelled",
        lies_used(50.0),
        "lies over 50 bps not labelled",
        budget=0.01,
    )


def _guards(parameter: str, values: Values) -> Sweep:
    return Sweep(
        parameter,
        values,
        Case(3, 2, _DRIFT),
        not_valid,
        "honest steps not VALID",
        wrong_and_valid(100.0),
        "VALID and off by over 100 bps",
        budget=0.005,
    )


SWEEPS: Final = (
    _labels("outlier.floor", _each("outlier", "floor_bps", (5, 10, 15, 25, 50, 100), " bps")),
    _labels("outlier.mads", _each("outlier", "mads", (3, 4, 5, 6, 8))),
    _labels("outlier.ceiling", _each("outlier", "ceiling_bps", (50, 100, 200, 300, 1000), " bps")),
    Sweep(
        "max_step",
        tuple((f"{bps} bps", _max_step(bps)) for bps in (100, 200, 300, 500, 1000, 2000)),
        Case(3, 2, "wicking 10 %"),
        named(Reason.UNCONFIRMED),
        "honest prices refused",
        wrong_by(100.0),
        "index off by over 100 bps",
        budget=0.001,
    ),
    Sweep(
        "admission.max_unchanged",
        (
            ("off", _max_unchanged(0)),
            *((f"{each} min", _max_unchanged(each)) for each in (5, 10, 20, 30)),
        ),
        Case(5, 2, "frozen"),
        named(Reason.FROZEN),
        "honest prices refused",
        lies_voting(50.0),
        "lies over 50 bps that vote",
        budget=0.001,
    ),
    _guards("max_confidence", tuple((f"{b} bps", _confidence(b)) for b in (25, 50, 100, 200, 300))),
    _guards(
        "breaker.dispersion guarded",
        (
            *_each("breaker", "dispersion_guarded_bps", (20, 50, 100, 200), " bps"),
            ("off", in_section("breaker", dispersion_guarded_bps=OFF)),
        ),
    ),
    _guards(
        "breaker.deviations",
        (
            _deviations((5, 100, 300)),
            _deviations((5, 200, 500)),
            _deviations((30, 200, 500)),
            _deviations((30, 300, 1000)),
            _deviations((5, 200, 500), (60, 300, 1000)),
            _deviations((5, 200, 500), (60, 500, 1500)),
        ),
    ),
)
