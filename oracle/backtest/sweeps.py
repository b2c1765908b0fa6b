"""Choose a parameter on one half of the data, and say what it does on the other.

A value costs something on honest data (prices refused or labelled, marks that are not VALID) and
leaves some harm under attack. The rule is the same for all: of the values whose cost on the first
half is within the budget, the one with the least harm there; of equals the cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.backtest.corruption import MINUTE_NS, Window, attacked, windows
from oracle.backtest.many import Seen, Variant, through_engine
from oracle.backtest.naive import median
from oracle.backtest.resilience import HONEST, Case, sent
from oracle.backtest.score import errors_bps
from oracle.engine.reasons import Reason
from oracle.engine.spec import MarketSpec
from oracle.model.validity import Validity

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_HOUR_NS: Final = 60 * MINUTE_NS


@dataclass(frozen=True)
class Observed:
    """What one value did in one case: the engine's word, the truth and who lied when."""

    seen: Seen
    errors_bps: Floats
    """Absolute, of the index; NaN without one."""
    sent: Bools
    """(steps, sources): there was a price."""
    lie_bps: Floats
    """(steps, sources): how far what was sent is off what the source would have sent; 0 honest."""
    scored: Bools


Measure = Callable[[Observed], float]


@dataclass(frozen=True)
class Sweep:
    """One parameter: its values, what it costs honest sources, what it leaves to liars."""

    parameter: str
    values: Sequence[tuple[str, Callable[[MarketSpec], MarketSpec]]]
    attack: Case
    cost: Measure
    cost_is: str
    harm: Measure
    harm_is: str
    budget: float


@dataclass(frozen=True)
class Figures:
    """Cost and harm of one value, as shares, on both halves."""

    value: str
    first: tuple[float, float]
    second: tuple[float, float]


@dataclass(frozen=True)
class Swept:
    """A sweep's figures, and which value the first half chooses."""

    sweep: Sweep
    figures: tuple[Figures, ...]
    chosen: str
    default: str
    """Which value the rules had before; empty when it is none of those tried."""

    def plain(self) -> dict[str, object]:
        """Return plain data."""
        return {
            "parameter": self.sweep.parameter,
            "attack": f"{self.sweep.attack.corrupted} of {self.sweep.attack.sources} "
            f"{self.sweep.attack.kind}",
            "cost": self.sweep.cost_is,
            "harm": self.sweep.harm_is,
            "budget": self.sweep.budget,
            "chosen": self.chosen,
            "default": self.default,
            "figures": [
                {"value": each.value, "first": each.first, "second": each.second}
                for each in self.figures
            ],
        }


def sweep_all(
    sweeps: Sequence[Sweep],
    prices: Floats,
    time_ns: Ints,
    split_ns: int,
    rules: MarketSpec,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Swept]:
    """Run all sweeps over honest prices of shape (steps, sources)."""
    random = np.random.default_rng(1)
    attacks = windows(time_ns, prices.shape[1], random, attack_ns=_HOUR_NS, rest_ns=_HOUR_NS)
    variants, honest_case = [], Case(prices.shape[1], 0, HONEST)
    for sweep in sweeps:
        for case in (honest_case, sweep.attack):
            given = sent(prices, time_ns, attacks, case, seed=1)
            variants += [Variant(given, change(rules)) for _, change in sweep.values]
    seen = iter(zip(variants, through_engine(variants, time_ns, progress), strict=True))
    first = time_ns < split_ns
    made = []
    for sweep in sweeps:
        halves = {}
        for case, measure in ((honest_case, sweep.cost), (sweep.attack, sweep.harm)):
            for label, _ in sweep.values:
                variant, said = next(seen)
                whole = _observed(variant, said, prices, attacks, case)
                halves[label, case] = (
                    measure(_within(whole, first)),
                    measure(_within(whole, ~first)),
                )
        default = next((label for label, change in sweep.values if change(rules) == rules), "")
        made.append(_chosen(sweep, halves, honest_case, default))
    return made


def not_valid(observed: Observed) -> float:
    """Return the share of scored steps that were not VALID."""
    return float(np.mean(observed.seen.validity[observed.scored] != Validity.VALID))


def named(reason: Reason) -> Measure:
    """Return the share of honest prices that were given this reason."""

    def measure(observed: Observed) -> float:
        honest = observed.sent & (observed.lie_bps == 0) & observed.scored[:, None]
        return float(np.mean(observed.seen.reasons[honest] == reason))

    return measure


def lies_used(bps: float) -> Measure:
    """Return the share of lies further off than this that had no reason against them."""
    return _lies(bps, (Reason.USED,))


def lies_voting(bps: float) -> Measure:
    """Return the share of lies further off than this that voted, labelled as outliers or not."""
    return _lies(bps, (Reason.USED, Reason.OUTLIER))


def _lies(bps: float, reasons: tuple[Reason, ...]) -> Measure:
    def measure(observed: Observed) -> float:
        lies = (observed.lie_bps > bps) & observed.scored[:, None]
        return float(np.mean(np.isin(observed.seen.reasons[lies], reasons)))

    return measure


def wrong_by(bps: float) -> Measure:
    """Return the share of steps whose index was further off than this."""

    def measure(observed: Observed) -> float:
        return float(np.mean(observed.errors_bps[observed.scored] > bps))

    return measure


def wrong_and_valid(bps: float) -> Measure:
    """Return the share of steps that said VALID while the index was further off than this."""

    def measure(observed: Observed) -> float:
        wrong = observed.errors_bps > bps
        valid = observed.seen.validity == Validity.VALID
        return float(np.mean((wrong & valid)[observed.scored]))

    return measure


def _observed(
    variant: Variant, seen: Seen, prices: Floats, attacks: list[Window], case: Case
) -> Observed:
    honest = prices[:, : case.sources]
    inside = attacked(len(prices), attacks)
    lie_bps = np.nan_to_num(np.abs(errors_bps(variant.prices, honest)))
    scored = inside if case.corrupted else np.ones(len(prices), np.bool_)
    errors = np.abs(errors_bps(seen.index, median(prices, prices)))
    return Observed(seen, errors, np.isfinite(variant.prices), lie_bps, scored)


def _within(observed: Observed, half: Bools) -> Observed:
    return Observed(
        observed.seen,
        observed.errors_bps,
        observed.sent,
        observed.lie_bps,
        observed.scored & half,
    )


def _chosen(
    sweep: Sweep, halves: dict[tuple[str, Case], tuple[float, float]], honest: Case, default: str
) -> Swept:
    figures = tuple(
        Figures(
            label,
            (halves[label, honest][0], halves[label, sweep.attack][0]),
            (halves[label, honest][1], halves[label, sweep.attack][1]),
        )
        for label, _ in sweep.values
    )
    within = [each for each in figures if each.first[0] <= sweep.budget] or [
        min(figures, key=lambda each: each.first[0])
    ]
    best = min(within, key=lambda each: (round(each.first[1], 4), round(each.first[0], 4)))
    return Swept(sweep, figures, best.value, default)
