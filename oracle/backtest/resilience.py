"""k of n sources lie: what the engine publishes, and what plain aggregators would.

The truth is the plain median of all honest series, those that a case does not use included: no
aggregator is right by definition. Only steps at which all n sources are fresh are scored, so that
k of n means what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.backtest.corruption import KINDS, MINUTE_NS, Window, attacked, corrupt, windows
from oracle.backtest.many import Seen, Variant, through_engine
from oracle.backtest.naive import NAIVE, median
from oracle.backtest.run import MarketRun
from oracle.backtest.score import Score, errors_bps, score
from oracle.engine.spec import MarketSpec
from oracle.model.validity import Validity

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

OURS: Final = "plumbline"
HONEST: Final = "honest"
_FEWEST: Final = 3
"""Sources: of two none can be outvoted."""


@dataclass(frozen=True)
class Plan:
    """What a study runs. `seed` fixes who lies when."""

    sizes: Sequence[int] = (3, 4, 5, 6, 7, 8, 9)
    kinds: Sequence[str] = tuple(KINDS)
    attack_ns: int = 60 * MINUTE_NS
    rest_ns: int = 60 * MINUTE_NS
    seed: int = 1


@dataclass(frozen=True)
class Case:
    """`corrupted` of `sources` lie in the way `kind`; `HONEST` with none."""

    sources: int
    corrupted: int
    kind: str

    @property
    def minority(self) -> bool:
        """Whether the guarantee holds: less than half lie."""
        return 2 * self.corrupted < self.sources


@dataclass(frozen=True)
class Outcome:
    """What became of one case within its windows of attack."""

    case: Case
    scores: dict[str, Score]
    not_valid: float
    """Share of the steps in which ours was anything but VALID."""
    worst_valid_bps: float | None
    """Our worst error while VALID."""

    def plain(self) -> dict[str, object]:
        """Return plain data."""
        return {
            "sources": self.case.sources,
            "corrupted": self.case.corrupted,
            "kind": self.case.kind,
            "not_valid": self.not_valid,
            "worst_valid_bps": self.worst_valid_bps,
            "scores": {name: each.plain() for name, each in self.scores.items()},
        }


def extended(prices: Floats, count: int) -> Floats:
    """Return `count` columns: the recorded ones, then made ones of recorded noise.

    A made column is the consensus times a recorded column's deviation from it at another time: its
    distance from the others, its gaps and their persistence are recorded, their time is not.
    """
    recorded = prices.shape[1]
    deviation = prices / median(prices, prices)[:, None]
    made = [prices]
    for extra in range(count - recorded):
        shift = len(prices) * (extra + 1) // (count - recorded + 1)
        noise = np.roll(deviation[:, extra % recorded], shift)
        made.append((median(prices, prices) * noise)[:, None])
    return np.hstack(made)[:, :count]


def cases(plan: Plan) -> list[Case]:
    """Return all combinations, up to one more liar than half of the sources can outvote."""
    made = []
    for sources in plan.sizes:
        made.append(Case(sources, 0, HONEST))
        most = (sources - 1) // 2 + 1
        made += [Case(sources, k, kind) for kind in plan.kinds for k in range(1, most + 1)]
    return made


def study(
    prices: Floats,
    volumes: Floats,
    time_ns: Ints,
    rules: MarketSpec,
    plan: Plan,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Outcome]:
    """Run every case over honest prices of shape (steps, sources); `rules` are the market's."""
    random = np.random.default_rng(plan.seed)
    attacks = windows(
        time_ns, prices.shape[1], random, attack_ns=plan.attack_ns, rest_ns=plan.rest_ns
    )
    every = cases(plan)
    variants = [Variant(sent(prices, time_ns, attacks, case, plan.seed), rules) for case in every]
    seen = through_engine(variants, time_ns, progress)
    inside, truth = attacked(len(time_ns), attacks), median(prices, prices)
    made = []
    for case, variant, ours in zip(every, variants, seen, strict=True):
        scored = inside & np.isfinite(prices[:, : case.sources]).all(axis=1)
        made.append(_outcome(case, variant, ours, volumes, np.where(scored, truth, np.nan)))
    return made


def sent(prices: Floats, time_ns: Ints, attacks: list[Window], case: Case, seed: int) -> Floats:
    """Return what the first n sources send in a case."""
    random = np.random.default_rng([seed, case.sources, case.corrupted])
    honest = prices[:, : case.sources]
    return corrupt(honest, time_ns, attacks, case.kind, case.corrupted, random)


def _outcome(case: Case, variant: Variant, ours: Seen, volumes: Floats, truth: Floats) -> Outcome:
    volume = volumes[:, : case.sources]
    naive = {name: of(variant.prices, volume) for name, of in NAIVE.items()}
    valid = ours.validity == Validity.VALID
    errors = np.abs(errors_bps(ours.index, truth))
    shown = errors[valid & np.isfinite(errors)]
    scored = np.isfinite(truth)
    return Outcome(
        case,
        {name: score(values, truth) for name, values in ({OURS: ours.index} | naive).items()},
        float(1.0 - valid[scored].mean()) if scored.any() else 0.0,
        float(shown.max()) if len(shown) else None,
    )


def try_liars(run: MarketRun) -> list[Outcome]:
    """Let k of a recorded market's own n sources lie; nothing for fewer than three.

    Windows of attack are an hour long, or an eighth of a recording shorter than eight hours.
    """
    panel = run.sources
    count = panel.prices.shape[1]
    if count < _FEWEST:
        return []
    span_ns = int(run.time_ns[-1] - run.time_ns[0])
    window_ns = min(60 * MINUTE_NS, span_ns // 8)
    plan = Plan(sizes=range(_FEWEST, count + 1), attack_ns=window_ns, rest_ns=window_ns)
    return study(panel.prices, panel.volumes, run.time_ns, run.market, plan)
