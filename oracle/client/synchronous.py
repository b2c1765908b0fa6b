"""The client for code without an event loop."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx

from oracle.client.answers import asked, read, translated
from oracle.client.quotes import (
    CandleQuote,
    CandleQuotes,
    HistoryPage,
    MarketQuote,
    MarketQuotes,
    MarkQuote,
    MarkQuotes,
    ReportQuote,
)

Answer = TypeVar("Answer")


class PlumblineClient:
    """Reads one API server; use as `with`. `transport` replaces the network in tests.

    Every method raises `Retryable` when the same call may succeed later, else `Rejected`. None
    tries again by itself.
    """

    def __init__(
        self,
        base_url: str,
        timeout_s: float = 5.0,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url: Final = base_url
        with translated(base_url):
            self._http: Final = httpx.Client(
                base_url=base_url, timeout=timeout_s, transport=transport
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def markets(self) -> tuple[MarketQuote, ...]:
        """Return the configured markets."""
        return self._get("/v1/markets", MarketQuotes).markets

    def marks(self) -> tuple[MarkQuote, ...]:
        """Return the latest mark of every market that has one."""
        return self._get("/v1/marks", MarkQuotes).marks

    def mark(self, market: str) -> MarkQuote:
        """Return the latest mark of one market."""
        return self._get(f"/v1/marks/{quote(market, safe='')}", MarkQuote)

    def latest_report(self) -> ReportQuote:
        """Return the latest signed report; verify it before any use."""
        return self._get("/v1/reports/latest", ReportQuote)

    def report_after(self, time_ms: int) -> ReportQuote:
        """Return the first report with `prev < time_ms <= time`; `Retryable` until it exists."""
        return self._get(f"/v1/reports/after/{time_ms}", ReportQuote)

    def history(
        self,
        market: str,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> HistoryPage:
        """Return past marks of `from_ms <= time < to_ms`, a page of at most `limit`."""
        params = asked(market, from_ms, to_ms, limit=limit, cursor=cursor)
        return self._get("/v1/history", HistoryPage, params)

    def candles(
        self,
        market: str,
        interval: str = "1m",
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> tuple[CandleQuote, ...]:
        """Return the candles that begin in `from_ms <= time < to_ms`."""
        params = asked(market, from_ms, to_ms, interval=interval)
        return self._get("/v1/candles", CandleQuotes, params).candles

    def _get(
        self, path: str, answer: type[Answer], params: Mapping[str, str] | None = None
    ) -> Answer:
        with translated(self._url):
            response = self._http.get(path, params=params)
        return read(response, answer)
