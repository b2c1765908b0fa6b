"""What a step returns: columns over the markets, and each market as its published message."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from oracle.engine.columns import Floats, Ints
from oracle.engine.reasons import Reason
from oracle.engine.spec import MarketSpec
from oracle.model.fixed import Px, px_half_even
from oracle.model.messages import Mark, SourceView
from oracle.model.validity import BreakerState, Validity


@dataclass(frozen=True)
class MarkBatch:
    """One step's result. Columns have one row a market, in the order of the specification."""

    markets: tuple[MarketSpec, ...]
    sequence: int
    time_ns: int
    index: Floats
    mark: Floats
    twap: Floats
    conf: Floats
    premium: Floats
    state: Ints
    validity: Ints
    newest_event_ns: Ints
    newest_received_ns: Ints
    price: Floats
    """Shape (markets, places): index sources first, then perps."""
    reason: Ints
    """Same shape: `oracle.engine.reasons.Reason`."""
    why: dict[int, str]
    """What made the validity, by row, for markets that are not VALID."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Refused ticks of this step, by reason."""

    def messages(self) -> Iterator[Mark]:
        """Return every market's mark as it is published, quantised."""
        for row in range(len(self.markets)):
            yield self.message(row)

    def message(self, row: int) -> Mark:
        """Return one market's mark as it is published, quantised."""
        market, validity = self.markets[row], Validity(int(self.validity[row]))
        index, mark = _px(self.index[row]), _px(self.mark[row])
        return Mark(
            market=market.name,
            number=market.number,
            sequence=self.sequence,
            time_ns=self.time_ns,
            validity=validity,
            reason=self.why.get(row, ""),
            state=BreakerState(int(self.state[row])),
            index=index,
            mark=None if validity in (Validity.HALTED, Validity.MISSING) else mark,
            twap=_px(self.twap[row]),
            conf_e8=_e8_up(self.conf[row]),
            premium_e8=_e8_half_even(self.premium[row]),
            newest_event_ns=int(self.newest_event_ns[row]),
            newest_received_ns=int(self.newest_received_ns[row]),
            sources=tuple(self._sources(row)),
        )

    def _sources(self, row: int) -> Iterator[SourceView]:
        market = self.markets[row]
        places = len(self.price[row]) - max(len(m.perps) for m in self.markets)
        entries = [(at, spec.source) for at, spec in enumerate(market.sources)]
        entries += [(places + at, spec.source) for at, spec in enumerate(market.perps)]
        for at, source in entries:
            reason = Reason(int(self.reason[row, at]))
            yield SourceView(source, _px(self.price[row, at]), reason is Reason.USED, reason.label)


def _px(value: np.float64) -> Px | None:
    return px_half_even(float(value)) if math.isfinite(value) and value > 0 else None


def _e8_up(value: np.float64) -> int | None:
    return math.ceil(value * 1e8) if math.isfinite(value) else None


def _e8_half_even(value: np.float64) -> int | None:
    return round(value * 1e8) if math.isfinite(value) else None
