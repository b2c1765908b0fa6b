"""Section 8: the state machine, and the peg."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.engine.spec import OFF, BreakerSpec
from oracle.model.validity import BreakerState
from oracle.reference.triggers import Figure


@dataclass(frozen=True)
class Event:
    """A transition of a breaker, or a depeg or its end."""

    market: str
    kind: str
    before: str
    after: str
    triggers: tuple[str, ...]
    """What would have raised it alone; none when it came down."""


class Breaker:
    """One market's state, and whether it is cut off from conversion."""

    def __init__(self, market: str, spec: BreakerSpec) -> None:
        self._market, self._spec = market, spec
        self.state = BreakerState.NORMAL
        self.depegged = False
        self.since_ns = self._stepped_ns = self._recovered_ns = 0
        self._latched = False

    def resume(self) -> None:
        """Lift the latch."""
        self._latched = False

    def step(
        self, figures: Sequence[Figure], *, priced: bool, dispersion_bps: float, now_ns: int
    ) -> list[Event]:
        """Move by this step's figures; `priced` says that there is an index."""
        before = self.state
        asked = [f for f in figures if before is not BreakerState.HALTED or f.halted != OFF]
        calm = priced and all(figure.calm(self._spec.release) for figure in asked)
        agreed = calm and dispersion_bps <= self._spec.agree_bps
        self._recover(agreed, now_ns)
        halting = [figure for figure in figures if figure.value >= figure.halted]
        guarding = [figure for figure in figures if figure.value >= figure.guarded]
        if halting:
            self.state = BreakerState.HALTED
        elif before is BreakerState.NORMAL and guarding:
            self.state = BreakerState.GUARDED
        elif calm:
            self.state = self._calmer(agreed, now_ns)
        if self.state is before:
            return []
        self.since_ns, self._recovered_ns = now_ns, 0
        self._latched = self._spec.latch and self.state is BreakerState.HALTED
        triggers = tuple(figure.trigger for figure in halting or guarding)
        return [Event(self._market, "state", before.name, self.state.name, triggers)]

    def _recover(self, agreed: bool, now_ns: int) -> None:
        """Count the calm time of a recovery; no step vouches for more than half of it."""
        if self.state is BreakerState.RECOVERING and agreed:
            slept_ns = now_ns - self._stepped_ns
            self._recovered_ns += min(slept_ns, self._spec.recovery_ns // 2)
        elif self.state is BreakerState.RECOVERING:
            self._recovered_ns, self.since_ns = 0, now_ns
        self._stepped_ns = now_ns

    def _calmer(self, agreed: bool, now_ns: int) -> BreakerState:
        """Return the state that a calm step leads to."""
        served = now_ns - self.since_ns >= self._spec.dwell_ns
        if self.state is BreakerState.GUARDED and served:
            return BreakerState.NORMAL
        if self.state is BreakerState.HALTED and served and not self._latched:
            return BreakerState.RECOVERING
        recovered = agreed and self._recovered_ns >= self._spec.recovery_ns
        if self.state is BreakerState.RECOVERING and recovered:
            return BreakerState.NORMAL
        return self.state

    def peg_step(self, deviation_bps: float) -> list[Event]:
        """Cut conversion at the peg's bound, and allow it again within half of it."""
        peg, before = self._spec.peg, self.depegged
        if peg is None or math.isnan(deviation_bps):
            return []
        if deviation_bps >= peg.cut_bps:
            self.depegged = True
        elif deviation_bps <= peg.cut_bps / 2:
            self.depegged = False
        if self.depegged is before:
            return []
        names = ("on peg", "off peg") if self.depegged else ("off peg", "on peg")
        return [Event(self._market, "peg", *names, ("peg",))]
