"""The client for code in an event loop, with the live stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx

from oracle.client.answers import asked, read, read_event, refuse, translated
from oracle.client.quotes import (
    CandleQuote,
    CandleQuotes,
    HistoryPage,
    MarketQuote,
    MarketQuotes,
    MarkQuote,
    MarkQuotes,
    ReportQuote,
    StreamEvent,
)
from oracle.client.sse import EventParser
from oracle.model.errors import Retryable

SILENCE_S: Final = 15.0
"""The server sends a heartbeat every 5 s; a stream silent for longer than this is lost."""

Answer = TypeVar("Answer")


class AsyncPlumblineClient:
    """Reads one API server; use as `async with`. `transport` replaces the network in tests.

    Every method raises `Retryable` when the same call may succeed later, else `Rejected`. None
    tries again by itself.
    """

    def __init__(
        self,
        base_url: str,
        timeout_s: float = 5.0,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url: Final = base_url
        self._timeout_s: Final = timeout_s
        with translated(base_url):
            self._http: Final = httpx.AsyncClient(
                base_url=base_url, timeout=timeout_s, transport=transport
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def markets(self) -> tuple[MarketQuote, ...]:
        """Return the configured markets."""
        return (await self._get("/v1/markets", MarketQuotes)).markets

    async def marks(self) -> tuple[MarkQuote, ...]:
        """Return the latest mark of every market that has one."""
        return (await self._get("/v1/marks", MarkQuotes)).marks

    async def mark(self, market: str) -> MarkQuote:
        """Return the latest mark of one market."""
        return await self._get(f"/v1/marks/{quote(market, safe='')}", MarkQuote)

    async def latest_report(self) -> ReportQuote:
        """Return the latest signed report; verify it before any use."""
        return await self._get("/v1/reports/latest", ReportQuote)

    async def report_after(self, time_ms: int) -> ReportQuote:
        """Return the first report with `prev < time_ms <= time`; `Retryable` until it exists."""
        return await self._get(f"/v1/reports/after/{time_ms}", ReportQuote)

    async def history(
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
        return await self._get("/v1/history", HistoryPage, params)

    async def candles(
        self,
        market: str,
        interval: str = "1m",
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> tuple[CandleQuote, ...]:
        """Return the candles that begin in `from_ms <= time < to_ms`."""
        params = asked(market, from_ms, to_ms, interval=interval)
        return (await self._get("/v1/candles", CandleQuotes, params)).candles

    @asynccontextmanager
    async def stream(
        self, market: str | None = None, *, silence_s: float = SILENCE_S
    ) -> AsyncIterator[AsyncIterator[StreamEvent]]:
        """Open the live stream: `async with client.stream() as events: async for event in events`.

        It begins with what holds now. The iterator never ends by itself: it raises `Retryable`
        when the server ends the stream or says nothing for `silence_s`; open it again then.
        """
        timeout = httpx.Timeout(self._timeout_s, read=silence_s)
        params = {} if market is None else {"market": market}
        request = self._http.build_request("GET", "/v1/stream", params=params, timeout=timeout)
        with translated(self._url):
            response = await self._http.send(request, stream=True)
        async with aclosing(response):
            if response.status_code != httpx.codes.OK:
                with translated(self._url):
                    await response.aread()
                refuse(response)
            async with aclosing(_events(response)) as events:
                yield events

    async def _get(
        self, path: str, answer: type[Answer], params: Mapping[str, str] | None = None
    ) -> Answer:
        with translated(self._url):
            response = await self._http.get(path, params=params)
        return read(response, answer)


async def _events(response: httpx.Response) -> AsyncGenerator[StreamEvent, None]:
    parser = EventParser()
    with translated(str(response.url)):
        async for chunk in response.aiter_bytes():
            for sent in parser.feed(chunk):
                event = read_event(sent)
                if event is not None:
                    yield event
    raise Retryable(f"{response.url} ended the stream: connect again")
