"""ccxt, fenced in: one exchange object a connection, hostile frames caught, errors translated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import aiohttp
import ccxt
import ccxt.async_support
import ccxt.pro
from ccxt.async_support.base.ws.cache import ArrayCache
from ccxt.async_support.base.ws.order_book import OrderBook

from feeds.cex.venue import Venue
from feeds.quote import Refused
from oracle.model.errors import PlumblineError, Retryable

# ccxt ships no types: its exchange objects are Any throughout.
Exchange = Any
OnMessage = Callable[[str, str, Mapping[str, Any]], None]
"""Takes the ccxt attribute that was filled, the symbol, and what was parsed."""
OnFault = Callable[[str, Exception], None]
"""Takes the reason it is counted under: `unparsable_frame` or `venue_error`."""

_MODULES: Final = {"ws": ccxt.pro, "rest": ccxt.async_support}


class _Cache(dict[str, Any]):
    """ccxt's cache of newest tickers, which also tells of every one put into it.

    ccxt's `watch_*` futures give at most one ticker a wake-up: of two symbols in one burst the
    second is lost. Every parser stores what it parsed in such a cache, so nothing is lost here.
    """

    def __init__(self, fills: str, on_message: OnMessage) -> None:
        super().__init__()
        self._fills = fills
        self._on_message = on_message

    def __setitem__(self, symbol: str, message: Mapping[str, Any]) -> None:
        super().__setitem__(symbol, message)
        self._on_message(self._fills, symbol, message)


class _Trades(ArrayCache):  # type: ignore[misc]  # ccxt ships no types
    """ccxt's cache of one symbol's trades, which keeps one and tells of every one."""

    def __init__(self, symbol: str, on_message: OnMessage) -> None:
        super().__init__(1)
        self._symbol = symbol
        self._on_message = on_message

    def append(self, trade: Mapping[str, Any]) -> None:
        """Take one trade."""
        super().append(trade)
        self._on_message("trades", self._symbol, trade)


def tap(
    exchange: Exchange,
    filled: Iterable[tuple[str, str]],
    on_message: OnMessage,
    on_fault: OnFault,
) -> None:
    """Hear of everything that a ccxt.pro exchange parses, and survive what it cannot parse.

    `filled` pairs the attributes that its parsers fill with the symbols of interest.
    """
    pairs = set(filled)
    for fills in {fills for fills, _ in pairs} - {"trades", "orderbooks"}:
        setattr(exchange, fills, _Cache(fills, on_message))
    for symbol in {symbol for fills, symbol in pairs if fills == "trades"}:
        exchange.trades[symbol] = _Trades(symbol, on_message)
    _fence_frames(exchange, on_message, on_fault)


def build_exchange(
    venue: Venue, mode: str, *, rest_url: str | None, ws_url: str | None, timeout_s: float
) -> Exchange:
    """Make a ccxt exchange for public data, at the venue's own addresses unless others are given.

    `mode` is `ws` or `rest`.
    """
    exchange = getattr(_MODULES[mode], venue.id)(
        {
            "timeout": int(timeout_s * 1000),
            "options": dict(venue.options),
            # Currencies are of no use to prices, and need keys or more requests.
            "has": {"fetchCurrencies": False},
        }
    )
    # A close is complete when its sockets are; ccxt's extra wait only serves its own shutdown.
    exchange.timeout_on_exit = 0
    api = exchange.urls["api"]
    if rest_url is not None:
        _override(api, venue.rest_urls(rest_url.rstrip("/")))
    if ws_url is not None and mode == "ws":
        _override(api, {"ws": venue.ws_urls(ws_url.rstrip("/"))})
    return exchange


def _override(api: dict[str, Any], urls: Mapping[str, Any]) -> None:
    """Replace the addresses named, in place: ccxt's objects hold a copy of the defaults each."""
    for key, url in urls.items():
        if isinstance(url, Mapping):
            _override(api[key], url)
        else:
            api[key] = url


def _fence_frames(exchange: Exchange, on_message: OnMessage, on_fault: OnFault) -> None:
    """Stand between ccxt's connections and what comes over them."""
    open_client = exchange.client

    def fenced(url: str) -> Any:
        known = url in exchange.clients
        client = open_client(url)
        if not known:
            _fence(client, on_message, on_fault)
        return client

    exchange.client = fenced


def _fence(client: Any, on_message: OnMessage, on_fault: OnFault) -> None:
    """Keep a frame that ccxt cannot parse from ending its receive loop.

    ccxt parses inside an event-loop callback: an exception there ends the loop without a word,
    and the connection stays open and silent. And where the venue says no to one subscription,
    ccxt would end all that share its connection: a refused funding rate would take the quotes.
    """
    handle, reject = client.handle_message, client.reject

    def handle_message(message: Any) -> None:
        try:
            handle(message)
        except ccxt.BaseError as error:
            client.reject(error)
        except Exception as error:  # noqa: BLE001  any kind comes out of a foreign parser
            on_fault("unparsable_frame", error)

    def rejected(error: Exception, message_hash: object = None) -> Any:
        if message_hash is None and isinstance(error, ccxt.ExchangeError):
            on_fault("venue_error", error)
            return error
        return reject(error, message_hash)

    def resolve(parsed: Any, _: object) -> Any:
        # Order books are changed in place, so this is where one shows as new. Nobody is woken:
        # what was parsed is taken, and watchers only wait for the end.
        if isinstance(parsed, OrderBook):
            on_message("orderbooks", parsed["symbol"], parsed)
        return parsed

    client.handle_message = handle_message
    client.reject = rejected
    client.resolve = resolve


@contextmanager
def translated(venue_id: str) -> Iterator[None]:
    """Translate what ccxt raises, once.

    Raises:
        Retryable: the network or the venue failed.
        Refused: the venue answered, and its answer is an error or not to be parsed.
    """
    try:
        yield
    except PlumblineError:
        raise
    except (ccxt.NetworkError, aiohttp.ClientError, OSError) as error:
        raise Retryable(_described(venue_id, error)) from error
    except Exception as error:  # ccxt's parsers raise any kind on a venue's garbage
        raise Refused("unparsable_frame", _described(venue_id, error)) from error


def _described(venue_id: str, error: BaseException) -> str:
    return f"{venue_id}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


@asynccontextmanager
async def closing(exchange: Exchange) -> AsyncIterator[Exchange]:
    """Close sessions and sockets whatever happens, so that ccxt has nothing to warn about."""
    try:
        yield exchange
    finally:
        await exchange.close()
