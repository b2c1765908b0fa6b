"""Runs a configuration's engine on some ticks and remembers what each market and source did."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from oracle.engine.engine import Engine
from oracle.engine.reasons import Reason
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec, MarketSpec, SourceSpec
from oracle.model.fixed import Px
from oracle.model.ticks import MISSING, Tick, TickBatch, pack
from oracle.node.dry_run import Current, Observed, Place


class Trial:
    """One engine, and what was seen of it. `wanted` are the sources that its markets use."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec, self._engine = spec, Engine(spec)
        self.wanted = {e.source for m in spec.markets for e in m.sources + m.perps}
        self._ticks: Counter[str] = Counter()
        self._quoted: dict[str, float] = {}
        self._counted = np.zeros(0)
        self._steps = 0
        self._last: MarkBatch | None = None
        self._prices = {market.name: math.nan for market in spec.markets}
        self._factors: dict[str, list[float]] = {market.name: [] for market in spec.markets}

    def warm_up(self) -> None:
        """Have the engine compiled before time counts; the trial itself does not begin."""
        first = Tick(min(self.wanted), 1, 1, 1, last=Px(1, 0))
        Engine(self._spec).step([pack([first])], [], 1)

    @property
    def ticks(self) -> int:
        """How many ticks came of the sources that the markets use."""
        return sum(self._ticks[source] for source in self.wanted)

    @property
    def heard(self) -> set[str]:
        """Those of them that sent something."""
        return {source for source in self.wanted if self._ticks[source]}

    def step(self, batches: Sequence[TickBatch], now_ns: int) -> None:
        """Step the engine, after the last time of a step."""
        for batch in batches:
            self._listen(batch)
        self._last = self._engine.step(batches, [], now_ns)
        self._steps += 1
        used = self._last.reason == Reason.USED
        self._counted = self._counted + used if len(self._counted) else used.astype(np.float64)
        self._prices.update({n: price for n, price in self.prices().items() if price > 0})

    def compare(self, current: Mapping[str, Current]) -> None:
        """Remember how far each index of the last step is from the current price, if there is one.

        Where only the index is missing, that is remembered too.
        """
        for name, price in self.prices().items():
            known = current.get(name)
            if known is not None and not math.isnan(known.price):
                self._factors[name].append(price / known.price)

    def prices(self) -> dict[str, float]:
        """Return every market's index of the last step; NaN where there is none."""
        index = [math.nan] * len(self._spec.markets) if self._last is None else self._last.index
        return {m.name: float(price) for m, price in zip(self._spec.markets, index, strict=True)}

    def current(self) -> dict[str, Current]:
        """Return this trial's prices as those that another is compared with."""
        prices = self.prices()
        return {m.name: Current(m.number, prices[m.name]) for m in self._spec.markets}

    def observed(self) -> list[Observed]:
        """Return what was seen of every market."""
        return [self._observed(row, market) for row, market in enumerate(self._spec.markets)]

    def _observed(self, row: int, market: MarketSpec) -> Observed:
        compared = self._factors[market.name]
        factors = [factor for factor in compared if not math.isnan(factor)]
        places = tuple(self._places(row, market))
        return Observed(
            market=market,
            price=self._prices[market.name],
            factor=median(factors) if factors else math.nan,
            covered=len(factors) / len(compared) if compared else math.nan,
            sources=places[: len(market.sources)],
            perps=places[len(market.sources) :],
        )

    def _places(self, row: int, market: MarketSpec) -> Iterator[Place]:
        first = 0 if self._last is None else self._last.places(row).start
        for at, entry in enumerate(market.sources + market.perps, first):
            reason = Reason.NO_DATA if self._last is None else Reason(int(self._last.reason[at]))
            yield Place(
                source=entry.source,
                origin=entry.origin,
                ticks=self._ticks[entry.source],
                price=self._converted(entry),
                reason=reason.label,
                counted=float(self._counted[at]) / self._steps if self._steps else 0.0,
            )

    def _converted(self, entry: SourceSpec) -> float:
        """Return a source's newest price whether or not the engine believes it."""
        leg = 1.0 if entry.edge is None else self._prices[entry.edge]
        return self._quoted.get(entry.source, math.nan) * leg

    def _listen(self, batch: TickBatch) -> None:
        at = np.frombuffer(batch.source_at, "<u2")
        counts = np.bincount(at, minlength=len(batch.sources))
        self._ticks.update(dict(zip(batch.sources, counts.tolist(), strict=True)))
        price = _prices(batch)
        known = np.flatnonzero(price > 0)[::-1]
        newest, where = np.unique(at[known], return_index=True)
        for source, row in zip(newest.tolist(), known[where].tolist(), strict=True):
            self._quoted[batch.sources[source]] = float(price[row])


def _prices(batch: TickBatch) -> NDArray[np.float64]:
    """Return each row's mid, else its trade; NaN where it has neither."""
    bid, ask, last = (np.frombuffer(c, "<i8") for c in (batch.bid, batch.ask, batch.last))
    exponent = np.frombuffer(batch.exponent, "i1").astype(np.float64)
    quoted = (bid != MISSING) & (ask != MISSING)
    mid = np.where(quoted, (bid.astype(np.float64) + ask) / 2, last.astype(np.float64))
    mid[~quoted & (last == MISSING)] = math.nan
    scaled: NDArray[np.float64] = mid * 10.0**exponent
    return scaled
