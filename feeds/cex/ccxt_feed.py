"""One adapter for every centralised exchange, by WebSocket (ccxt.pro) or REST polling."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from feeds.base import Clock, Feed, Pace, Refused
from feeds.cex.client import (
    Exchange,
    TickerCache,
    build_exchange,
    closing,
    fence_frames,
    translated,
)
from feeds.cex.extract import quote_from_ticker
from feeds.cex.venues import Fields, venue_named
from feeds.metrics import FeedMetrics
from oracle.model.errors import ConfigError, Retryable

_log = structlog.get_logger(__name__)


class CcxtFeed(Feed):
    """One connection to one venue for some symbols (ccxt's unified ones).

    Sources are `venue:SYMBOL`, e.g. `binance:BTC/USDT`, `binanceusdm:BTC/USDT:USDT`. Addresses
    are the venue's own unless `rest_url` or `ws_url` is given. Public data only: no keys.
    """

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        *,
        now_ns: Clock,
        metrics: FeedMetrics,
        mode: str = "ws",
        rest_url: str | None = None,
        ws_url: str | None = None,
        poll_ms: int = 1000,
        timeout_s: float = 10.0,
        pace: Pace | None = None,
        uniform: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.venue = venue_named(venue)
        self.source_of = {symbol: f"{venue}:{symbol}" for symbol in symbols}
        if not self.source_of:
            raise ConfigError(f"feed {venue}: no symbols; name at least one, such as BTC/USDT")
        if mode not in ("ws", "rest"):
            raise ConfigError(f"feed {venue}: mode {mode!r}; use ws or rest")
        super().__init__(
            f"{venue}.{mode}",
            tuple(self.source_of.values()),
            now_ns=now_ns,
            metrics=metrics,
            pace=pace,
            uniform=uniform,
            sleep=sleep,
        )
        self._mode = mode
        self._urls = {"rest_url": rest_url, "ws_url": ws_url}
        self._poll_s = poll_ms / 1000
        self._timeout_s = timeout_s
        self._proven: Exchange | None = None
        """The last exchange that delivered; the next connection takes its list of markets."""

    async def read(self) -> None:
        """Connect once and deliver quotes until the connection ends."""
        exchange = build_exchange(self.venue, self._mode, timeout_s=self._timeout_s, **self._urls)
        async with closing(exchange):
            symbols = await self._listed(exchange)
            await (self._watch if self._mode == "ws" else self._poll)(exchange, symbols)

    async def _listed(self, exchange: Exchange) -> list[str]:
        """Load the venue's markets and return those of ours that it lists."""
        proven, self._proven = self._proven, None
        if proven is not None:
            exchange.set_markets_from_exchange(proven)
        else:
            with translated(self.venue.id):
                async with asyncio.timeout(3 * self._timeout_s):
                    await exchange.load_markets()
        unlisted = [symbol for symbol in self.source_of if symbol not in exchange.markets]
        for symbol in unlisted:
            self.refuse(self.source_of[symbol], "unlisted")
        if unlisted:
            _log.error("venue does not list symbols", venue=self.venue.id, symbols=unlisted)
        if len(unlisted) == len(self.source_of):
            raise Retryable(f"{self.venue.id} lists none of {', '.join(unlisted)}")
        return [symbol for symbol in self.source_of if symbol not in unlisted]

    async def _watch(self, exchange: Exchange, symbols: list[str]) -> None:
        """Subscribe, and keep every subscription awaited: that is where ccxt tells of its end."""
        call = self.venue.watch
        self.attach(exchange)
        method = getattr(exchange, call.method)
        subjects: Sequence[Any] = symbols if call.each else [symbols]
        watchers = [asyncio.create_task(self._keep_watching(method, one)) for one in subjects]
        try:
            await asyncio.gather(*watchers)
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    def attach(self, exchange: Exchange) -> None:
        """Take every ticker that a ccxt.pro exchange parses, and survive what it cannot parse."""
        fields = self.venue.watch.fields
        cache = TickerCache(lambda symbol, ticker: self._take(exchange, symbol, ticker, fields))
        setattr(exchange, self.venue.cache, cache)
        fence_frames(exchange, lambda _: self.refuse(self.name, "unparsable_frame"))

    async def _keep_watching(self, method: Callable[..., Awaitable[Any]], subject: Any) -> None:
        while True:
            with translated(self.venue.id):
                # ccxt's kraken writes into its own default argument: always give a fresh one
                await method(subject, params={})

    async def _poll(self, exchange: Exchange, symbols: list[str]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + self._poll_s
            tickers = await self._fetch(exchange, symbols)
            for symbol in symbols:
                if symbol in tickers:
                    self._take(exchange, symbol, tickers[symbol], self.venue.fetch.fields)
                else:
                    self.refuse(self.source_of[symbol], "missing_ticker")
            await asyncio.sleep(max(0.0, due_s - loop.time()))

    async def _fetch(self, exchange: Exchange, symbols: list[str]) -> dict[str, Any]:
        """Fetch what the venue answers for; what does not parse is counted and left out."""
        call = self.venue.fetch
        method = getattr(exchange, call.method)
        if call.each:
            answers = {symbol: await self._answer(method, symbol) for symbol in symbols}
            return {symbol: answer for symbol, answer in answers.items() if answer is not None}
        answer = await (self._answer(method) if call.all_symbols else self._answer(method, symbols))
        return answer if isinstance(answer, dict) else {}

    async def _answer(self, method: Callable[..., Awaitable[Any]], *subject: Any) -> Any:
        try:
            with translated(self.venue.id):
                return await method(*subject)
        except Refused as error:
            self.refuse(self.name, error.reason)
            _log.info("answer refused", feed=self.name, error=str(error))
            return None

    def _take(
        self, exchange: Exchange, symbol: str, ticker: Mapping[str, Any], fields: Fields
    ) -> None:
        source = self.source_of.get(symbol)
        if source is None:
            return
        try:
            quote = quote_from_ticker(source, ticker, fields, self.now_ns(), self.refuse)
        except Refused as error:
            self.refuse(source, error.reason)
            return
        self.deliver(quote)
        self._proven = exchange
