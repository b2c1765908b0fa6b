"""What a step returns: columns over the markets, and each market as its published message."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from oracle.engine.breaker import Trigger
from oracle.engine.events import BreakerEvent, describe
from oracle.engine.reasons import Reason
from oracle.engine.records import Codes, Floats, Ints, Records
from oracle.engine.spec import MarketSpec
from oracle.model.fixed import Px, px_half_even
from oracle.model.messages import Control, Mark, SourceView
from oracle.model.ticks import FUNDING_ONE
from oracle.model.validity import PRICED, BreakerState, Validity


@dataclass(frozen=True)
class MarkBatch:
    """One step's result. Columns have one row a market, in the order of the specification."""

    markets: tuple[MarketSpec, ...]
    sequence: int
    time_ns: int
    rows: Ints
    """The markets that were stepped; the others' figures are of an earlier step."""
    marks: Records
    """`oracle.engine.records.MARK`."""
    first: Ints
    """Where each market's places begin in `price` and `reason`; one more than markets."""
    price: Floats
    """Per place, a market's sources and then its perps: the converted price, NaN where refused."""
    reason: Codes
    """Per place: `oracle.engine.reasons.Reason`."""
    pauses: Mapping[int, Control]
    """People's pauses in force, by row."""
    rejected: dict[str, int]
    """Refused ticks of this step, by reason."""
    refused: dict[str, int]
    """Places that began to be refused in this step, by reason."""
    events: tuple[BreakerEvent, ...]

    @property
    def index(self) -> Floats:
        """NaN below quorum."""
        return self._floats("index")

    @property
    def mark(self) -> Floats:
        """The raw mark, also where the validity forbids to publish it."""
        return self._floats("mark")

    @property
    def twap(self) -> Floats:
        """The published average of the index."""
        return self._floats("twap")

    @property
    def conf(self) -> Floats:
        """Half-width of the confidence interval, relative."""
        return self._floats("conf")

    @property
    def premium(self) -> Floats:
        """Premium against the index, relative."""
        return self._floats("premium")

    @property
    def funding(self) -> Floats:
        """The running interval's rate."""
        return self._floats("funding")

    @property
    def settled_funding(self) -> Floats:
        """The last whole interval's rate."""
        return self._floats("settled_funding")

    @property
    def state(self) -> Ints:
        """`BreakerState`."""
        return self._ints("state")

    @property
    def validity(self) -> Ints:
        """`Validity`."""
        return self._ints("validity")

    @property
    def newest_event_ns(self) -> Ints:
        """Newest event time among the sources that count."""
        return self._ints("newest_event_ns")

    @property
    def newest_received_ns(self) -> Ints:
        """Newest receive time among them."""
        return self._ints("newest_received_ns")

    def _floats(self, name: str) -> Floats:
        column: Floats = self.marks[name]
        return column

    def _ints(self, name: str) -> Ints:
        column: Ints = self.marks[name]
        return column

    def places(self, row: int) -> slice:
        """Return where a market's places stand in `price` and `reason`."""
        return slice(int(self.first[row]), int(self.first[row + 1]))

    def messages(self) -> Iterator[Mark]:
        """Return the stepped markets' marks as they are published, quantised."""
        for row in sorted(self.rows.tolist()):
            yield self.message(row)

    def message(self, row: int) -> Mark:
        """Return one market's mark as it is published, quantised."""
        market, mark = self.markets[row], self.marks[row]
        validity = Validity(int(mark.validity))
        return Mark(
            market=market.name,
            number=market.number,
            sequence=self.sequence,
            time_ns=int(mark.time_ns),
            validity=validity,
            reason=self.why(row),
            state=BreakerState(int(mark.state)),
            index=_px(mark.index),
            mark=_px(mark.mark) if validity in PRICED else None,
            twap=_px(mark.twap),
            conf_e8=_up(mark.conf, 10**8),
            premium_e8=_half_even(mark.premium, 10**8),
            newest_event_ns=int(mark.newest_event_ns),
            newest_received_ns=int(mark.newest_received_ns),
            sources=tuple(self._sources(row)),
            funding_e12=_half_even(mark.funding, FUNDING_ONE),
            settled_funding_e12=_half_even(mark.settled_funding, FUNDING_ONE),
        )

    def why(self, row: int) -> str:
        """Return what made a market's validity, with its figures; empty when VALID."""
        market, mark = self.markets[row], self.marks[row]
        validity, pause = Validity(int(mark.validity)), self.pauses.get(row)
        if validity is Validity.VALID:
            return ""
        if validity is Validity.HALTED and pause is not None:
            return f"paused by {pause.who}: {pause.reason}"
        if validity is Validity.MISSING:
            return (
                f"below quorum: {mark.sources} of {market.min_sources} sources, "
                f"{mark.origins} of {market.min_origins} origins"
            )
        if validity is Validity.TOO_UNCERTAIN:
            return f"confidence {mark.conf * 1e4:.1f} bps"
        if validity is Validity.TOO_VOLATILE:
            limit = market.breaker.deviations[int(mark.volatile)].volatile_bps / 1e4
            return describe("deviation", mark.volatile_by, limit)
        state = BreakerState(int(mark.state)).name
        trigger = Trigger(int(mark.trigger)).label
        return f"breaker {state}: {describe(trigger, mark.figure, mark.limit)}"

    def _sources(self, row: int) -> Iterator[SourceView]:
        market = self.markets[row]
        for at, spec in enumerate(market.places, int(self.first[row])):
            reason = Reason(int(self.reason[at]))
            yield SourceView(spec.source, _px(self.price[at]), reason is Reason.USED, reason.label)


def _px(value: np.float64) -> Px | None:
    return px_half_even(float(value)) if math.isfinite(value) and value > 0 else None


def _up(value: np.float64, unit: int) -> int | None:
    return math.ceil(value * unit) if math.isfinite(value) else None


def _half_even(value: np.float64, unit: int) -> int | None:
    return round(value * unit) if math.isfinite(value) else None
