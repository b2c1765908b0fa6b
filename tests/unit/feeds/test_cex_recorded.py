"""Frames that venues really sent, through ccxt's parser and ours: every message, every digit."""

from __future__ import annotations

import gzip
import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import zstandard

from feeds.quote import Quote, funding_e12_half_even
from tests.recorded import recorded
from tests.unit.feeds.offline_ccxt import Market, offline, symbol_of
from tests.unit.feeds.recorded_messages import (
    BybitMessages,
    Stated,
    binance_messages,
    coinbase_messages,
    cryptocom_messages,
    hyperliquid_messages,
    okx_messages,
)

pytestmark = pytest.mark.data


def cryptofeed_frames(name: str, address: str = "") -> Iterator[str]:
    """Read the frames that a cryptofeed recording received from some addresses."""
    connections = set()
    with zstandard.open(recorded(f"raw_ws/cryptofeed/{name}.jsonl.zst"), "rb") as raw:
        for line in io.TextIOWrapper(raw):
            entry = json.loads(line)
            if entry["t"] == "connect" and address in entry["addr"]:
                connections.add(entry["conn"])
            if entry["t"] == "recv" and entry["conn"] in connections:
                yield entry["data"]


def hftbacktest_frames(name: str) -> Iterator[str]:
    """Read a `<receive ns> <frame>` recording."""
    with gzip.open(recorded(f"raw_ws/hftbacktest/{name}.gz"), "rt") as raw:
        for line in raw:
            yield line.split(" ", 1)[1].strip()


def once_each(stated: list[Stated], seen: dict[str, tuple[int, set[object]]]) -> list[Stated]:
    """Leave out trades that the venue repeats, by the rule that time does not go back."""
    kept = []
    for one in stated:
        if one.trade_id is not None and one.time_ns is not None:
            time_ms = one.time_ns // 10**6
            newest_ms, ids = seen.get(one.market, (-1, set()))
            if time_ms < newest_ms or (time_ms == newest_ms and one.trade_id in ids):
                continue
            seen[one.market] = (
                time_ms,
                (ids if time_ms == newest_ms else set()) | {one.trade_id},
            )
        kept.append(one)
    return kept


def told(quote: Quote) -> dict[str, Any]:
    """Name what a quote carries, by value."""
    names = ("bid", "ask", "last", "bid_size", "ask_size", "last_size")
    given = {name: px for name in names if (px := getattr(quote, name)) is not None}
    values: dict[str, Any] = {name: Decimal(str(px)) for name, px in given.items()}
    if quote.funding_e12 is not None:
        values["funding"] = quote.funding_e12
    return values


def wanted(stated: Stated, sizes: bool) -> dict[str, Any]:
    """Put what a frame states in the same form."""
    texts = {name: text for name, text in stated.texts.items() if sizes or "size" not in name}
    return {
        name: funding_e12_half_even("frame", text) if name == "funding" else Decimal(text)
        for name, text in texts.items()
    }


@dataclass(frozen=True)
class Recording:
    """A recording, how its frames are read, and at least how many messages it has."""

    venue: str
    url: str
    frames: Callable[[], Iterator[str]]
    messages: Callable[[dict[str, Any]], list[Stated]]
    at_least: int
    settle: str | None = None
    sizes: bool = True
    ids: dict[str, Market] | None = None


RECORDINGS = {
    # The first of many frames: the test is of the parser, not of endurance.
    "binance-2024": Recording(
        "binance",
        "ws://venue/stream",
        lambda: itertools.islice(hftbacktest_frames("spot_btcusdt_20240808"), 10_000),
        binance_messages,
        8_000,
    ),
    "binanceus-2021": Recording(
        "binance",
        "ws://venue/stream",
        lambda: cryptofeed_frames("BINANCE_US"),
        binance_messages,
        100,
    ),
    "usdm-2021": Recording(
        "binanceusdm",
        "ws://venue/public/ws",
        lambda: cryptofeed_frames("BINANCE_FUTURES"),
        binance_messages,
        700,
        settle="Q",
    ),
    "usdm-2024": Recording(
        "binanceusdm",
        "ws://venue/public/ws",
        lambda: itertools.islice(hftbacktest_frames("usdm_btcusdt_20240808"), 10_000),
        binance_messages,
        8_000,
        settle="Q",
    ),
    "coinm-2024": Recording(
        "binancecoinm",
        "ws://venue/ws",
        lambda: itertools.islice(hftbacktest_frames("cm_btcusd_perp_20240808"), 10_000),
        binance_messages,
        4_000,
        settle="BASE",
        sizes=False,
    ),
    "coinbase-2026": Recording(
        "coinbase",
        "ws://venue",
        lambda: cryptofeed_frames("COINBASE"),
        coinbase_messages,
        200,
    ),
    "okx-2022": Recording(
        "okx",
        "ws://venue",
        lambda: cryptofeed_frames("OKX"),
        okx_messages,
        90,
        settle="Q",
    ),
    "crypto.com-2021": Recording(
        "cryptocom",
        "ws://venue/exchange/v1/market",
        lambda: cryptofeed_frames("CRYPTO.COM"),
        cryptocom_messages,
        1_000,
    ),
    "bybit-2026": Recording(
        "bybit",
        "ws://venue/v5/public/linear",
        lambda: cryptofeed_frames("BYBIT", "/linear"),
        BybitMessages(),
        900,
        settle="Q",
    ),
    "hyperliquid-2025": Recording(
        "hyperliquid",
        "ws://venue/ws",
        lambda: hftbacktest_frames("hyperliquid_btcusd_20250126"),
        hyperliquid_messages,
        55,
        ids={"BTC": ("0", "BTC", "USDC", "USDC")},
    ),
}


def markets_of(recording: Recording, ids: set[str]) -> dict[str, Market]:
    """Make a market an id; the symbols are only labels here, and unique."""
    if recording.ids is not None:
        return recording.ids
    made: dict[str, Market] = {}
    for one in sorted(ids):
        base = one.replace("-", "").replace("_", "")
        settle = base if recording.settle == "BASE" else recording.settle
        made[one] = (one, base, "Q", *((settle,) if settle else ()))
    return made


@pytest.mark.parametrize("name", RECORDINGS)
async def test_every_recorded_message_arrives_with_its_digits(name: str) -> None:
    """One quote for every message of a venue, in order, digit for digit, and nothing else."""
    recording = RECORDINGS[name]
    texts = list(recording.frames())
    frames = [recording.messages(json.loads(text)) for text in texts]
    ids = {one.market for stated in frames for one in stated}
    markets = markets_of(recording, ids)
    sources = {one: f"{recording.venue}:{symbol_of(market)}" for one, market in markets.items()}
    seen: dict[str, tuple[int, set[object]]] = {}
    count = 0
    async with offline(recording.venue, list(markets.values()), recording.url, trades=True) as feed:
        for text, stated in zip(texts, frames, strict=True):
            asked = once_each(stated, seen)
            quotes = feed.push(text)
            assert [quote.source for quote in quotes] == [sources[one.market] for one in asked]
            for quote, one in zip(quotes, asked, strict=True):
                assert told(quote) == wanted(one, recording.sizes)
                if one.time_ns is not None:
                    assert quote.event_ns == one.time_ns
                count += 1
        reasons = {reason for _, reason in feed.refused()}
        assert reasons <= {"repeated_trade", *SIZELESS.get(name, ())}
    assert count >= recording.at_least


# In 2021 Crypto.com's tickers carried no sizes.
SIZELESS = {"crypto.com-2021": {"missing_bid_size", "missing_ask_size"}}


async def test_krakens_first_protocol_gives_nothing_and_harms_nothing() -> None:
    """Kraken's arrays of 2021 are v1; ccxt speaks v2 now, so they are passed over in silence."""
    async with offline("kraken", [("XXBTZUSD", "BTC", "USD")], "ws://venue/v2") as feed:
        for text in cryptofeed_frames("KRAKEN"):
            assert feed.push(text) == []
