"""Many variants of one market as markets of one engine: weeks of minutes take seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from oracle.engine.engine import Engine
from oracle.engine.spec import EngineSpec, MarketSpec
from oracle.model.ticks import MISSING, TickBatch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LARGEST: Final = 9e18
"""Of a 64-bit mantissa."""


@dataclass(frozen=True)
class Variant:
    """Prices of shape (steps, sources), NaN for none, and the rules that they go through."""

    prices: Floats
    rules: MarketSpec


@dataclass(frozen=True)
class Seen:
    """What the engine said of one variant, step by step."""

    index: Floats
    validity: Ints
    reasons: Ints
    """(steps, sources)."""


def through_engine(
    variants: Sequence[Variant],
    time_ns: Ints,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Seen]:
    """Run all variants over the same steps; every source is of its own origin, weights are equal.

    Each price is a trade at its step's time.
    """
    markets = tuple(_market(each, row) for row, each in enumerate(variants))
    spec = EngineSpec(markets, (tuple(market.name for market in markets),))
    names = tuple(place.source for market in markets for place in market.sources)
    ends = np.cumsum([len(market.sources) for market in markets])
    engine = Engine(spec)
    index = np.full((len(time_ns), len(markets)), np.nan)
    validity = np.zeros(index.shape, np.int64)
    reasons = np.zeros((len(time_ns), len(names)), np.int8)
    prices = np.hstack([variant.prices for variant in variants])
    for step, (now_ns, batch) in enumerate(_batches(names, prices, time_ns)):
        made = engine.step([batch], [], now_ns)
        index[step], validity[step], reasons[step] = made.index, made.validity, made.reason
        progress((step + 1) / len(time_ns))
    return [
        Seen(index[:, row], validity[:, row], each.astype(np.int64))
        for row, each in enumerate(np.split(reasons, ends[:-1], axis=1))
    ]


def _market(variant: Variant, row: int) -> MarketSpec:
    template = variant.rules.sources[0]
    places = tuple(
        replace(template, source=f"s{row}:{at}", origin=f"o{at}", weight=1.0, edge=None, group="")
        for at in range(variant.prices.shape[1])
    )
    return replace(variant.rules, name=f"m{row}", number=row, sources=places, perps=())


def _batches(
    names: tuple[str, ...], prices: Floats, time_ns: Ints
) -> Iterator[tuple[int, TickBatch]]:
    """Yield one batch a step, with a trade of every source that has a price then."""
    exponent = -math.floor(math.log10(_LARGEST / np.nanmax(prices, initial=1.0)))
    for step, now_ns in enumerate(time_ns.tolist()):
        at = np.flatnonzero(np.isfinite(prices[step]))
        times = np.full(len(at), now_ns, "<i8").tobytes()
        none = np.full(len(at), MISSING, "<i8").tobytes()
        mantissas = np.rint(prices[step, at] * 10.0**-exponent).astype("<i8")
        batch = TickBatch(
            names,
            at.astype("<u2").tobytes(),
            np.full(len(at), step + 1, "<i8").tobytes(),
            times,
            times,
            np.full(len(at), exponent, "i1").tobytes(),
            none,
            none,
            mantissas.tobytes(),
        )
        yield now_ns, batch
