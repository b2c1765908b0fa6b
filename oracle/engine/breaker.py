"""The deviation breaker: NORMAL, GUARDED, HALTED, RECOVERING, per market.

    NORMAL ──▶ GUARDED ──▶ HALTED ──▶ RECOVERING ──▶ NORMAL
       ▲          │           ▲            │
       └──────────┘           └────────────┘

The deviation is of the index from its own TWAP. Up is at once; down needs the deviation below
`release` (hysteresis) and the dwell time served, and out of HALTED also a whole recovery time below
`release`. Without an index nothing moves and no recovery is served: a missing price is no proof of
calm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oracle.engine.columns import Bools, Floats
from oracle.engine.layout import ns_column
from oracle.engine.spec import BreakerSpec
from oracle.model.validity import BreakerState


class Breakers:
    """One state a market, and since when."""

    def __init__(self, specs: Sequence[BreakerSpec]) -> None:
        self._guarded = np.array([spec.guarded_bps for spec in specs])
        self._halted = np.array([spec.halted_bps for spec in specs])
        self._release = np.array([spec.release_bps for spec in specs])
        self._dwell_ns = ns_column([spec.dwell_ns for spec in specs])
        self._recovery_ns = ns_column([spec.recovery_ns for spec in specs])
        self.state = np.full(len(specs), int(BreakerState.NORMAL))
        self.since_ns = np.zeros(len(specs), np.int64)

    def halts(self, deviation_bps: Floats) -> Bools:
        """Return which markets such a deviation (NaN: none) halts from where they stand."""
        limit = np.where(self.state == BreakerState.RECOVERING, self._guarded, self._halted)
        halted: Bools = deviation_bps >= limit
        return halted

    def update(self, deviation_bps: Floats, now_ns: int) -> None:
        """Move each market by its deviation (NaN: stay)."""
        calm = deviation_bps < self._release
        guarded = deviation_bps >= self._guarded
        normal, guard, halt, recover = (self.state == state for state in BreakerState)
        served = now_ns - self.since_ns >= self._dwell_ns
        recovered = now_ns - self.since_ns >= self._recovery_ns
        target = self.state.copy()
        target[(normal & guarded)] = BreakerState.GUARDED
        target[guard & calm & served] = BreakerState.NORMAL
        target[halt & calm & served] = BreakerState.RECOVERING
        target[recover & calm & recovered] = BreakerState.NORMAL
        target[self.halts(deviation_bps)] = BreakerState.HALTED
        # A recovery that is disturbed, be it by silence, starts its clock anew.
        restart = (target != self.state) | (recover & ~calm)
        self.state = target
        self.since_ns = np.where(restart, now_ns, self.since_ns)
