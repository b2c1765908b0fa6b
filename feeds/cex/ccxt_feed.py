"""One adapter for every centralised exchange, by WebSocket (ccxt.pro) or REST polling."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from feeds.base import Clock, Feed, Pace
from feeds.cex.client import Exchange, build_exchange, closing, tap, translated
from feeds.cex.extract import parse_quote, size_unit
from feeds.cex.trades import TradesOnce
from feeds.cex.venue import Call
from feeds.cex.venues import venue_named
from feeds.metrics import FeedMetrics
from feeds.quote import Refused
from oracle.model.errors import ConfigError, Retryable
from oracle.model.fixed import Px

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Job:
    """One call for the symbols that it serves together: ccxt takes one type of market a call."""

    call: Call
    symbols: list[str]


class CcxtFeed(Feed):
    """One connection to one venue for some symbols (ccxt's unified ones).

    Sources are `venue:SYMBOL`, e.g. `binance:BTC/USDT`, `binanceusdm:BTC/USDT:USDT`. Addresses
    are the venue's own unless `rest_url` or `ws_url` is given. Public data only: no keys. With
    `trades` every trade is a tick of its own, with its size.
    """

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        *,
        now_ns: Clock,
        metrics: FeedMetrics,
        mode: str = "ws",
        trades: bool = False,
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
        if trades and mode != "ws":
            raise ConfigError(f"feed {venue}: trades come with mode ws only; set it or leave them")
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
        self._trades = trades
        self._once = TradesOnce()
        self._units: dict[str, Px | None] = {}
        self._proven: Exchange | None = None
        """The last exchange that delivered; the next connection takes its list of markets."""

    async def read(self) -> None:
        """Connect once and deliver quotes until the connection ends."""
        exchange = build_exchange(self.venue, self._mode, timeout_s=self._timeout_s, **self._urls)
        async with closing(exchange):
            await self._load_markets(exchange)
            work = [work for job in self.attach(exchange) for work in self._work(exchange, job)]
            tasks = [asyncio.create_task(one) for one in work]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _load_markets(self, exchange: Exchange) -> None:
        proven, self._proven = self._proven, None
        if proven is not None:
            exchange.set_markets_from_exchange(proven)
            return
        with translated(self.venue.id):
            async with asyncio.timeout(3 * self._timeout_s):
                await exchange.load_markets()

    def attach(self, exchange: Exchange) -> list[_Job]:
        """Plan the calls for our symbols, and take everything that ccxt parses of them."""
        jobs: dict[tuple[object, ...], _Job] = {}
        taps: dict[tuple[str, str], Call] = {}
        for symbol in self._served(exchange):
            market = exchange.markets[symbol]
            self._units[symbol] = size_unit(market)
            for call in self.venue.calls(self._mode, market, trades=self._trades):
                group = (call.method, market["type"], market["linear"])
                jobs.setdefault(group, _Job(call, [])).symbols.append(symbol)
                if not call.polled:
                    taps[call.fills, symbol] = call

        def take(fills: str, symbol: str, message: Mapping[str, Any]) -> None:
            if call := taps.get((fills, symbol)):
                self._take(exchange, symbol, message, call)

        if taps:
            tap(exchange, taps, take, self._fault)
        return list(jobs.values())

    def _fault(self, reason: str, error: Exception) -> None:
        self.refuse(self.name, reason)
        if reason == "venue_error":
            _log.warning("venue says no", feed=self.name, error=str(error)[:300])

    def _served(self, exchange: Exchange) -> list[str]:
        """Name those of our symbols that the venue lists and that we read there."""
        served = []
        for symbol, source in self.source_of.items():
            market = exchange.markets.get(symbol)
            if market is None:
                self.refuse(source, "unlisted")
                _log.error("venue does not list symbol", venue=self.venue.id, symbol=symbol)
            elif not self.venue.calls(self._mode, market, trades=self._trades):
                self.refuse(source, "unsupported")
                _log.error("type of market is not read", source=source, type=market["type"])
            else:
                served.append(symbol)
        if not served:
            raise Retryable(f"{self.venue.id} lists none of {', '.join(self.source_of)}")
        return served

    def _work(self, exchange: Exchange, job: _Job) -> list[Coroutine[Any, Any, None]]:
        if job.call.polled:
            return [self._poll(exchange, job)]
        subjects: Sequence[Any] = job.symbols if job.call.each else [job.symbols]
        return [self._watch(exchange, job.call, subject) for subject in subjects]

    async def _watch(self, exchange: Exchange, call: Call, subject: Any) -> None:
        """Subscribe, and wait for the end: that is where ccxt tells of it.

        Only quotes end the connection; what goes beside them may have a socket of its own.
        """
        for failures in itertools.count(1):
            try:
                with translated(self.venue.id):
                    # ccxt's kraken writes into its own default argument: always give a fresh one
                    await getattr(exchange, call.method)(subject, params=dict(call.params))
            except (Retryable, Refused) as error:
                if call.quotes:
                    raise
                self.refuse(self.name, "lost_channel")
                _log.info("channel lost", feed=self.name, method=call.method, error=str(error))
            await asyncio.sleep(self._pace.delay_s(failures, self._uniform()))

    async def _poll(self, exchange: Exchange, job: _Job) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + max(self._poll_s, job.call.every_s)
            answers = await self._fetch(exchange, job)
            for symbol in job.symbols:
                if symbol in answers:
                    self._take(exchange, symbol, answers[symbol], job.call)
                else:
                    self.refuse(self.source_of[symbol], "missing_answer")
            await asyncio.sleep(max(0.0, due_s - loop.time()))

    async def _fetch(self, exchange: Exchange, job: _Job) -> Mapping[str, Any]:
        """Fetch what the venue answers for; what does not parse is counted and left out."""
        method = getattr(exchange, job.call.method)
        if job.call.each:
            answers = {one: await self._answer(job.call, method, one) for one in job.symbols}
            return {symbol: answer for symbol, answer in answers.items() if answer is not None}
        subject = () if job.call.all_symbols else (job.symbols,)
        answer = await self._answer(job.call, method, *subject)
        return answer if isinstance(answer, Mapping) else {}

    async def _answer(
        self, call: Call, method: Callable[..., Awaitable[Any]], *subject: Any
    ) -> Any:
        try:
            with translated(self.venue.id):
                return await method(*subject)
        except Refused as error:
            self.refuse(self.name, error.reason)
            _log.info("answer refused", feed=self.name, error=str(error))
        except Retryable as error:
            if call.quotes:
                raise
            self.refuse(self.name, "no_answer")
            _log.info("no answer", feed=self.name, method=call.method, error=str(error))
        return None

    def _take(
        self, exchange: Exchange, symbol: str, message: Mapping[str, Any], call: Call
    ) -> None:
        source, now_ns = self.source_of[symbol], self.now_ns()
        if call.fills == "trades" and not self._once.is_new(source, message, now_ns):
            self.refuse(source, "repeated_trade")
            return
        unit = self._units[symbol]
        try:
            quote = parse_quote(source, message, call.fields, unit, now_ns, self.refuse)
        except Refused as error:
            self.refuse(source, error.reason)
            return
        self.deliver(quote, progress=call.quotes)
        if call.quotes:
            self._proven = exchange
