"""What the feeds bring of perpetuals is what the engine's marks are made of."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from prometheus_client import CollectorRegistry

from deploy.sandbox.venues import SandboxVenues
from feeds.cex.ccxt_feed import CcxtFeed
from feeds.metrics import FeedMetrics
from oracle.engine.spec import MarkSpec, Method, SourceSpec, Weighting, WeightSpec
from oracle.model.ticks import Tick, pack
from tests.engine_builders import S, by_market, engine, market, reasons, source

STEP_NS = S // 10
SPOT_USD = ["coinbase", "cryptocom", "kraken"]
SPOT_USDT = ["binance", "bybit", "okx"]
PERP_USDT = ["binanceusdm", "bybit", "okx"]
SYMBOLS = {
    **{venue: ["BTC/USD", "USDT/USD"] for venue in SPOT_USD},
    "binance": ["BTC/USDT"],
    "bybit": ["BTC/USDT", "BTC/USDT:USDT"],
    "okx": ["BTC/USDT", "BTC/USDT:USDT"],
    "binanceusdm": ["BTC/USDT:USDT"],
}


async def record(trades: bool) -> list[Tick]:
    """Run a feed a venue against the sandbox until each source has a dozen ticks."""
    taken: list[Tick] = []
    wanted = {f"{venue}:{symbol}" for venue, symbols in SYMBOLS.items() for symbol in symbols}
    enough = asyncio.Event()

    async def take(ticks: Sequence[Tick]) -> None:
        taken.extend(ticks)
        count = Counter(tick.source for tick in taken)
        if all(count[source] >= 12 for source in wanted):
            enough.set()

    async with SandboxVenues(seed=5) as venues:
        metrics = FeedMetrics(CollectorRegistry())
        feeds = [
            CcxtFeed(
                venue,
                symbols,
                now_ns=time.time_ns,
                metrics=metrics,
                trades=trades,
                rest_url=venues.urls[venue][0],
                ws_url=venues.urls[venue][1],
            )
            for venue, symbols in SYMBOLS.items()
        ]
        running = [asyncio.create_task(feed.run(take)) for feed in feeds]
        try:
            async with asyncio.timeout(120):
                await enough.wait()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    return taken


def usdt(venue: str, symbol: str) -> SourceSpec:
    """Name a source that converts through USDT-USD."""
    return source(f"{venue}:{symbol}", edge="USDT-USD", group="USDT")


@pytest.mark.parametrize("trades", [False, True])
async def test_every_perpetual_counts_in_the_mark(trades: bool) -> None:
    """No tick of ours is refused, every perpetual has a price, and the mark is not the index."""
    taken = await record(trades)
    peg = market("USDT-USD", [source(f"{venue}:USDT/USD") for venue in SPOT_USD], 1)
    btc = market(
        "BTC-USD",
        [
            *(source(f"{venue}:BTC/USD") for venue in SPOT_USD),
            *(usdt(venue, "BTC/USDT") for venue in SPOT_USDT),
        ],
        perps=tuple(usdt(venue, "BTC/USDT:USDT") for venue in PERP_USDT),
        mark=MarkSpec(Method.MEDIAN3_FUNDING, own="binanceusdm:BTC/USDT:USDT"),
        weights=WeightSpec(by=Weighting.VOLUME if trades else Weighting.DEPTH),
    )
    core = engine([peg], [btc])
    refused: dict[str, int] = {}
    for step_ns, ticks in in_steps(taken):
        result = core.step([pack(ticks)], (), step_ns)
        refused |= result.rejected
    assert refused == {}
    places = reasons(by_market(result)["BTC-USD"])
    assert places == dict.fromkeys([one.source for one in (*btc.sources, *btc.perps)], "")
    assert 0 < abs(result.mark[btc.number] / result.index[btc.number] - 1) < 20e-4


def in_steps(ticks: list[Tick]) -> Iterator[tuple[int, list[Tick]]]:
    """Group ticks by the tenth of a second they came in; a step is due at its end."""

    def slot(tick: Tick) -> int:
        return tick.received_ns // STEP_NS

    for number, group in itertools.groupby(sorted(ticks, key=slot), slot):
        yield (number + 1) * STEP_NS, list(group)
