"""A market whose index is said, and what its perps quote, trade and pay."""

from __future__ import annotations

from collections.abc import Mapping

from oracle.engine.result import MarkBatch
from oracle.engine.spec import FundingSpec, MarkSpec
from oracle.model.fixed import Px, px_exact
from oracle.model.ticks import Tick
from tests.engine_builders import CALM, after, batch, engine, market, source

Said = Mapping[str, float]
"""`bid` and `ask`, `last`, `funding`: what a perp says in a step."""


def _px(value: float | None) -> Px | None:
    return None if value is None else px_exact(f"{value:.8f}")


class Desk:
    """Steps one market with an index of two sources and up to three perps: p, q and r."""

    def __init__(
        self, rules: MarkSpec, funding: FundingSpec | None = None, **changes: object
    ) -> None:
        perps = tuple(source(f"{name}:P", max_step_bps=1e9) for name in "pqr")
        entries = [source("a:X", max_step_bps=1e9), source("b:X", max_step_bps=1e9)]
        given = {"perps": perps, "breaker": CALM, "mark": rules, "funding": funding} | changes
        self.engine = engine([market("X-USD", entries, **given)])
        self._sequence = 0

    def at(self, second: float, index: float | None = 100.0, **said: Said) -> MarkBatch:
        """Step at a time; without an index both its sources are silent. `p` is perp `p:P`."""
        self._sequence += 1
        at = after(second)
        ticks = []
        if index is not None:
            ticks = [Tick(n, self._sequence, at, at, last=_px(index)) for n in ("a:X", "b:X")]
        for name, what in said.items():
            funding = what.get("funding")
            ticks.append(
                Tick(
                    name if ":" in name else f"{name}:P",
                    self._sequence,
                    at,
                    at,
                    _px(what.get("bid")),
                    _px(what.get("ask")),
                    _px(what.get("last")),
                    funding_e12=None if funding is None else round(funding * 1e12),
                )
            )
        return self.engine.step(batch(*ticks) if ticks else [], [], at)

    def mark(self, second: float, index: float | None = 100.0, **said: Said) -> float:
        """Step and return the mark."""
        return float(self.at(second, index, **said).mark[0])


def mid(price: float) -> dict[str, float]:
    """Return a locked quote."""
    return {"bid": price, "ask": price}
