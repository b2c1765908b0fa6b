"""What a step returns: columns over the markets, and each market as its published message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from oracle.engine.breaker import Trigger
from oracle.engine.events import BreakerEvent, describe
from oracle.engine.publish import Publishing, views
from oracle.engine.records import Codes, Floats, Ints, Records
from oracle.engine.spec import MarketSpec
from oracle.model.messages import Control, Mark
from oracle.model.validity import BreakerState, Validity


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
        return self._published(np.sort(self.rows))

    def message(self, row: int) -> Mark:
        """Return one market's mark as it is published, quantised."""
        return next(self._published(np.array([row])))

    def _published(self, rows: Ints) -> Iterator[Mark]:
        making = Publishing(self.markets, self.sequence, self.marks, rows, self.why)
        sources = views(self.markets, rows.tolist(), self.first, self.price, self.reason)
        for at, row in enumerate(rows.tolist()):
            yield making.message(at, row, sources[at])

    def why(self, row: int) -> str:
        """Return what made a market's validity, with its figures; empty when VALID."""
        if self.marks["validity"][row] == Validity.VALID:
            return ""
        market, mark = self.markets[row], self.marks[row]
        validity, pause = Validity(int(mark.validity)), self.pauses.get(row)
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
