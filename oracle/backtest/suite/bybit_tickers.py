"""Bybit, 42 seconds of ticker states: mark and index beside quotes, trades and funding rate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from oracle.backtest.published import Published, published
from oracle.backtest.recording import Recording, merge, series
from oracle.backtest.suite.dataset import Dataset, markets_spec, read_text

FILE: Final = "raw_ws/cryptofeed/BYBIT.jsonl.zst"
COINS: Final = ("BTC", "ETH", "SOL", "DOGE")
_FIELDS: Final = {
    "bid": "bid1Price",
    "ask": "ask1Price",
    "last": "lastPrice",
    "funding": "fundingRate",
}


def bybit_tickers(data: Path) -> Dataset:
    """Return the data set: Bybit's index is our only source, its perp our own contract."""
    parts, known = [], []
    for coin, states in _states(read_text(data / FILE)).items():
        recording, marks = _coin(coin, states)
        parts += recording
        known.append(marks)
    made = merge(parts)
    return Dataset(
        name="bybit-tickers",
        title="Bybit BTC, ETH, SOL and DOGE perps, 42 s of August 2026",
        shows="The mark from Bybit's own index, perp quotes, trades and funding rate, against the "
        "mark that Bybit published in the same message.",
        limits="Bybit averages its basis over 2.5 minutes and the capture is 42 s long: the figure "
        "says how near a young average comes, not whether the rule is the same. The index is "
        "Bybit's, so only the mark is tested.",
        spec=markets_spec({f"{coin}-USDT": _market(n, coin) for n, coin in enumerate(COINS)}),
        step_ns=10**8,
        recording=made,
        published=tuple(known),
        split_ns=int(made.received_ns[0]) + 21 * 10**9,
    )


def _market(number: int, coin: str) -> dict[str, Any]:
    return {
        "number": number,
        "max_age": "30s",
        "min_sources": 1,
        "min_origins": 1,
        "sources": [{"source": f"bybitindex:{coin}/USDT"}],
        "perps": [{"source": f"bybit:{coin}/USDT:USDT"}],
        "mark": {
            "method": "median3_funding",
            "basis": "150s",
            "own": f"bybit:{coin}/USDT:USDT",
        },
    }


def _states(text: str) -> dict[str, list[tuple[int, int, dict[str, str], bool]]]:
    """Return (received, event, whole state, mark is new) after each ticker message, by coin."""
    held: dict[str, dict[str, str]] = {}
    made: dict[str, list[tuple[int, int, dict[str, str], bool]]] = {}
    for received_ns, message in _messages(text):
        coin = message["data"]["symbol"].removesuffix("USDT")
        state = held.setdefault(coin, {})
        state.update(message["data"])
        fresh = "markPrice" in message["data"]
        event_ns = message["ts"] * 10**6
        made.setdefault(coin, []).append((received_ns, event_ns, dict(state), fresh))
    return made


def _messages(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line in text.splitlines():
        frame = json.loads(line)
        if frame["t"] != "recv":
            continue
        message = json.loads(frame["data"])
        if str(message.get("topic", "")).startswith("tickers."):
            yield round(frame["ts"] * 1e9), message


def _coin(
    coin: str, states: list[tuple[int, int, dict[str, str], bool]]
) -> tuple[list[Recording], Published]:
    received_ns = [state[0] for state in states]
    event_ns = [state[1] for state in states]
    columns = {name: [float(state[2][key]) for state in states] for name, key in _FIELDS.items()}
    index = [float(state[2]["indexPrice"]) for state in states]
    fresh = np.array([state[3] for state in states])
    marks = np.array([float(state[2]["markPrice"]) for state in states])
    recording = [
        series(f"bybit:{coin}/USDT:USDT", received_ns, event_ns=event_ns, **columns),
        series(f"bybitindex:{coin}/USDT", received_ns, event_ns=event_ns, last=index),
    ]
    # A step ends after the message: the mark in it is held against what was known with it.
    steps_ns = -(-np.array(received_ns) // 10**8) * 10**8
    return recording, published(f"{coin}-USDT", steps_ns[fresh], mark=marks[fresh])
