"""A step's columns as the messages that are published: read once, and not number by number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from oracle.engine.quantise import prices
from oracle.engine.reasons import Reason
from oracle.engine.records import Codes, Floats, Ints, Records
from oracle.engine.spec import MarketSpec
from oracle.model.messages import Mark, SourceView
from oracle.model.ticks import FUNDING_ONE
from oracle.model.validity import PRICED, BreakerState, Validity

_E8: Final = 10**8
_VALIDITIES: Final = {int(validity): validity for validity in Validity}
_STATES: Final = {int(state): state for state in BreakerState}
_USED: Final = {int(reason): reason is Reason.USED for reason in Reason}
_LABELS: Final = {int(reason): reason.label for reason in Reason}


class Publishing:
    """Makes messages of some rows; `why` says what made a row's validity."""

    def __init__(
        self,
        markets: Sequence[MarketSpec],
        sequence: int,
        marks: Records,
        rows: Ints,
        why: Callable[[int], str],
    ) -> None:
        chosen = marks[rows]
        self._markets, self._sequence, self._why = markets, sequence, why
        self._index, self._mark, self._twap = (
            prices(np.asarray(chosen[name])) for name in ("index", "mark", "twap")
        )
        self._columns: Final = {
            name: chosen[name].tolist()
            for name in (
                "time_ns", "validity", "state", "conf", "premium", "newest_event_ns",
                "newest_received_ns", "funding", "settled_funding",
            )
        }  # fmt: skip

    def message(self, at: int, row: int, sources: tuple[SourceView, ...]) -> Mark:
        """Return the message of `rows[at]`."""
        market, of = self._markets[row], self._columns
        validity = _VALIDITIES[of["validity"][at]]
        return Mark(
            market=market.name,
            number=market.number,
            sequence=self._sequence,
            time_ns=of["time_ns"][at],
            validity=validity,
            reason="" if validity is Validity.VALID else self._why(row),
            state=_STATES[of["state"][at]],
            index=self._index[at],
            mark=self._mark[at] if validity in PRICED else None,
            twap=self._twap[at],
            conf_e8=_up(of["conf"][at], _E8),
            premium_e8=_half_even(of["premium"][at], _E8),
            newest_event_ns=of["newest_event_ns"][at],
            newest_received_ns=of["newest_received_ns"][at],
            sources=sources,
            funding_e12=_half_even(of["funding"][at], FUNDING_ONE),
            settled_funding_e12=_half_even(of["settled_funding"][at], FUNDING_ONE),
        )


def views(
    markets: Sequence[MarketSpec], rows: Sequence[int], first: Ints, price: Floats, reason: Codes
) -> list[tuple[SourceView, ...]]:
    """Return what each row's sources contributed."""
    published, codes, begins = prices(price), reason.tolist(), first.tolist()
    used, labels = [_USED[code] for code in codes], [_LABELS[code] for code in codes]
    made = []
    for row in rows:
        names = [spec.source for spec in markets[row].places]
        at = slice(begins[row], begins[row + 1])
        made.append(tuple(map(SourceView, names, published[at], used[at], labels[at])))
    return made


def _up(value: float, unit: int) -> int | None:
    return math.ceil(value * unit) if math.isfinite(value) else None


def _half_even(value: float, unit: int) -> int | None:
    return round(value * unit) if math.isfinite(value) else None
