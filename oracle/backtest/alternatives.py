"""Rules of a market, one alternative beside the other, against what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from oracle.backtest.compare import OURS, compare
from oracle.backtest.published import Published
from oracle.backtest.recording import Recording
from oracle.backtest.run import run
from oracle.backtest.score import Score
from oracle.engine.spec import EngineSpec, MarketSpec

FOREVER_NS = 2**62


@dataclass(frozen=True)
class Alternative:
    """One value of a parameter, and the errors it leaves on both halves."""

    value: str
    first: Score
    second: Score

    def plain(self) -> dict[str, object]:
        """Return plain data."""
        return {"value": self.value, "first": self.first.plain(), "second": self.second.plain()}


def alternatives(
    spec: EngineSpec,
    market: str,
    values: Sequence[tuple[str, Callable[[MarketSpec], MarketSpec]]],
    recording: Recording,
    step_ns: int,
    known: Published,
    split_ns: int,
) -> list[Alternative]:
    """Run `market` under every value at once, and score its index or mark on both halves."""
    base = next(each for each in spec.markets if each.name == market)
    variants = tuple(
        replace(change(base), name=_name(market, label), number=len(spec.markets) + at)
        for at, (label, change) in enumerate(values)
    )
    names = tuple(variant.name for variant in variants)
    widened = EngineSpec((*spec.markets, *variants), (*spec.levels, names))
    runs = run(widened, recording.steps(step_ns))
    made = []
    for label, _ in values:
        halves = (known.between(-FOREVER_NS, split_ns), known.between(split_ns, FOREVER_NS))
        scores = []
        for half in halves:
            (found,) = compare(runs, [replace(half, market=_name(market, label))])
            scores.append(next(s for name, s in found.scores.items() if name.startswith(OURS)))
        made.append(Alternative(label, *scores))
    return made


def _name(market: str, label: str) -> str:
    return f"{market} [{label}]"
