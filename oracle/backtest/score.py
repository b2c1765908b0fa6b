"""Errors in basis points, and what is said of many of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """Absolute errors in bps over what was asked for; None where nothing could be compared."""

    asked: int
    """How many times there was something to compare with."""
    answered: int
    """How often there was a price then."""
    bias_bps: float | None
    """Median of the signed error."""
    median_bps: float | None
    p99_bps: float | None
    worst_bps: float | None

    def plain(self) -> dict[str, object]:
        """Return plain data."""
        return asdict(self)


def errors_bps(made: Floats, truth: Floats) -> Floats:
    """Return signed errors in bps of the truth; NaN where either is missing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (made / truth - 1.0) * 1e4


def score(made: Floats, truth: Floats) -> Score:
    """Score prices against the truth at the same times."""
    asked = np.isfinite(truth)
    errors = errors_bps(made, truth)[asked]
    errors = errors[np.isfinite(errors)]
    if not len(errors):
        return Score(int(asked.sum()), 0, None, None, None, None)
    absolute = np.abs(errors)
    return Score(
        asked=int(asked.sum()),
        answered=len(errors),
        bias_bps=float(np.median(errors)),
        median_bps=float(np.median(absolute)),
        p99_bps=float(np.quantile(absolute, 0.99)),
        worst_bps=float(absolute.max()),
    )
