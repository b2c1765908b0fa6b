"""Small specifications and ticks, so that a test says only what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from oracle.engine.engine import Engine
from oracle.engine.result import BreakerEvent, MarkBatch
from oracle.engine.spec import (
    BreakerSpec,
    DeviationSpec,
    EngineSpec,
    MarketSpec,
    SourceSpec,
    TwapSpec,
)
from oracle.model.fixed import px_exact
from oracle.model.messages import Control, Mark
from oracle.model.ticks import Tick, TickBatch, pack

S = 10**9
T0 = 1_790_000_000 * S

BREAKER = BreakerSpec(
    deviations=(DeviationSpec(60 * S, guarded_bps=200, halted_bps=500),),
    dwell_ns=5 * S,
    recovery_ns=10 * S,
    agree_bps=500,
)
CALM = replace(BREAKER, deviations=())
"""No trigger is on."""


def source(
    name: str, *, edge: str | None = None, weight: float = 1.0, origin: str = "", **changes: object
) -> SourceSpec:
    """Return a source whose origin is its venue and whose maximum age is 10 s."""
    made = SourceSpec(name, origin or name.split(":", maxsplit=1)[0], weight, 10 * S, edge)
    return replace(made, **changes)  # type: ignore[arg-type]


def market(
    name: str, sources: Sequence[SourceSpec], number: int = 0, **changes: object
) -> MarketSpec:
    """Return a market with a quorum of two, changed as said."""
    made = MarketSpec(
        name=name,
        number=number,
        sources=tuple(sources),
        breaker=BREAKER,
        max_confidence_bps=2000.0,
        twap=TwapSpec(60 * S),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def spec(*levels: Sequence[MarketSpec]) -> EngineSpec:
    """Return a specification of markets given in conversion levels."""
    markets = sorted((m for level in levels for m in level), key=lambda m: m.number)
    return EngineSpec(tuple(markets), tuple(tuple(m.name for m in level) for level in levels))


def engine(*levels: Sequence[MarketSpec]) -> Engine:
    """Return an engine over markets given in conversion levels."""
    return Engine(spec(*levels))


def after(seconds: float) -> int:
    """Return the time so many seconds after T0."""
    return T0 + round(seconds * S)


def quote(name: str, bid: str, ask: str, *, at_s: float = 0.0, sequence: int = 1) -> Tick:
    """Return a two-sided quote of `name`, `at_s` after T0."""
    at = T0 + int(at_s * S)
    return Tick(name, sequence, at, at, px_exact(bid), px_exact(ask))


def trade(name: str, price: str, *, at_s: float = 0.0, sequence: int = 1) -> Tick:
    """Return a trade of `name`, `at_s` after T0."""
    at = T0 + int(at_s * S)
    return Tick(name, sequence, at, at, last=px_exact(price))


def batch(*ticks: Tick) -> list[TickBatch]:
    """Return one batch."""
    return [pack(ticks)]


def trades(prices: dict[str, str], at_s: float = 0.0) -> list[TickBatch]:
    """Return one batch with a trade of every source."""
    return batch(*(trade(name, price, at_s=at_s) for name, price in prices.items()))


def only(marks: MarkBatch) -> Mark:
    """Return the only mark of a step."""
    (mark,) = marks.messages()
    return mark


def reasons(mark: Mark) -> dict[str, str]:
    """Return each source's reason."""
    return {view.source: view.reason for view in mark.sources}


def by_market(marks: MarkBatch) -> dict[str, Mark]:
    """Return a step's marks by market."""
    return {mark.market: mark for mark in marks.messages()}


def pause(subject: str, at_s: float, for_s: float, kind: str = "market") -> Control:
    """Return a pause, given at `at_s`."""
    return Control(kind, subject, True, "ann", "drill", after(at_s), after(at_s + for_s))


def resume(subject: str, at_s: float, kind: str = "market") -> Control:
    """Return an order to go on, given at `at_s`."""
    return Control(kind, subject, False, "ann", "seen", after(at_s), after(at_s))


@dataclass
class Walk:
    """Steps an engine, every second by default, while each source repeats its price as a trade."""

    engine: Engine
    prices: dict[str, str] = field(default_factory=dict)
    second: float = 0.0
    sequence: int = 0
    events: list[BreakerEvent] = field(default_factory=list)

    def go(
        self,
        seconds: float,
        change: Mapping[str, str] | None = None,
        *,
        orders: Sequence[Control] = (),
        every: float = 1.0,
    ) -> MarkBatch:
        """Change prices (empty: silent), step for so long, and return the last step's marks.

        Orders are given in the first of the steps.
        """
        self.prices |= change or {}
        for _ in range(round(seconds / every)):
            self.second += every
            self.sequence += 1
            ticks = [
                trade(name, price, at_s=self.second, sequence=self.sequence)
                for name, price in self.prices.items()
                if price
            ]
            marks = self.engine.step(batch(*ticks) if ticks else [], orders, after(self.second))
            self.events += marks.events
            orders = ()
        return marks

    def change(self, *levels: Sequence[MarketSpec]) -> None:
        """Restart the engine from its snapshot with other markets."""
        self.engine = Engine(spec(*levels), self.engine.snapshot())
