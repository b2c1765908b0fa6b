"""Our index and mark, and those of plain aggregators, against what the venue published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.backtest.naive import NAIVE
from oracle.backtest.published import FIELDS, Published
from oracle.backtest.run import MarketRun, Panel
from oracle.backtest.score import Score, score
from oracle.engine.spec import EngineSpec, Method
from oracle.model.validity import Validity

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OURS: Final = "plumbline"


@dataclass(frozen=True)
class Comparison:
    """One published field of one market, or of several taken together: a score an algorithm."""

    market: str
    field: str
    scores: Mapping[str, Score]
    validity: Mapping[str, int]
    """Ours, at the times that were compared."""
    covered: float | None
    """Share of published indices within our confidence interval; None of a single source."""

    def plain(self) -> dict[str, object]:
        """Return plain data."""
        return {
            "market": self.market,
            "field": self.field,
            "validity": dict(self.validity),
            "covered": self.covered,
            "scores": {name: each.plain() for name, each in self.scores.items()},
        }


@dataclass(frozen=True)
class _Estimates:
    """What every algorithm said at the times of `truth`."""

    truth: Floats
    made: Mapping[str, Floats]
    validity: Ints
    width: Floats
    """Our confidence half-width, in the quote currency."""
    several: bool
    """There is more than one source."""


def with_methods(spec: EngineSpec) -> EngineSpec:
    """Return the specification with every market that has perps under every mark method too."""
    made = list(spec.markets)
    for market in spec.markets:
        for method in Method if market.perps else ():
            if method != market.mark.method:
                name, mark = _variant(market.name, method), replace(market.mark, method=method)
                made.append(replace(market, name=name, number=len(made), mark=mark))
    added = tuple(market.name for market in made[len(spec.markets) :])
    return EngineSpec(tuple(made), (*spec.levels, added) if added else spec.levels)


def compare(
    runs: Mapping[str, MarketRun], known: Sequence[Published], market: str = ""
) -> list[Comparison]:
    """Compare everything published with what was computed at those times, all markets as one.

    Each figure is held against the last step at or before its time: never against a later one.
    """
    made = []
    for field in FIELDS:
        parts = [
            _estimates(runs, each, field)
            for each in known
            if np.isfinite(getattr(each, field)).any()
        ]
        if parts:
            name = market or ", ".join(each.market for each in known)
            made.append(_comparison(name, field, parts))
    return made


def _comparison(market: str, field: str, parts: Sequence[_Estimates]) -> Comparison:
    truth = np.concatenate([part.truth for part in parts])
    names = [name for name in parts[0].made if all(name in part.made for part in parts)]
    made = {name: np.concatenate([part.made[name] for part in parts]) for name in names}
    validity = Counter(value for part in parts for value in part.validity.tolist())
    covered = None
    if field == "index" and all(part.several for part in parts):
        within = np.concatenate([_within(part) for part in parts])
        covered = float(within.mean()) if len(within) else None
    shift = 1.0 if field == "funding" else 0.0  # rates: their errors are differences, not ratios
    return Comparison(
        market,
        field,
        {name: score(values + shift, truth + shift) for name, values in made.items()},
        {Validity(value).name: count for value, count in sorted(validity.items())},
        covered,
    )


def _within(part: _Estimates) -> npt.NDArray[np.bool_]:
    both = np.isfinite(part.truth) & np.isfinite(part.made[OURS])
    apart = np.abs(part.made[OURS] - part.truth)
    return np.asarray((apart <= part.width)[both])


def _estimates(runs: Mapping[str, MarketRun], known: Published, field: str) -> _Estimates:
    run = runs[known.market]
    at = _steps_at(run, known.time_ns)
    inside = at >= 0
    rows = at[inside]
    every = {"index": _indices, "mark": _marks, "funding": _rates}[field](runs, run)
    return _Estimates(
        getattr(known, field)[inside],
        {name: values[rows] for name, values in every.items()},
        run.validity[rows],
        (run.conf * run.index)[rows],
        len(run.sources.sources) > 1,
    )


def _steps_at(run: MarketRun, time_ns: Ints) -> Ints:
    """Return the step for each time; -1 outside the run and where no step is near."""
    at = run.at(time_ns)
    step_ns = int(np.median(np.diff(run.time_ns))) if len(run.time_ns) > 1 else 10**9
    near = (at >= 0) & (time_ns - run.time_ns[at] < 2 * step_ns)
    return np.where(near, at, -1)


def _indices(_runs: Mapping[str, MarketRun], run: MarketRun) -> dict[str, Floats]:
    return {OURS: run.index} | _naive(run.sources)


def _rates(_runs: Mapping[str, MarketRun], run: MarketRun) -> dict[str, Floats]:
    return {OURS: run.funding}


def _marks(runs: Mapping[str, MarketRun], run: MarketRun) -> dict[str, Floats]:
    """Return our mark by every method there is, and plain aggregates of all the market's prices."""
    ours = {run.market.mark.method: run.mark}
    for method in Method:
        variant = runs.get(_variant(run.market.name, method))
        if variant is not None:
            ours[method] = variant.mark
    both = Panel(
        run.sources.sources + run.perps.sources,
        np.hstack([run.sources.prices, run.perps.prices]),
        np.hstack([run.sources.volumes, run.perps.volumes]),
    )
    return {f"{OURS} {m.name.lower()}": mark for m, mark in sorted(ours.items())} | _naive(both)


def _naive(panel: Panel) -> dict[str, Floats]:
    return {name: of(panel.prices, panel.volumes) for name, of in NAIVE.items()}


def _variant(name: str, method: Method) -> str:
    return f"{name} [{method.name.lower()}]"
