"""Trades once each: venues repeat the last ones when a subscription begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MOST_IDS: Final = 10_000
_AHEAD_MS: Final = 60_000
"""A trade further ahead of us is not remembered: it would shut out all that follow it."""


class TradesOnce:
    """Remembers the newest trade of each source, across connections."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, set[str]]] = {}

    def is_new(self, source: str, trade: Mapping[str, Any], now_ns: int) -> bool:
        """Whether a trade (ccxt's) was not here before: its size would be counted twice."""
        time_ms, trade_id = trade.get("timestamp"), str(trade.get("id"))
        if not isinstance(time_ms, int) or time_ms > now_ns // 1_000_000 + _AHEAD_MS:
            return True  # its time is judged by who reads it
        newest_ms, ids = self._newest.get(source, (-1, set()))
        if time_ms < newest_ms or (time_ms == newest_ms and trade_id in ids):
            return False
        if time_ms > newest_ms or len(ids) >= _MOST_IDS:
            ids = set()
        self._newest[source] = (time_ms, ids | {trade_id})
        return True
