"""The parameters whose defaults are chosen on recorded data, and the values that were tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from oracle.backtest.resilience import Case
from oracle.backtest.sweeps import (
    Sweep,
    named,
    not_valid,
    unnamed_lies,
    wrong_and_valid,
    wrong_by,
)
from oracle.engine.reasons import Reason
from oracle.engine.spec import DeviationSpec, MarketSpec

MINUTE_NS: Final = 60 * 10**9
Change = Callable[[MarketSpec], MarketSpec]


def _set(section: str, **fields: Any) -> Change:
    def change(market: MarketSpec) -> MarketSpec:
        return replace(market, **{section: replace(getattr(market, section), **fields)})

    return change


def _each(section: str, field: str, values: Sequence[float], unit: str) -> list[tuple[str, Change]]:
    return [(f"{value:g}{unit}", _set(section, **{field: float(value)})) for value in values]


def _step(bps: float) -> Change:
    def change(market: MarketSpec) -> MarketSpec:
        first = replace(market.sources[0], max_step_bps=bps)
        return replace(market, sources=(first, *market.sources[1:]))

    return change


def _confidence(bps: float) -> Change:
    return lambda market: replace(market, max_confidence_bps=bps)


def _deviations(*bounds: tuple[int, float, float]) -> tuple[str, Change]:
    label = " and ".join(f"{minutes} min: {low:g}/{high:g}" for minutes, low, high in bounds)
    specs = tuple(DeviationSpec(each * MINUTE_NS, low, high) for each, low, high in bounds)
    return label, _set("breaker", deviations=specs)


SWEEPS: Final = (
    Sweep(
        "outlier.floor",
        _each("outlier", "floor_bps", (5, 10, 15, 25, 50, 100), " bps"),
        Case(5, 1, "drifting 0.1 %/min"),
        named(Reason.OUTLIER),
        "honest prices labelled outlier",
        unnamed_lies,
        "lies without a label",
        budget=0.02,
    ),
    Sweep(
        "outlier.mads",
        _each("outlier", "mads", (3, 4, 5, 6, 8), ""),
        Case(5, 2, "drifting 0.1 %/min"),
        named(Reason.OUTLIER),
        "honest prices labelled outlier",
        unnamed_lies,
        "lies without a label",
        budget=0.02,
    ),
    Sweep(
        "outlier.ceiling",
        _each("outlier", "ceiling_bps", (50, 100, 200, 300, 1000), " bps"),
        Case(5, 2, "drifting 0.1 %/min"),
        named(Reason.OUTLIER),
        "honest prices labelled outlier",
        unnamed_lies,
        "lies without a label",
        budget=0.02,
    ),
    Sweep(
        "max_step",
        [(f"{bps} bps", _step(bps)) for bps in (100, 200, 300, 500, 1000, 2000)],
        Case(3, 2, "wicking 10 %"),
        named(Reason.UNCONFIRMED),
        "honest prices refused",
        wrong_by(100.0),
        "index off by over 100 bps",
        budget=0.001,
    ),
    Sweep(
        "admission.max_unchanged",
        [("off", _set("admission", max_unchanged_ns=0))]
        + [
            (f"{each} min", _set("admission", max_unchanged_ns=each * MINUTE_NS))
            for each in (5, 10, 20, 30)
        ],
        Case(3, 2, "frozen"),
        named(Reason.FROZEN),
        "honest prices refused",
        wrong_by(50.0),
        "index off by over 50 bps",
        budget=0.001,
    ),
    Sweep(
        "breaker.deviations",
        [
            _deviations((5, 100, 300)),
            _deviations((5, 200, 500)),
            _deviations((5, 300, 1000)),
            _deviations((30, 200, 500)),
            _deviations((30, 300, 1000)),
            _deviations((5, 200, 500), (60, 300, 1000)),
            _deviations((5, 200, 500), (60, 500, 1500)),
        ],
        Case(3, 2, "drifting 0.1 %/min"),
        not_valid,
        "honest steps not VALID",
        wrong_and_valid(100.0),
        "VALID and off by over 100 bps",
        budget=0.02,
    ),
    Sweep(
        "max_confidence",
        [(f"{bps} bps", _confidence(bps)) for bps in (25, 50, 100, 200, 300, 500)],
        Case(4, 2, "drifting 0.1 %/min"),
        not_valid,
        "honest steps not VALID",
        wrong_and_valid(50.0),
        "VALID and off by over 50 bps",
        budget=0.005,
    ),
    Sweep(
        "breaker.dispersion guarded",
        _each("breaker", "dispersion_guarded_bps", (20, 50, 100, 200), " bps")
        + [("off", _set("breaker", dispersion_guarded_bps=float("inf")))],
        Case(4, 2, "drifting 0.1 %/min"),
        not_valid,
        "honest steps not VALID",
        wrong_and_valid(50.0),
        "VALID and off by over 50 bps",
        budget=0.005,
    ),
)
