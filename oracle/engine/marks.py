"""Mark methods: from the index and the perp quotes to the mark.

`index_basis`: `index * (1 + EMA(perp mid / index - 1))`, after Hyperliquid's first leg, "oracle
price plus a 150 s EMA of the difference between mid and oracle" (robust price indices), taken
relative so that a fast market scales it. Each sample, and so the average, is held within the
market's maximum basis: one absurd print weighs no more than its time. The perp mid is the weighted
median of the admitted perp venues. Without perps for four time constants the leg is missing and
the mark is the index; without an index there is no mark.

`index_only`: the index.
"""

from __future__ import annotations

import numpy as np

from oracle.engine.averages import Ema
from oracle.engine.columns import WIDEST, Bools, Floats, Ints


class BasisMark:
    """State of the basis average of every market; those without a basis method pass through."""

    def __init__(self, uses_basis: Bools, tau_ns: Ints, max_basis: Floats) -> None:
        self._uses_basis, self._max_basis = uses_basis, max_basis
        self._ema = Ema(tau_ns)

    def compute(self, index: Floats, perp: Floats, now_ns: int) -> tuple[Floats, Floats]:
        """Return (mark, premium): premium is the perp against the index, NaN when unknown."""
        premium = np.where(self._uses_basis, perp / index - 1.0, np.nan)
        basis = self._ema.add(np.clip(premium, -self._max_basis, self._max_basis), now_ns)
        held = np.where(np.isnan(basis), 0.0, basis)
        return index * (1.0 + held), np.minimum(premium, WIDEST)
