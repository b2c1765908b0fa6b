"""Source prices a second through one full step, against a plain-Python aggregator."""

from __future__ import annotations

import random
import statistics
import time

from oracle.engine.engine import Engine
from oracle.engine.spec import EngineSpec
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, TickBatch, pack
from tests.engine_builders import T0, S, market, source

CASES = ((3, 6), (100, 16), (1000, 16))


def measure(steps: int = 10) -> list[dict[str, float]]:
    """Time steps in which every source has a new tick; medians of `steps` rounds."""
    return [_case(markets, sources, steps) for markets, sources in CASES]


def _case(markets: int, sources: int, steps: int) -> dict[str, float]:
    engine, ticks_of = Engine(spec(markets, sources)), random.Random(1)
    ours, theirs = [], []
    for step in range(1, steps + 1):
        now = T0 + step * S
        ticks = _ticks(markets, sources, step, now, ticks_of)
        batch = pack(ticks)
        began = time.perf_counter()
        engine.step([batch], [], now)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        plain_median(batch)
        theirs.append(time.perf_counter() - began)
    step_s, plain_s = statistics.median(ours), statistics.median(theirs)
    prices = markets * sources
    return {
        "markets": markets,
        "sources": sources,
        "step_ms": step_s * 1e3,
        "prices/s": prices / step_s,
        "reference/s": prices / plain_s,
        "ratio": plain_s / step_s,
    }


def plain_median(batch: TickBatch) -> dict[str, float]:
    """Compute each market's plain median of mids, the least that any aggregator does."""
    mids: dict[str, list[float]] = {}
    for tick in batch.ticks():
        if tick.bid is not None and tick.ask is not None:
            mid = (tick.bid.mantissa + tick.ask.mantissa) / 2 * 10.0**tick.bid.exponent
            mids.setdefault(tick.source.split(":")[1], []).append(mid)
    return {market: statistics.median(values) for market, values in mids.items()}


def spec(markets: int, sources: int) -> EngineSpec:
    """Return markets that each have `sources` USD quotes of their own."""
    made = tuple(
        market(
            f"M{number}-USD",
            [source(f"v{n}:M{number}/USD") for n in range(sources)],
            number,
            min_sources=3,
            min_origins=3,
        )
        for number in range(markets)
    )
    return EngineSpec(made, (tuple(each.name for each in made),))


def _ticks(markets: int, sources: int, step: int, now: int, draw: random.Random) -> list[Tick]:
    made = []
    for number in range(markets):
        for n in range(sources):
            bid = 1_000_000 + draw.randrange(200)
            name = f"v{n}:M{number}/USD"
            made.append(Tick(name, step, now - n, now, Px(bid, -2), Px(bid + 10, -2)))
    return made
