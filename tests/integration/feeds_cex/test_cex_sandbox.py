"""ccxt's own client code against the sandbox exchanges, over real sockets on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from deploy.sandbox.venues import SandboxVenues
from deploy.sandbox.venues.listings import LISTINGS, Listing
from feeds.base import Pace
from feeds.cex.ccxt_feed import CcxtFeed
from feeds.metrics import FeedMetrics
from feeds.quote import funding_e12_half_even
from oracle.model.fixed import Px, float_nearest
from oracle.model.ticks import Tick, pack

DEADLINE_S = 120.0
VENUES = sorted(LISTINGS)
PERP_VENUES = [v for v in VENUES if any(listing.perpetual for listing in LISTINGS[v].values())]


def states_time(mode: str, venue: str, listing: Listing) -> bool:
    """Whether a venue's quotes say when they were."""
    if mode == "ws":
        return venue != "binance"
    return venue not in ("kraken", "krakenfutures") and (venue != "bybit" or listing.perpetual)


def states_funding_time(mode: str, venue: str) -> bool:
    """Whether a venue's funding rates say when they were."""
    return venue not in ("hyperliquid", "cryptocom") and (mode, venue) != ("rest", "krakenfutures")


def in_base(wire: str, listing: Listing) -> Decimal:
    """Convert a size as it goes on the wire."""
    return Decimal(wire) * Decimal(str(listing.contract))


class Watched:
    """A running feed with everything it published."""

    def __init__(self, venues: SandboxVenues, venue: str, mode: str, **options: Any) -> None:
        rest_url, ws_url = venues.urls[venue]
        self.registry = CollectorRegistry()
        self.ticks: list[Tick] = []
        options.setdefault("symbols", list(LISTINGS[venue]))
        options.setdefault("pace", Pace(idle_s=60, backoff_min_s=0.05, backoff_max_s=0.2))
        self.feed = CcxtFeed(
            venue,
            options.pop("symbols"),
            now_ns=time.time_ns,
            metrics=FeedMetrics(self.registry),
            mode=mode,
            rest_url=rest_url,
            ws_url=ws_url,
            poll_ms=100,
            timeout_s=30,
            **options,
        )

    async def take(self, ticks: Sequence[Tick]) -> None:
        pack(ticks)
        self.ticks.extend(ticks)

    def prices(self, source: str, field: str = "bid", newest: int | None = None) -> list[float]:
        """Give what a source showed, all or only its newest ticks."""
        values: list[Px | None] = [getattr(t, field) for t in self.ticks if t.source == source]
        shown = values if newest is None else values[-newest:]
        return [float_nearest(px) for px in shown if px is not None]

    def value(self, metric: str, **labels: str) -> float:
        return self.registry.get_sample_value(metric, labels) or 0.0

    def refused(self) -> dict[tuple[str, str], float]:
        """Give what was refused by (source, reason)."""
        return {
            (sample.labels["source"], sample.labels["reason"]): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "plumbline_feed_refused_total"
        }


async def until(done: Callable[[], bool]) -> None:
    """Poll until a condition holds or the deadline has passed."""
    async with asyncio.timeout(DEADLINE_S):
        while not done():  # noqa: ASYNC110  the conditions are of many parts; none has an event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def watching(
    venues: SandboxVenues, venue: str, mode: str, **options: Any
) -> AsyncIterator[Watched]:
    """Run a feed for the time of the block."""
    watched = Watched(venues, venue, mode, **options)
    task = asyncio.create_task(watched.feed.run(watched.take))
    try:
        yield watched
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("mode", ["ws", "rest"])
@pytest.mark.parametrize("venue", VENUES)
async def test_every_venue_delivers_every_symbol_in_both_modes(
    venue: str, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Prices near the true ones, sequences rising, event times the venue's; closed cleanly."""
    async with SandboxVenues(seed=5) as venues:
        async with watching(venues, venue, mode) as watched:
            sources = [f"{venue}:{symbol}" for symbol in LISTINGS[venue]]
            await until(lambda: all(len(watched.prices(source)) >= 3 for source in sources))
        for symbol, listing in LISTINGS[venue].items():
            ticks = [tick for tick in watched.ticks if tick.source == f"{venue}:{symbol}"]
            sequences = [tick.sequence for tick in ticks]
            assert sequences == list(range(sequences[0], sequences[0] + len(ticks)))
            for tick in ticks:
                if tick.bid is not None:
                    check_quote(venues, tick, states_time(mode, venue, listing))
        assert watched.value("plumbline_feed_connects_total", feed=watched.feed.name) == 1
        assert watched.refused() == {}
    assert not [r for r in caplog.records if r.name.startswith(("ccxt", "asyncio"))]


def check_quote(venues: SandboxVenues, tick: Tick, timed: bool) -> None:
    """Hold a quote to what the venue showed then."""
    venue, symbol = tick.source.split(":", 1)
    listing, event_ms = LISTINGS[venue][symbol], tick.event_ns // 1_000_000
    assert tick.bid is not None
    assert tick.ask is not None
    true = venues.market.true_price(listing, event_ms)
    assert float_nearest(tick.bid) == pytest.approx(true, rel=2e-3)
    assert float_nearest(tick.bid) < float_nearest(tick.ask)
    if not timed:
        assert tick.event_ns == tick.received_ns
        return
    shown = venues.market.quote(venue, symbol, event_ms)
    assert event_ms == shown.event_ms
    assert Decimal(str(tick.bid)) == Decimal(shown.bid)
    if listing.inverse:
        assert (tick.bid_size, tick.ask_size) == (None, None)
    elif tick.bid_size is not None:
        assert Decimal(str(tick.bid_size)) == in_base(shown.bid_size, listing)


@pytest.mark.parametrize("mode", ["ws", "rest"])
@pytest.mark.parametrize("venue", PERP_VENUES)
async def test_a_perpetual_delivers_funding_and_last_under_one_sequence(
    venue: str, mode: str
) -> None:
    """The rate is the venue's own at its own time; over WebSocket a last price comes too."""
    perps = {s: listing for s, listing in LISTINGS[venue].items() if listing.perpetual}
    sources = [f"{venue}:{symbol}" for symbol in perps]
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, venue, mode, symbols=list(perps)) as watched,
    ):

        def has(source: str, field: str) -> bool:
            return any(getattr(t, field) is not None for t in watched.ticks if t.source == source)

        fields = ["bid", "funding_e12"]
        if mode == "ws":
            fields.append("last")
        await until(lambda: all(has(source, field) for source in sources for field in fields))
        for symbol, listing in perps.items():
            ticks = [tick for tick in watched.ticks if tick.source == f"{venue}:{symbol}"]
            sequences = [tick.sequence for tick in ticks]
            assert sequences == list(range(sequences[0], sequences[0] + len(ticks)))
            rates = [tick for tick in ticks if tick.funding_e12 is not None]
            for tick in rates:
                event_ms = tick.event_ns // 1_000_000
                if not states_funding_time(mode, venue):
                    assert tick.event_ns == tick.received_ns
                    assert 0 < abs(tick.funding_e12 or 0) < listing.funding_h * 10**8
                    continue
                shown = venues.market.quote(venue, symbol, event_ms)
                assert (tick.event_ns, tick.funding_e12) == (
                    shown.event_ms * 1_000_000,
                    funding_e12_half_even("shown", shown.funding),
                )


@pytest.mark.parametrize("venue", VENUES)
async def test_every_trade_arrives_once_with_its_size(venue: str) -> None:
    """Asked for trades, a feed tells each: price, size in base currency, the venue's time."""
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, venue, "ws", trades=True) as watched,
    ):

        def traded(symbol: str) -> list[Tick]:
            source = f"{venue}:{symbol}"
            return [t for t in watched.ticks if t.source == source and t.last is not None]

        await until(lambda: all(len(traded(symbol)) >= 5 for symbol in LISTINGS[venue]))
        for symbol, listing in LISTINGS[venue].items():
            trades = traded(symbol)
            times = [tick.event_ns for tick in trades]
            assert times == sorted(set(times))
            for tick in trades:
                shown = venues.market.quote(venue, symbol, tick.event_ns // 1_000_000)
                assert Decimal(str(tick.last)) == Decimal(shown.last)
                assert tick.bid is None
                if listing.inverse:
                    assert tick.last_size is None
                else:
                    assert Decimal(str(tick.last_size)) == in_base(shown.last_size, listing)


async def test_a_wick_comes_through_and_goes() -> None:
    """Eight percent at Kraken reaches the ticks of Kraken alone."""
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, "kraken", "ws", symbols=["BTC/USD"]) as kraken,
        watching(venues, "coinbase", "ws", symbols=["BTC/USD"]) as coinbase,
    ):
        venues.knobs.wick("kraken", "BTC/USD", 8.0)
        await until(lambda: any(p > 69_000 for p in kraken.prices("kraken:BTC/USD")))
        venues.knobs.clear()
        await until(lambda: kraken.prices("kraken:BTC/USD", newest=1) < [66_000.0])
        await until(lambda: len(coinbase.prices("coinbase:BTC/USD")) > 3)
        assert max(coinbase.prices("coinbase:BTC/USD")) < 66_000


async def test_a_depeg_comes_through_on_both_sides() -> None:
    """USDT/USD falls at one venue while BTC/USDT rises at another."""
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, "cryptocom", "ws", symbols=["USDT/USD"]) as usd,
        watching(venues, "okx", "ws", symbols=["BTC/USDT"]) as usdt,
    ):
        venues.knobs.depeg("USDT", 0.9)
        await until(lambda: usd.prices("cryptocom:USDT/USD", newest=1) < [0.91])
        await until(lambda: usdt.prices("okx:BTC/USDT", newest=1) > [71_000.0])
        assert usd.prices("cryptocom:USDT/USD", newest=1)


async def test_a_delay_shows_as_age() -> None:
    """A late venue's ticks carry the time they had."""
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, "binanceusdm", "ws") as watched,
    ):
        venues.knobs.delay("binanceusdm", None, 700)
        await until(lambda: any(t.received_ns - t.event_ns > 690_000_000 for t in watched.ticks))


async def test_a_frozen_venue_is_reconnected_and_its_old_time_stays_visible() -> None:
    """Silence longer than the bound opens a new connection; the quote it repeats is still old."""
    pace = Pace(idle_s=0.6, backoff_min_s=0.05, backoff_max_s=0.1)
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, "okx", "ws", pace=pace) as watched,
    ):
        await until(lambda: len(watched.ticks) > 0)
        venues.knobs.freeze("okx")
        await until(
            lambda: watched.value("plumbline_feed_errors_total", feed="okx.ws", kind="idle") >= 2
        )
        newest = watched.ticks[-1]
        assert newest.received_ns - newest.event_ns > 500_000_000
        venues.knobs.clear("okx")
        count = len(watched.ticks)
        await until(lambda: len(watched.ticks) > count + 3)


@pytest.mark.parametrize("mode", ["ws", "rest"])
@pytest.mark.parametrize("venue", ["binance", "coinbase", "kraken"])
async def test_a_dropped_venue_is_reconnected(venue: str, mode: str) -> None:
    """Sockets cut and connections refused for a while: ticks come again, sequences go on."""
    async with SandboxVenues(seed=5) as venues, watching(venues, venue, mode) as watched:
        await until(lambda: len(watched.ticks) > 3)
        venues.knobs.disconnect(venue)
        name = watched.feed.name
        await until(
            lambda: watched.value("plumbline_feed_errors_total", feed=name, kind="connection") >= 2
        )
        assert watched.value("plumbline_feed_up", feed=name) == 0
        venues.knobs.clear(venue)
        count = len(watched.ticks)
        await until(lambda: len(watched.ticks) > count + 3)
        assert watched.value("plumbline_feed_connects_total", feed=name) >= 3
        by_source: dict[str, list[int]] = {}
        for tick in watched.ticks:
            by_source.setdefault(tick.source, []).append(tick.sequence)
        assert all(seqs == sorted(set(seqs)) for seqs in by_source.values())


@pytest.mark.parametrize(
    ("venue", "mode"),
    [*((venue, "ws") for venue in VENUES), ("binance", "rest"), ("hyperliquid", "rest")],
)
async def test_malformed_answers_are_counted_and_the_other_symbols_go_on(
    venue: str, mode: str
) -> None:
    """One symbol's garbage gives no tick of it, has a name, and ends by itself."""
    symbols = list(LISTINGS[venue])[:2]
    bad, good = (f"{venue}:{symbol}" for symbol in symbols)
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, venue, mode, symbols=symbols) as watched,
    ):
        await until(lambda: all(watched.prices(source) for source in (bad, good)))
        venues.knobs.garbage(venue, symbols[0], "malformed")

        await until(lambda: sum(watched.refused().values()) >= 6)
        venues.knobs.clear(venue)
        counts = len(watched.prices(bad)), len(watched.prices(good))
        await until(lambda: len(watched.prices(bad)) > counts[0] + 2)
        await until(lambda: len(watched.prices(good)) > counts[1] + 2)


async def test_a_refused_funding_channel_leaves_the_quotes_alone() -> None:
    """The venue says no to one subscription of a shared connection: the others go on."""
    async with SandboxVenues(seed=5) as venues:
        venues.knobs.mute("okx", "funding-rate")
        async with watching(venues, "okx", "ws", symbols=["BTC/USDT:USDT"]) as watched:
            await until(lambda: len(watched.prices("okx:BTC/USDT:USDT")) > 3)
            await until(lambda: watched.refused() == {("okx.ws", "venue_error"): 1})
            assert watched.value("plumbline_feed_connects_total", feed="okx.ws") == 1


async def test_a_lost_funding_connection_leaves_the_quotes_alone_and_comes_back() -> None:
    """Binance has a socket each for quotes and for marks and trades: one may fall alone."""
    async with SandboxVenues(seed=5) as venues, watching(venues, "binanceusdm", "ws") as watched:

        def rates() -> int:
            return sum(tick.funding_e12 is not None for tick in watched.ticks)

        await until(lambda: rates() > 0)
        venues.knobs.mute("binanceusdm", "market")
        await until(lambda: watched.refused().get(("binanceusdm.ws", "lost_channel"), 0) >= 3)
        quotes, before = len(watched.prices("binanceusdm:BTC/USDT:USDT")), rates()
        await until(lambda: len(watched.prices("binanceusdm:BTC/USDT:USDT")) > quotes + 3)
        venues.knobs.clear("binanceusdm")
        await until(lambda: rates() > before)
        assert watched.value("plumbline_feed_connects_total", feed="binanceusdm.ws") == 1


@pytest.mark.parametrize("kind", ["zero", "negative", "crossed"])
async def test_prices_that_parse_are_passed_on_for_the_engine_to_judge(kind: str) -> None:
    """A feed states what the venue states: the engine is the place where a price is refused."""
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, "binance", "ws", symbols=["BTC/USDT"]) as watched,
    ):
        venues.knobs.garbage("binance", "BTC/USDT", kind)

        def shown() -> bool:
            bids = watched.prices("binance:BTC/USDT")
            asks = watched.prices("binance:BTC/USDT", "ask")
            pairs = list(zip(bids, asks, strict=True))
            return {
                "zero": any(b == 0 for b, _ in pairs),
                "negative": any(b < 0 for b, _ in pairs),
                "crossed": any(b > a for b, a in pairs),
            }[kind]

        await until(shown)


async def test_symbols_that_the_venue_does_not_list_are_named_and_left_out() -> None:
    """One wrong symbol does not take the others with it."""
    async with (
        SandboxVenues(seed=5) as venues,
        watching(venues, "okx", "ws", symbols=["BTC/USDT", "NO/SUCH"]) as watched,
    ):
        await until(lambda: len(watched.ticks) > 2)
        refused = {"source": "okx:NO/SUCH", "reason": "unlisted"}
        assert watched.value("plumbline_feed_refused_total", **refused) == 1


async def test_the_control_endpoint_turns_the_same_knobs() -> None:
    """Over HTTP a knob turns, is listed, and a mistake is told with what there is."""
    async with SandboxVenues(seed=5) as venues, aiohttp.ClientSession() as http:
        url = f"{venues.control_url}/knobs"
        body = {"venue": "kraken", "symbol": "BTC/USD", "percent": 8.0, "for_s": 60}
        async with http.post(f"{url}/wick", json=body) as answer:
            assert answer.status == 200
        assert float(venues.knobs.quote("kraken", "BTC/USD").bid) > 69_000
        async with http.get(url) as answer:
            assert [knob["knob"] for knob in await answer.json()] == ["wick"]
        for name, bad in (("wick", {"venue": "x"}), ("explode", {}), ("wick", [1])):
            async with http.post(f"{url}/{name}", json=bad) as answer:
                assert answer.status in (400, 404)
                assert (await answer.json())["error"]


async def test_binance_speaks_combined_streams() -> None:
    """The documented `/stream?streams=` address wraps each payload with its stream's name."""
    async with SandboxVenues(seed=5) as venues, aiohttp.ClientSession() as http:
        url = f"{venues.urls['binance'][1]}/stream?streams=btcusdt@bookTicker/ethusdt@ticker"
        async with asyncio.timeout(DEADLINE_S), http.ws_connect(url) as socket:
            seen = {(await socket.receive_json())["stream"] for _ in range(6)}
        assert seen == {"btcusdt@bookTicker", "ethusdt@ticker"}
