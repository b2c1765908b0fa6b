"""Markets and ticks as a busy deployment has them, for measurements."""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Sequence
from typing import Final

from oracle.engine.spec import (
    BreakerSpec,
    DeviationSpec,
    EngineSpec,
    FundingSpec,
    MarketSpec,
    MarkSpec,
    Method,
    PegSpec,
    SourceSpec,
)
from oracle.model.messages import decode, encode
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic

S: Final = 10**9
BEGIN_NS: Final = 1_790_000_000 * S
PERPS: Final = 2
EDGE: Final = "USDT-USD"
CENTS: Final = 10_000_000
"""Price of everything at first, as a mantissa at the exponent -5."""


def spec(markets: int, sources: int) -> EngineSpec:
    """Return `markets` of `sources` places each: a conversion market, and perps' markets.

    The first is USDT-USD with a peg. The others have two perps, which make the mark, and spot
    sources, of which four in ten (and both perps) quote in USDT; each has two deviation windows,
    breaker bounds and a funding rate.
    """
    edge = MarketSpec(
        EDGE,
        0,
        tuple(_source(f"v{n}:USDT/USD") for n in range(sources)),
        _breaker(PegSpec(1.0, 100.0, 500.0)),
        mark=MarkSpec(Method.INDEX_ONLY),
    )
    made = [edge, *(_market(number, sources - PERPS) for number in range(1, markets))]
    return EngineSpec(tuple(made), ((EDGE,), tuple(market.name for market in made[1:])))


def _market(number: int, spots: int) -> MarketSpec:
    name = f"M{number}"
    converted = spots * 4 // 10
    return MarketSpec(
        f"{name}-USD",
        number,
        tuple(
            _source(f"v{n}:{name}/USDT", EDGE) if n < converted else _source(f"v{n}:{name}/USD")
            for n in range(spots)
        ),
        _breaker(None),
        tuple(_source(f"p{n}:{name}/USDT:USDT", EDGE) for n in range(PERPS)),
        min_sources=3,
        min_origins=3,
        funding=FundingSpec(),
    )


def _source(name: str, edge: str | None = None) -> SourceSpec:
    group = "USD" if edge is None else "USDT"
    return SourceSpec(name, name.partition(":")[0], 1.0, 10 * S, edge, group)


def _breaker(peg: PegSpec | None) -> BreakerSpec:
    return BreakerSpec(
        (
            DeviationSpec(300 * S, 200.0, 500.0, 350.0),
            DeviationSpec(3600 * S, 500.0, 1_000.0),
        ),
        dispersion_guarded_bps=100.0,
        confidence_halted_bps=1_000.0,
        alarm_sources=3,
        missing_halted_ns=60 * S,
        stale_guarded_ns=20 * S,
        mark_guarded_bps=300.0,
        peg=peg,
    )


class Load:
    """A stream of quotes, one batch a venue, as a reader of the bus decodes them."""

    def __init__(self, markets: Sequence[MarketSpec]) -> None:
        self._draw = random.Random(1)  # noqa: S311 - prices of a measurement
        self._sequence = 0
        self._venues: dict[str, list[str]] = {}
        for market in markets:
            for entry in (*market.sources, *market.perps):
                names = self._venues.setdefault(entry.source.partition(":")[0], [])
                names.append(entry.source)
        self.names = [name for names in self._venues.values() for name in names]

    def batches(self, now_ns: int, ticks_a_source: int = 1) -> list[TickBatch]:
        """Return new quotes of every source, within a tenth of a second before `now_ns`."""
        if not ticks_a_source:
            return []
        return [self._batch(names, now_ns, ticks_a_source) for names in self._venues.values()]

    def single(self, source: str, now_ns: int) -> list[TickBatch]:
        """Return one new quote of one source."""
        return [self._batch([source], now_ns, 1)]

    def _batch(self, names: Sequence[str], now_ns: int, repeats: int) -> TickBatch:
        rows = range(len(names) * repeats)
        bids = [CENTS + self._draw.randrange(-5_000, 5_000) for _ in rows]
        asks = [bid + 1_000 for bid in bids]
        events = [now_ns - S // 10 + row // len(names) * 1_000_000 for row in rows]
        sequences = [self._sequence + row for row in rows]
        self._sequence += len(rows)
        columns: dict[str, bytes] = {
            "source_at": _column("H", [row % len(names) for row in rows]),
            "sequence": _column("q", sequences),
            "event_ns": _column("q", events),
            "received_ns": _column("q", [now_ns - S // 100 for _ in rows]),
            "exponent": _column("b", [-5 if "USDT/USD" not in n else -7 for n in names] * repeats),
            "bid": _column("q", bids),
            "ask": _column("q", asks),
            "last": _column("q", [-(2**63)] * len(rows)),
        }
        batch = decode(Topic.TICKS, encode(TickBatch(tuple(names), **columns)))
        assert isinstance(batch, TickBatch)  # noqa: S101 - the topic's class
        return batch


def _column(code: str, values: Sequence[int]) -> bytes:
    column: array[int] = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()
