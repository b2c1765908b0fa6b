"""What happened to a market in a step: its breaker moved, or it left or regained its peg."""

from __future__ import annotations

from dataclasses import dataclass

from oracle.engine.breaker import Trigger
from oracle.engine.records import Ints, Records
from oracle.engine.spec import MarketSpec
from oracle.model.validity import BreakerState

_CALMER = (BreakerState.NORMAL.name, BreakerState.RECOVERING.name, "on peg")


@dataclass(frozen=True)
class BreakerEvent:
    """A market's breaker moved (`state`), or a conversion market left or regained its peg (`peg`).

    `figure` and `limit` are of `trigger`: ratios, ns for `missing` and `stale`, else counts.
    """

    market: str
    time_ns: int
    kind: str
    before: str
    after: str
    trigger: str
    figure: float
    limit: float

    @property
    def sentence(self) -> str:
        """The event for people."""
        return f"{self.market} {self.before} -> {self.after}: {self.cause}"

    @property
    def cause(self) -> str:
        """The figure beside its bound; on the way down, of what had raised it."""
        figure = describe(self.trigger, self.figure, self.limit)
        return f"calm again, {figure}" if self.after in _CALMER else figure


def transitions(
    markets: tuple[MarketSpec, ...], rows: Ints, marks: Records, now_ns: int
) -> tuple[BreakerEvent, ...]:
    """Return what moved in a step."""
    stepped = marks[rows]
    moved = (stepped["before"] != stepped["state"]) | (stepped["depeg"] != 0)
    events = []
    for row in rows[moved].tolist():
        market, mark = markets[row], marks[row]
        peg = market.breaker.peg
        if mark.depeg and peg is not None:
            before, after = ("on peg", "off peg") if mark.depeg > 0 else ("off peg", "on peg")
            limit = peg.cut_bps / 1e4 / (1 if mark.depeg > 0 else 2)
            events.append(
                BreakerEvent(
                    market.name, now_ns, "peg", before, after, "peg", float(mark.peg_off), limit
                )
            )
        if mark.before != mark.state:
            events.append(
                BreakerEvent(
                    market.name,
                    now_ns,
                    "state",
                    BreakerState(int(mark.before)).name,
                    BreakerState(int(mark.state)).name,
                    Trigger(int(mark.trigger)).label if mark.trigger >= 0 else "",
                    float(mark.figure),
                    float(mark.limit),
                )
            )
    return tuple(events)


def describe(trigger: str, figure: float, limit: float) -> str:
    """Return a trigger's figure beside its bound, in its unit."""
    if trigger in ("missing", "stale"):
        return f"{trigger} for {figure / 1e9:.1f} s (bound {limit / 1e9:.1f} s)"
    if trigger in ("sources", "origins"):
        return f"{trigger} {max(figure, 0.0):.0f} fewer than wanted"
    if trigger == "conversion":
        return f"{figure:.0%} of the weight converts through troubled markets (bound {limit:.0%})"
    what = {
        "deviation": "index off its average by",
        "mark": "mark off the index by",
        "peg": "off its peg by",
    }.get(trigger, trigger)
    return f"{what} {figure * 1e4:.0f} bps (bound {limit * 1e4:.0f})"
