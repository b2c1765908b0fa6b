"""What a replay's market looks like in figures: how it stood, and who was how far from whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from oracle.backtest.naive import mean, median
from oracle.cli.replay_said import Replayed
from oracle.engine.reasons import Reason
from oracle.engine.records import Codes, Floats, Ints
from oracle.model.validity import Validity

FAR_BPS: Final = 500.0
"""Steps in which a source was further away than this are counted."""
SPREADS_BPS: Final = (300.0, 1000.0)
"""As are steps in which the sources were further apart than these."""
_ROUNDING: Final = 1e-7
"""A published index has eight digits: it may lie outside of what it is the median of by so much."""


def figures(run: Replayed) -> dict[str, Any]:
    """Return a market's figures as plain data; distances are in bps, times unix ns."""
    places = [place.source for place in run.market.places]
    middle = median(run.spot, run.spot)
    when_valid = np.where(run.validity == Validity.VALID, run.index, np.nan)
    return {
        "longest": _longest(run),
        "sources": {name: _source(run, at) for at, name in enumerate(places)},
        "spread": _spread(run),
        "outside": _outside(run),
        "distances": {
            "index_to_median": apart(run.time_ns, run.index, middle),
            "valid_index_to_median": apart(run.time_ns, when_valid, middle),
            "mean_to_median": apart(run.time_ns, mean(run.spot, np.ones_like(run.spot)), middle),
            "mark_to_index": apart(run.time_ns, run.mark, run.index),
        },
    }


def apart(time_ns: Ints, one: Floats, other: Floats) -> dict[str, Any] | None:
    """Return how far `one` is from `other` where there are both; None where there never are."""
    with np.errstate(invalid="ignore"):
        off = (one / other - 1) * 1e4
    known = np.flatnonzero(np.isfinite(off))
    if not len(known):
        return None
    away = np.abs(off[known])
    worst = known[int(np.argmax(away))]
    return {
        "steps": len(known),
        "median": float(np.median(away)),
        "p99": float(np.percentile(away, 99)),
        "worst": float(off[worst]),
        "worst_ns": int(time_ns[worst]),
        "far": int(np.sum(away > FAR_BPS)),
    }


def stretches(codes: Sequence[Codes]) -> list[tuple[int, int]]:
    """Return first step and end of each stretch in which none of the codes changes."""
    changes = np.any([np.diff(each) != 0 for each in codes], axis=0)
    cuts = (np.flatnonzero(changes) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(codes[0])], strict=True))


def _longest(run: Replayed) -> dict[str, int]:
    """Return the longest stretch of each validity, in steps."""
    longest: dict[str, int] = {}
    for first, end in stretches([run.validity]):
        name = Validity(int(run.validity[first])).name
        longest[name] = max(longest.get(name, 0), end - first)
    return longest


def _source(run: Replayed, at: int) -> dict[str, Any]:
    codes, counts = np.unique(run.reasons[:, at], return_counts=True)
    why = {Reason(int(code)).label: int(n) for code, n in zip(codes, counts, strict=True)}
    return {
        "counted": why.pop("", 0),
        "why_not": why,
        "fresh": int(np.sum(np.isfinite(run.prices[:, at]))),
        "to_index": apart(run.time_ns, run.prices[:, at], run.index),
    }


def _spread(run: Replayed) -> dict[str, Any]:
    """Return how far the highest source was above the lowest, and in how many steps beyond."""
    low, high = _range(run)
    wide = (high / low - 1) * 1e4
    beyond = {f"{bps:g}": int(np.sum(wide > bps)) for bps in SPREADS_BPS}
    return {"worst": float(np.max(wide, initial=0.0, where=np.isfinite(wide))), "beyond": beyond}


def _outside(run: Replayed) -> dict[str, Any]:
    """Return how often the index was outside of what the sources said: never, it should be."""
    low, high = _range(run)
    off = (run.index < low * (1 - _ROUNDING)) | (run.index > high * (1 + _ROUNDING))
    steps = np.flatnonzero(off)
    return {"steps": len(steps), "first_ns": int(run.time_ns[steps[0]]) if len(steps) else None}


def _range(run: Replayed) -> tuple[Floats, Floats]:
    """Return the lowest and the highest source of each step; NaN where there is none."""
    said = np.isfinite(run.spot)
    some = said.any(axis=1)
    low = np.min(np.where(said, run.spot, np.inf), axis=1)
    high = np.max(np.where(said, run.spot, -np.inf), axis=1)
    return np.where(some, low, np.nan), np.where(some, high, np.nan)
