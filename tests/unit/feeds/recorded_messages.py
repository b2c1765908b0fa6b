"""What recorded frames state, read apart from ccxt: the other side of the comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Stated:
    """What a frame states of one instrument: the venue's id, its fields' text, its time."""

    market: str
    texts: dict[str, Any]
    time_ns: int | None
    trade_id: object = None


def binance_messages(frame: dict[str, Any]) -> list[Stated]:
    """Read quotes and aggregate trades of combined streams."""
    data, stream = frame.get("data", {}), frame.get("stream", "")
    if stream.endswith("@bookTicker"):
        texts = {"bid": data["b"], "ask": data["a"], "bid_size": data["B"], "ask_size": data["A"]}
        return [Stated(data["s"], texts, ns(data.get("E")))]
    if stream.endswith(("@aggTrade", "@trade")):
        trade_id = data.get("a", data.get("t"))
        return [Stated(data["s"], traded(data["p"], data["q"]), ns(data["T"]), trade_id)]
    return []


def coinbase_messages(frame: dict[str, Any]) -> list[Stated]:
    """Read Advanced Trade; trades come newest first, and ccxt keeps milliseconds of a ticker."""
    if frame.get("channel") == "ticker":
        time_ns = rfc3339_ns(frame["timestamp"]) // 10**6 * 10**6
        return [
            Stated(
                one["product_id"],
                {
                    "bid": one["best_bid"],
                    "ask": one["best_ask"],
                    "bid_size": one["best_bid_quantity"],
                    "ask_size": one["best_ask_quantity"],
                },
                time_ns,
            )
            for event in frame["events"]
            for one in event["tickers"]
        ]
    if frame.get("channel") != "market_trades":
        return []
    return [
        Stated(
            one["product_id"],
            traded(one["price"], one["size"]),
            rfc3339_ns(one["time"]),
            one["trade_id"],
        )
        for event in frame["events"]
        for one in reversed(event["trades"])
    ]


def okx_messages(frame: dict[str, Any]) -> list[Stated]:
    """Read v5 tickers and trades."""
    channel = frame.get("arg", {}).get("channel")
    if channel == "tickers":
        return [
            Stated(
                one["instId"],
                {
                    "bid": one["bidPx"],
                    "ask": one["askPx"],
                    "bid_size": one["bidSz"],
                    "ask_size": one["askSz"],
                },
                ns(int(one["ts"])),
            )
            for one in frame.get("data", [])
        ]
    if channel != "trades":
        return []
    return [
        Stated(one["instId"], traded(one["px"], one["sz"]), ns(int(one["ts"])), one["tradeId"])
        for one in frame.get("data", [])
    ]


def cryptocom_messages(frame: dict[str, Any]) -> list[Stated]:
    """Read frames of 2021: prices were JSON numbers, and tickers had no sizes."""
    result = frame.get("result", {})
    if result.get("channel") == "ticker":
        return [
            Stated(one["i"], {"bid": str(one["b"]), "ask": str(one["k"])}, ns(one["t"]))
            for one in result["data"]
        ]
    if result.get("channel") != "trade":
        return []
    oldest_first = sorted(result["data"], key=lambda one: (one["t"], str(one["d"])))
    return [
        Stated(one["i"], traded(str(one["p"]), str(one["q"])), ns(one["t"]), one["d"])
        for one in oldest_first
    ]


class BybitMessages:
    """Reads v5 linear; a delta of `tickers` changes what the snapshot stated."""

    def __init__(self) -> None:
        self.shown: dict[str, dict[str, Any]] = {}

    def __call__(self, frame: dict[str, Any]) -> list[Stated]:
        topic, time_ns = frame.get("topic", ""), ns(frame.get("ts"))
        if topic.startswith("publicTrade."):
            return [
                Stated(one["s"], traded(one["p"], one["v"]), ns(one["T"]), one["i"])
                for one in frame["data"]
            ]
        if not topic.startswith("tickers."):
            return []
        data = frame["data"]
        if frame["type"] == "snapshot":
            self.shown[data["symbol"]] = {}
        self.shown.setdefault(data["symbol"], {}).update(data)
        row = self.shown[data["symbol"]]
        texts = {
            "bid": row["bid1Price"],
            "ask": row["ask1Price"],
            "bid_size": row["bid1Size"],
            "ask_size": row["ask1Size"],
            "funding": row["fundingRate"],
        }
        return [Stated(data["symbol"], texts, time_ns)]


def hyperliquid_messages(frame: dict[str, Any]) -> list[Stated]:
    """Read l2Book and trades."""
    data = frame["data"]
    if frame["channel"] == "l2Book":
        bid, ask = data["levels"][0][0], data["levels"][1][0]
        texts = {
            "bid": bid["px"],
            "ask": ask["px"],
            "bid_size": bid["sz"],
            "ask_size": ask["sz"],
        }
        return [Stated(data["coin"], texts, ns(data["time"]))]
    return [
        Stated(one["coin"], traded(one["px"], one["sz"]), ns(one["time"]), one["tid"])
        for one in data
    ]


def traded(price: str, size: str) -> dict[str, Any]:
    """Name a trade's fields."""
    return {"last": price, "last_size": size}


def ns(time_ms: int | None) -> int | None:
    """Convert a venue's milliseconds."""
    return None if time_ms is None else time_ms * 10**6


def rfc3339_ns(text: str) -> int:
    """Convert a venue's text."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    whole_s = int(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole_s * 10**9 + int(fraction.ljust(9, "0"))
