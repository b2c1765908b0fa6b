"""A few hand-written lines of each format of messages, and exactly what they become."""

from __future__ import annotations

import json

from tests.unit.replay.sample import Sample

FEED = "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43"


def cryptofeed(ts: str, message: object, conn: str = "V.ws.1") -> str:
    """Write a message as cryptofeed's capture does."""
    return f'{{"t":"recv","conn":"{conn}","ts":{ts},"data":{json.dumps(json.dumps(message))}}}\n'


def stamped(stamp: int, message: object) -> str:
    """Write a message as hftbacktest's collectors do."""
    return f"{stamp} {json.dumps(message)}\n"


_BYBIT = {
    "symbol": "BTCUSDT",
    "lastPrice": "65114.30",
    "markPrice": "65117.44",
    "indexPrice": "65137.76",
    "fundingRate": "0.0001",
    "bid1Price": "65114.20",
    "bid1Size": "6.054",
    "ask1Price": "65114.30",
    "ask1Size": "2.1",
}


def _ticker(kind: str, ts: int, data: dict[str, str], topic: str = "") -> dict[str, object]:
    topic = topic or f"tickers.{data['symbol']}"
    return {"topic": topic, "type": kind, "ts": ts, "data": data}


_BOOK = {"u": 1, "s": "BTCUSDT", "b": "61837.63", "B": "3.78", "a": "61837.64", "A": "1.5"}
_TRADE = {"e": "trade", "E": 1723161255343, "s": "BTCUSDT", "p": "61837.63", "q": "0.02"}
_CONTEXT = {
    "funding": "-0.0000015186",
    "oraclePx": "77605.0",
    "markPx": "77562.0",
    "midPx": "77558.5",
    "impactPxs": ["77558.0", "77559.0"],
}
_IDLE = {"funding": "0.0", "oraclePx": "0.3754", "markPx": "0.37", "midPx": None, "impactPxs": None}

SAMPLES = [
    Sample(
        "pyth",
        json.dumps(
            {
                "vaa": {"vaa_timestamp": 1690576639},
                "updates": [
                    {"feed_id": FEED, "price": 2931999000000, "conf": 705950551, "expo": -8}
                    | {"publish_time": 1690576635}
                ],
            }
        )
        + "\n"
        + json.dumps(
            {
                "vaa_timestamp": 1690576640,
                "updates": [
                    {"feed_id": "aa", "price": 0, "conf": 0, "expo": -8, "publish_time": 1690576635}
                    | {"status": 0}
                ],
            }
        )
        + "\n"
        + json.dumps(
            {
                "parsed": [
                    {
                        "id": "bb",
                        "price": {"price": "1000", "conf": "5", "expo": 3}
                        | {"publish_time": 1690576641},
                        "metadata": {"proof_available_time": 1690576643},
                    }
                ]
            }
        ),
        name="updates.jsonl",
        ticks=(
            f"1690576639000000000,1690576635000000000,pyth:0x{FEED},"
            "29312.93049449,29327.04950551,,,,,",
            "1690576643000000000,1690576641000000000,pyth:0xbb,995000,1005000,,,,,",
        ),
        refused={("pyth:0xaa", "not_trading"): 1},
    ),
    Sample(
        "bybit-tickers",
        cryptofeed("1786310819.526357", _ticker("snapshot", 1786310819000, _BYBIT))
        + cryptofeed(
            "1786310819.7",
            _ticker("delta", 1786310819500, {"symbol": "BTCUSDT", "bid1Price": "65114.10"}),
        )
        + cryptofeed("1786310819.8", {"topic": "orderbook.1.BTCUSDT", "data": {}})
        + cryptofeed("1786310819.9", _ticker("delta", 1786310819600, {"symbol": "ETHUSDT"}))
        + cryptofeed(
            "1786310820", _ticker("snapshot", 1786310819700, {**_BYBIT, "symbol": "BTCUSD"})
        )
        + cryptofeed(
            "1786310821",
            _ticker("snapshot", 1786310820000, {"symbol": "BTCUSDT", "lastPrice": "65140.5"}),
            conn="V.ws.2",
        )
        + '{"t":"send","conn":"V.ws.1","ts":1786310819.1,"data":"{}"}\n',
        name="BYBIT.jsonl",
        ticks=(
            "1786310819526357000,1786310819000000000,bybit:BTC/USDT:USDT,"
            "65114.20,65114.30,65114.30,6.054,2.1,,0.0001",
            "1786310819700000000,1786310819500000000,bybit:BTC/USDT:USDT,"
            "65114.10,65114.30,65114.30,6.054,2.1,,0.0001",
            "1786310820000000000,1786310819700000000,bybit:BTC/USD:BTC,"
            "65114.20,65114.30,65114.30,,,,0.0001",
            "1786310821000000000,1786310820000000000,bybit:BTC/USDT,,,65140.5,,,,",
        ),
        refused={
            ("bybit", "other_message"): 1,
            ("bybit", "no_snapshot"): 1,
            ("bybit", "not_a_message"): 1,
        },
    ),
    Sample(
        "binance-book",
        stamped(1723161254087891268, {"stream": "btcusdt@bookTicker", "data": _BOOK})
        + stamped(
            1723161254087896568,
            {"stream": "btcusdt@trade", "data": {**_TRADE, "T": 1723161255342}},
        )
        # A collector of microseconds, a bare stream, a fill that was no trade in the book.
        + stamped(1723161254200000, {**_TRADE, "e": "aggTrade", "T": 1723161255400, "p": "61837.7"})
        + stamped(1723161254300000, {**_TRADE, "T": 1723161255500, "p": "0", "X": "NA"})
        + stamped(
            1723161254400000,
            {"e": "markPriceUpdate", "E": 1723161255600, "s": "BTCUSDT", "p": "1", "i": "2"}
            | {"r": "0.0001"},
        )
        + stamped(1723161254500000, {"lastUpdateId": 5, "bids": [["1", "2"]], "asks": []})
        + stamped(1723161254600000, {**_TRADE, "T": 1723161255500, "s": "???"}),
        {"venue": "binance"},
        name="btcusdt.dat",
        ticks=(
            "1723161254087891268,1723161254087891268,binance:BTC/USDT,"
            "61837.63,61837.64,,3.78,1.5,,",
            "1723161254087896568,1723161255342000000,binance:BTC/USDT,,,61837.63,,,0.02,",
            "1723161254200000000,1723161255400000000,binance:BTC/USDT,,,61837.7,,,0.02,",
            "1723161254400000000,1723161255600000000,binance:BTC/USDT,,,,,,,0.0001",
        ),
        refused={
            ("binance:BTC/USDT", "no_price"): 1,
            ("binance", "other_message"): 1,
            ("binance", "unknown_symbol"): 1,
        },
    ),
    Sample(
        "coinbase-book",
        cryptofeed(
            "1786309548.64",
            {
                "channel": "ticker",
                "timestamp": "2026-08-09T21:05:48.229198328Z",
                "events": [
                    {
                        "type": "snapshot",
                        "tickers": [
                            {"product_id": "BTC-USD", "price": "65086.18"}
                            | {"best_bid": "65083.66", "best_ask": "65083.67"}
                            | {"best_bid_quantity": "0.2", "best_ask_quantity": "0.24"}
                        ],
                    }
                ],
            },
        )
        + cryptofeed(
            "1786309548.7",
            {
                "channel": "market_trades",
                "timestamp": "2026-08-09T21:05:48.3Z",
                "events": [
                    {
                        "type": "update",
                        "trades": [
                            {"product_id": "ETH-USD", "price": "1916.02", "size": "0.5"}
                            | {"time": "2026-08-09T21:05:42.514318Z"},
                            {"product_id": "ETH-USD", "price": "1", "size": "1", "time": "noon"},
                        ],
                    }
                ],
            },
        )
        + cryptofeed("1786309548.8", {"channel": "heartbeats", "events": []}),
        name="COINBASE.jsonl",
        ticks=(
            "1786309548640000000,1786309548229198328,coinbase:BTC/USD,"
            "65083.66,65083.67,65086.18,0.2,0.24,,",
            "1786309548700000000,1786309542514318000,coinbase:ETH/USD,,,1916.02,,,0.5,",
        ),
        refused={("coinbase:ETH/USD", "malformed_time"): 1, ("coinbase", "other_message"): 1},
    ),
    Sample(
        "okx-book",
        cryptofeed(
            "1652459225.5",
            {
                "arg": {"channel": "tickers"},
                "data": [
                    {"instId": "BTC-USD-220527", "last": "30218.8", "bidPx": "30210.4"}
                    | {"askPx": "30220.1", "askSz": "3", "bidSz": "2", "ts": "1652459223003"}
                ],
            },
        )
        + cryptofeed(
            "1652459226",
            {
                "arg": {"channel": "trades"},
                "data": [
                    {"instId": "BTC-USDT", "px": "30219", "sz": "0.01", "ts": "1652459225900"},
                    {"instId": "NO", "px": "1", "sz": "1", "ts": "1652459225900"},
                ],
            },
        )
        + cryptofeed(
            "1652459227",
            {
                "arg": {"channel": "funding-rate"},
                "data": [
                    {"instId": "BTC-USDT-SWAP", "fundingRate": "-0.0002", "ts": "1652459226000"}
                ],
            },
        )
        + cryptofeed("1652459228", {"event": "subscribe", "arg": {"channel": "tickers"}}),
        name="OKX.jsonl",
        ticks=(
            "1652459225500000000,1652459223003000000,okx:BTC/USD:BTC-220527,"
            "30210.4,30220.1,30218.8,,,,",
            "1652459226000000000,1652459225900000000,okx:BTC/USDT,,,30219,,,0.01,",
            "1652459227000000000,1652459226000000000,okx:BTC/USDT:USDT,,,,,,,-0.0002",
        ),
        refused={("okx", "unknown_symbol"): 1, ("okx", "other_message"): 1},
    ),
    Sample(
        "hyperliquid-book",
        stamped(
            1737918843893903000,
            {
                "channel": "l2Book",
                "data": {
                    "coin": "BTC",
                    "time": 1737918843542,
                    "levels": [
                        [{"px": "105055.0", "sz": "3.0", "n": 5}, {"px": "1", "sz": "1", "n": 1}],
                        [{"px": "105056.0", "sz": "6.3", "n": 2}],
                    ],
                },
            },
        )
        + stamped(
            1737918844000000000,
            {
                "channel": "bbo",
                "data": {"coin": "xyz:TSLA", "time": 1737918843900}
                | {"bbo": [None, {"px": "400.5", "sz": "2", "n": 1}]},
            },
        )
        + stamped(
            1737918845000000000,
            {
                "channel": "trades",
                "data": [
                    {"coin": "BTC", "px": "105056.5", "sz": "0.00219", "time": 1737918844800},
                    {"coin": "@107", "px": "1", "sz": "1", "time": 1737918844800},
                ],
            },
        )
        + stamped(1737918846000000000, {"channel": "pong"}),
        name="hl.gz.txt",
        ticks=(
            "1737918843893903000,1737918843542000000,hyperliquid:BTC/USDC:USDC,"
            "105055.0,105056.0,,3.0,6.3,,",
            "1737918844000000000,1737918843900000000,hyperliquid:XYZ-TSLA,,400.5,,,2,,",
            "1737918845000000000,1737918844800000000,hyperliquid:BTC/USDC:USDC,"
            ",,105056.5,,,0.00219,",
        ),
        refused={("hyperliquid", "unknown_symbol"): 1, ("hyperliquid", "other_message"): 1},
    ),
    Sample(
        "hyperliquid-ctxs",
        stamped(
            1777593600000000000,
            {"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": _CONTEXT}},
        )
        + stamped(1777593601000, [{"universe": [{"name": "BTC"}, {"name": "@1"}]}, [_IDLE, _IDLE]])
        + stamped(
            1777593602,
            {"channel": "allDexsAssetCtxs", "data": {"ctxs": [["", [_CONTEXT]], ["xyz", [_IDLE]]]}},
        )
        + stamped(1777593603, {"channel": "subscriptionResponse", "data": {}}),
        name="ctxs.jsonl",
        ticks=(
            "1777593600000000000,1777593600000000000,hyperliquid:BTC/USDC:USDC,"
            "77558.0,77559.0,77558.5,,,,-0.0000015186",
            "1777593601000000000,1777593601000000000,hyperliquid:BTC/USDC:USDC,,,,,,,0.0",
            "1777593602000000000,1777593602000000000,hyperliquid:0,"
            "77558.0,77559.0,77558.5,,,,-0.0000015186",
            "1777593602000000000,1777593602000000000,hyperliquid:xyz.0,,,,,,,0.0",
        ),
        refused={("hyperliquid", "unknown_symbol"): 1, ("hyperliquid", "other_message"): 1},
    ),
]
