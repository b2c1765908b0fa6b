"""Frames that venues really sent, through ccxt's parser and ours: every ticker, every digit."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import zstandard

from oracle.model.fixed import px_exact
from tests.recorded import recorded
from tests.unit.feeds.offline_ccxt import Market, offline

pytestmark = pytest.mark.data

Wanted = tuple[str, tuple[str | None, str | None, str | None], int | None]
"""Venue's id of the instrument, (bid, ask, last) as text, event time in ms."""


def cryptofeed_frames(name: str) -> Iterator[str]:
    """Read the received frames of a cryptofeed recording."""
    with zstandard.open(recorded(f"raw_ws/cryptofeed/{name}.jsonl.zst"), "rb") as raw:
        for line in io.TextIOWrapper(raw):
            entry = json.loads(line)
            if entry["t"] == "recv":
                yield entry["data"]


def hftbacktest_frames(name: str) -> Iterator[str]:
    """Read a `<receive ns> <frame>` recording."""
    with gzip.open(recorded(f"raw_ws/hftbacktest/{name}.gz"), "rt") as raw:
        for line in raw:
            yield line.split(" ", 1)[1].strip()


def binance_tickers(frame: dict[str, Any]) -> list[Wanted]:
    """Find what a combined-stream frame states of best bid and ask."""
    data = frame.get("data", {})
    if not frame.get("stream", "").endswith("@bookTicker"):
        return []
    return [(data["s"], (data["b"], data["a"], None), data.get("E"))]


def coinbase_tickers(frame: dict[str, Any]) -> list[Wanted]:
    """Find the tickers of an Advanced Trade frame; ccxt keeps milliseconds of its time."""
    if frame.get("channel") != "ticker":
        return []
    seconds, fraction = frame["timestamp"].rstrip("Z").split(".")
    whole_s = int(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    event_ms = whole_s * 1000 + int(fraction[:3])
    return [
        (t["product_id"], (t["best_bid"], t["best_ask"], t["price"]), event_ms)
        for event in frame["events"]
        for t in event["tickers"]
    ]


def okx_tickers(frame: dict[str, Any]) -> list[Wanted]:
    """Find the tickers of a v5 frame."""
    if frame.get("arg", {}).get("channel") != "tickers":
        return []
    return [
        (t["instId"], (t["bidPx"], t["askPx"], t["last"]), int(t["ts"]))
        for t in frame.get("data", [])
    ]


def cryptocom_tickers(frame: dict[str, Any]) -> list[Wanted]:
    """Find the tickers of a frame of 2021, when prices were JSON numbers."""
    result = frame.get("result", {})
    if result.get("channel") != "ticker":
        return []
    return [(t["i"], (str(t["b"]), str(t["k"]), str(t["a"])), t["t"]) for t in result["data"]]


def markets_of(ids: set[str], settle: str | None) -> list[Market]:
    """Make a market an id; the symbols are only labels here, and unique."""
    return [
        (one, one.replace("-", "").replace("_", ""), "Q", *((settle,) if settle else ()))
        for one in sorted(ids)
    ]


@pytest.mark.parametrize(
    ("venue", "url", "frames", "tickers", "settle", "at_least"),
    [
        (
            "binance",
            "ws://venue/stream",
            lambda: hftbacktest_frames("spot_btcusdt_20240808"),
            binance_tickers,
            None,
            10_000,
        ),
        (
            "binance",
            "ws://venue/stream",
            lambda: cryptofeed_frames("BINANCE_US"),
            binance_tickers,
            None,
            100,
        ),
        (
            "binanceusdm",
            "ws://venue/public/ws",
            lambda: cryptofeed_frames("BINANCE_FUTURES"),
            binance_tickers,
            "Q",
            600,
        ),
        (
            "coinbase",
            "ws://venue",
            lambda: cryptofeed_frames("COINBASE"),
            coinbase_tickers,
            None,
            100,
        ),
        ("okx", "ws://venue", lambda: cryptofeed_frames("OKX"), okx_tickers, "Q", 20),
        (
            "cryptocom",
            "ws://venue",
            lambda: cryptofeed_frames("CRYPTO.COM"),
            cryptocom_tickers,
            None,
            1_000,
        ),
    ],
    ids=[
        "binance-2024",
        "binanceus-2021",
        "usdm-2021",
        "coinbase-2026",
        "okx-2022",
        "crypto.com-2021",
    ],
)
async def test_every_recorded_ticker_arrives_with_its_digits(
    venue: str, url: str, frames: Any, tickers: Any, settle: str | None, at_least: int
) -> None:
    """One quote for every ticker the venue sent, in order, price for price, and nothing else."""
    texts = list(frames())
    stated = [tickers(json.loads(text)) for text in texts]
    ids = {market_id for wanted in stated for market_id, _, _ in wanted}
    markets = markets_of(ids, settle)
    id_of = {f"{venue}:{m[1]}/Q{':Q' if settle else ''}": m[0] for m in markets}
    count = 0
    async with offline(venue, markets, url) as feed:
        for text, wanted in zip(texts, stated, strict=True):
            quotes = feed.push(text)
            assert [id_of[quote.source] for quote in quotes] == [one[0] for one in wanted]
            for quote, (_, prices, event_ms) in zip(quotes, wanted, strict=True):
                exact = tuple(None if price is None else px_exact(price) for price in prices)
                assert (quote.bid, quote.ask, quote.last) == exact
                if event_ms is not None:
                    assert quote.event_ns == event_ms * 1_000_000
                count += 1
        assert feed.refused() == {}
    assert count >= at_least


async def test_krakens_first_protocol_gives_nothing_and_harms_nothing() -> None:
    """Kraken's arrays of 2021 are v1; ccxt speaks v2 now, so they are passed over in silence."""
    async with offline("kraken", [("XXBTZUSD", "BTC", "USD")], "ws://venue/v2") as feed:
        for text in cryptofeed_frames("KRAKEN"):
            assert feed.push(text) == []
