"""`Reference.step(batches, controls, now_ns)`: what the engine must say, slowly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oracle.engine.spec import EngineSpec
from oracle.model.errors import Rejected
from oracle.model.messages import Control
from oracle.model.ticks import TickBatch
from oracle.reference.admission import Admission
from oracle.reference.breaker import Event
from oracle.reference.market import Market, Outcome
from oracle.reference.pricing import Surroundings


@dataclass(frozen=True)
class Step:
    """Every market's outcome, in the order of the specification."""

    markets: tuple[Outcome | None, ...]
    """None where a market was never stepped."""
    events: tuple[Event, ...]
    rejected: dict[str, int]
    """Refused ticks of this step, by reason."""


class Reference:
    """All markets and sources; the same calls as `oracle.engine.engine.Engine`."""

    def __init__(self, spec: EngineSpec) -> None:
        self._admission = Admission(spec)
        self._markets = {m.name: Market(m, self._admission.sources) for m in spec.markets}
        self._order = [name for level in spec.levels for name in level]
        self._edges = sorted(
            {e.edge for m in spec.markets for e in (*m.sources, *m.perps) if e.edge is not None}
        )
        self._orders: dict[str, Control] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._entries = {m.name: (*m.sources, *m.perps) for m in spec.markets}
        self._time_ns = 0

    def step(
        self,
        batches: Iterable[TickBatch],
        controls: Sequence[Control],
        now_ns: int,
        *,
        touched: bool = False,
    ) -> Step:
        """Take ticks and controls, and return all markets as of `now_ns`.

        With `touched` and without orders only the markets that these ticks concern are stepped,
        with all that convert through them.

        Raises:
            Rejected: `now_ns` is not after the step before.
        """
        if now_ns <= self._time_ns:
            raise Rejected(f"step at {now_ns} ns is not after the one at {self._time_ns} ns")
        self._time_ns = now_ns
        self._obey(controls)
        paused = frozenset(self._paused("source", now_ns))
        batches = list(batches)
        refused = self._admission.take(batches, paused, now_ns)
        held = self._paused("market", now_ns)
        concerned = self._concerned(batches) if touched and not controls else set(self._markets)
        for name in self._order:
            if name not in concerned:
                continue
            around = Surroundings(
                now_ns,
                paused,
                {edge: self._markets[edge].conversion(held=edge in held) for edge in self._edges},
                self._legs(),
                self._admission.sources,
            )
            self._outcomes[name] = self._markets[name].step(around, held=name in held)
        return Step(
            tuple(self._outcomes.get(name) for name in self._markets),
            tuple(
                event
                for name in self._order
                if name in concerned
                for event in self._outcomes[name].events
            ),
            dict(refused),
        )

    def _concerned(self, batches: Sequence[TickBatch]) -> set[str]:
        named = {tick.source for batch in batches for tick in batch.ticks()}
        concerned: set[str] = set()
        for name in self._order:
            if any(e.source in named or e.edge in concerned for e in self._entries[name]):
                concerned.add(name)
        return concerned

    def _obey(self, controls: Sequence[Control]) -> None:
        for order in controls:
            self._orders[order.key] = order
            if order.kind == "market" and not order.paused and order.subject in self._markets:
                self._markets[order.subject].resume(order.issued_ns)

    def _paused(self, kind: str, now_ns: int) -> set[str]:
        orders = self._orders.values()
        return {o.subject for o in orders if o.kind == kind and o.in_force(now_ns)}

    def _legs(self) -> list[float]:
        newest = [self._markets[edge].last_index for edge in self._edges]
        return [index for index in newest if not math.isnan(index)]
